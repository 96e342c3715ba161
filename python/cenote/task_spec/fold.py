"""Bottom-up walks over nested structures, with a stack of our own instead of Python's.

Tasks nested in tasks, and lists nested in lists, may be deeper than Python recurses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any


def fold(
    root: Any,
    expand: Callable[[Any], Iterable[Any] | None],
    leaf: Callable[[Any], Any],
    build: Callable[[Any, list[Any]], Any],
) -> Any:
    """Replace every part of a nested structure, innermost first.

    Parameters
    ----------
    root
        The whole.
    expand
        Gives the parts of a part, or None if it has none to look into.
    leaf
        What a part without parts becomes.
    build
        What a part becomes, given what its parts became, in order.

    Returns
    -------
    object
        What the root became.

    Examples
    --------
    >>> fold([1, [2, 3]], lambda x: x if isinstance(x, list) else None, lambda x: -x, lambda _, new: tuple(new))
    (-1, (-2, -3))
    """
    parts = expand(root)
    if parts is None:
        return leaf(root)
    stack: list[tuple[Any, Iterator[Any], list[Any]]] = [(root, iter(parts), [])]
    while True:
        whole, pending, done = stack[-1]
        for part in pending:
            parts = expand(part)
            if parts is not None:
                stack.append((part, iter(parts), []))
                break
            done.append(leaf(part))
        else:
            stack.pop()
            made = build(whole, done)
            if not stack:
                return made
            stack[-1][2].append(made)


def flatten(root: Any, expand: Callable[[Any], Iterable[Any] | None], label: Callable[[Any], Any]) -> list[Any]:
    """A nested structure as one flat list that determines it: each inner part's label and size, and each leaf.

    Examples
    --------
    >>> flatten([1, [2]], lambda x: x if isinstance(x, list) else None, type)
    [(<class 'list'>, 2), 1, (<class 'list'>, 1), 2]
    """
    found: list[Any] = []
    stack = [root]
    while stack:
        part = stack.pop()
        parts = expand(part)
        if parts is None:
            found.append(part)
        else:
            inner = list(parts)
            found.append((label(part), len(inner)))
            stack.extend(reversed(inner))
    return found

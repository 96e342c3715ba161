"""The words in a picture: what functions and keys are called there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from cenote.utils import key_split

# What a key ends in when it was made from its content or by chance: 32 hexadecimal digits, or a UUID.
_TOKEN = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TOKEN_AND_JOINT = re.compile(rf"[-_]?(?:{_TOKEN.pattern})")

# Functions that carry out what others say: their names tell nothing.
_CARRIERS = frozenset({"<lambda>", "_execute_subgraph", "execute_graph", "apply", "_identity_cast"})

_TOOLTIP_MAX = 400


def function_name(function: Callable[..., Any]) -> str:
    """What a function is called, without what was bound to it.

    Parameters
    ----------
    function : callable
        A function, partial, method, class or any other callable.

    Returns
    -------
    str

    Examples
    --------
    >>> from functools import partial
    >>> function_name(partial(sorted, reverse=True))
    'sorted'
    """
    for _ in range(32):
        inner = getattr(function, "func", None)
        if not callable(inner):
            break
        function = inner
    composed = getattr(type(function), "__name__", "") == "Compose" and getattr(function, "first", None)
    if composed:
        return f"{function_name(composed)}(…)"
    name = getattr(function, "__name__", None) or getattr(function, "method", None)
    return name if isinstance(name, str) else type(function).__name__


def has_token(key: Any) -> bool:
    """Whether a key carries a token, which says nothing to a reader.

    Examples
    --------
    >>> has_token("x"), has_token("inc-b7e23ec29af22b0b4e41da31e868d572")
    (False, True)
    """
    return isinstance(key, str) and _TOKEN.search(key) is not None


def call_label(key: Any, function: str) -> str:
    """What stands in the circle of a task: its function, or what its key says instead.

    A key that belongs to a collection, or was given a token, begins with a word for what is done. It was chosen for
    that, so it comes first.

    Parameters
    ----------
    key : hashable
        The key of the task.
    function : str
        The name of its function.

    Examples
    --------
    >>> call_label("y", "inc"), call_label(("sum-b7e23ec29af22b0b4e41da31e868d572", 0), "reduce")
    ('inc', 'sum')
    """
    if isinstance(key, tuple) or has_token(key) or function.removesuffix("(…)") in _CARRIERS:
        return str(key_split(key))
    return function


def data_label(key: Any, verbose: bool = False) -> str:
    """What stands in the box of a piece of data: its key, or of a piece of a collection only which piece it is.

    Parameters
    ----------
    key : hashable
        The key.
    verbose : bool
        Whether a key with a token is written out, too.

    Examples
    --------
    >>> data_label("x"), data_label(("x", 0)), data_label(("x", 0, 1))
    ('x', '0', '(0, 1)')
    >>> data_label("inc-b7e23ec29af22b0b4e41da31e868d572")
    ''
    """
    if isinstance(key, tuple) and len(key) > 1:
        rest = key[1:]
        return str(rest[0] if len(rest) == 1 else rest)
    if isinstance(key, tuple) and len(key) == 1 and not verbose:
        return data_label(key[0])
    return "" if has_token(key) and not verbose else str(key)


def short_label(key: Any, numbers: dict[str, int] | None = None) -> str:
    """A key with its tokens taken out, or numbered in the order in which they are met.

    Parameters
    ----------
    key : object
        The key, or the name of a layer.
    numbers : dict, optional
        The tokens that were met so far; new ones are added.

    Examples
    --------
    >>> short_label("add-b7e23ec29af22b0b4e41da31e868d572")
    'add-#'
    >>> short_label("add-b7e23ec29af22b0b4e41da31e868d572", numbers={})
    'add-#0'
    """

    def number(match: re.Match[str]) -> str:
        return "#" if numbers is None else f"#{numbers.setdefault(match.group(), len(numbers))}"

    return _TOKEN.sub(number, str(key))


def distinct_labels(names: Iterable[Any]) -> list[str]:
    """Names without their tokens; those that would be the same get numbers.

    Parameters
    ----------
    names : iterable
        Names of layers or groups.

    Examples
    --------
    >>> distinct_labels(["add-b7e23ec29af22b0b4e41da31e868d572", "x", "add-ffcd9aa2231d466b5aa91e8bfa9e9487"])
    ['add #1', 'x', 'add #2']
    """
    labels = [_TOKEN_AND_JOINT.sub("", str(name)) or str(name) for name in names]
    often = {label for label, count in Counter(labels).items() if count > 1}
    seen: Counter[str] = Counter()
    for index, label in enumerate(labels):
        if label in often:
            seen[label] += 1
            labels[index] = f"{label} #{seen[label]}"
    return labels


def tooltip(text: Any) -> str:
    """Any text, cut to what fits a tooltip."""
    shown = str(text)
    return shown if len(shown) <= _TOOLTIP_MAX else shown[: _TOOLTIP_MAX - 1] + "…"

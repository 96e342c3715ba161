"""Graphs written as dictionaries of tuples: what is a key, what is a task, and what depends on what.

A graph maps keys to values. A value that is a tuple with a callable first is a task; its arguments may be keys,
nested tasks, lists of these, or plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Literal, TypeVar, overload

from cenote import _dask
from cenote.task_spec import DataNode, GraphNode, TaskRef
from cenote.typing import Graph, Key, NoDefault, no_default

T = TypeVar("T", bound=Hashable)


def _kinds(name: str, ours: type) -> Any:
    """Return our class of task objects, and Dask's of the same name where Dask is loaded."""
    theirs = getattr(_dask.module("_task_spec"), name, None)
    return (ours,) if theirs is None else (ours, theirs)


def ishashable(x: Any) -> bool:
    """Return whether `x` can be hashed.

    Examples
    --------
    >>> ishashable((1, 2)), ishashable((1, []))
    (True, False)
    """
    try:
        hash(x)
    except TypeError:
        return False
    return True


def istask(x: Any) -> bool:
    """Return whether `x` is a task: a tuple with a callable first, or a task object.

    Examples
    --------
    >>> istask((abs, -1)), istask((1, 2)), istask(())
    (True, False, False)
    """
    if type(x) is tuple:
        return bool(x) and callable(x[0])
    return isinstance(x, _kinds("GraphNode", GraphNode)) and not isinstance(x, _kinds("DataNode", DataNode))


def _is_tuple_task(x: Any) -> bool:
    return type(x) is tuple and bool(x) and callable(x[0])


def iskey(key: object) -> bool:
    """Return whether `key` is a portable key: a str, int or float, or a tuple of portable keys.

    On one machine any hashable will do as a key.

    Examples
    --------
    >>> iskey(("x", 0)), iskey(None), iskey(("x", [0]))
    (True, False, False)
    """
    if type(key) is tuple:
        return all(map(iskey, key))
    return type(key) in (str, int, float)


def validate_key(key: object) -> None:
    """Check that `key` is a portable key.

    Raises
    ------
    TypeError
        If it is not; names the part that is not.

    Examples
    --------
    >>> validate_key(("x", None))
    Traceback (most recent call last):
    TypeError: Composite key contains unexpected key type at index=1 (key=('x', None))
    """
    if iskey(key):
        return
    if type(key) is tuple:
        for index, part in enumerate(key):
            try:
                validate_key(part)
            except TypeError as error:
                raise TypeError(f"Composite key contains unexpected key type at {index=} ({key=!r})") from error
    raise TypeError(f"Unexpected key type {type(key)} ({key=!r})")


def has_tasks(dsk: Graph, x: Any) -> bool:
    """Return whether `x` is something to compute: a key of the graph, a task, or a list with one of these in it.

    Examples
    --------
    >>> has_tasks({"x": 1}, ["y", ["x"]]), has_tasks({"x": 1}, ["y"])
    (True, False)
    """
    work = [x]
    while work:
        x = work.pop()
        if istask(x):
            return True
        try:
            if x in dsk:
                return True
        except TypeError:
            pass
        if isinstance(x, list):
            work.extend(x)
    return False


def preorder_traversal(task: Any) -> Iterator[Any]:
    """Yield functions and arguments of a task, in the order in which they are written; a list as `list` first.

    Examples
    --------
    >>> list(preorder_traversal((sum, [1, (abs, -2)])))
    [<built-in function sum>, <class 'list'>, 1, <built-in function abs>, -2]
    """
    work = [iter(task)]
    while work:
        for item in work[-1]:
            if istask(item) or isinstance(item, list):
                if isinstance(item, list):
                    yield list
                work.append(iter(item))
                break
            yield item
        else:
            work.pop()


def flatten(seq: Any, container: Any = list) -> Iterator[Any]:
    """Yield what nested lists contain, at any depth.

    Parameters
    ----------
    seq : iterable
    container : type or tuple of types
        What counts as nesting.

    Raises
    ------
    RecursionError
        A container contains itself.

    Examples
    --------
    >>> list(flatten([1, [2, [3]], (4, 5)]))
    [1, 2, 3, (4, 5)]
    """
    if isinstance(seq, str):
        yield seq
        return
    work = [(seq, iter(seq))]
    while work:
        for item in work[-1][1]:
            if isinstance(item, container):
                if isinstance(item, str):
                    yield item
                    continue
                work.append((item, iter(item)))
                # One that contains itself has no end, so that it is enough to look now and then.
                if len(work) % 64 == 0 and any(item is around for around, _ in work[:-1]):
                    raise RecursionError("a container that contains itself cannot be flattened")
                break
            yield item
        else:
            work.pop()


def get(dsk: Graph, out: Any, cache: MutableMapping[Key, Any] | None = None) -> Any:
    """Compute keys of a graph in the calling thread.

    Parameters
    ----------
    dsk : mapping
    out : key, or list of keys, nested at will
    cache : mutable mapping, optional
        Results that exist already.

    Returns
    -------
    The result, or nested tuples of results.

    Raises
    ------
    KeyError
        If the graph has no such key.

    Examples
    --------
    >>> get({"x": 1, "y": (max, "x", 2)}, "y")
    2
    """
    from cenote.local import get_sync

    for key in flatten([out]):
        if key not in dsk:
            raise KeyError(f"{key} is not a key in the graph")
    return get_sync(dsk, out) if cache is None else get_sync(dsk, out, cache=cache)


@overload
def keys_in_tasks(keys: Collection[Any], tasks: Iterable[Any], as_list: Literal[False] = ...) -> set[Any]: ...
@overload
def keys_in_tasks(keys: Collection[Any], tasks: Iterable[Any], as_list: Literal[True]) -> list[Any]: ...
@overload
def keys_in_tasks(keys: Collection[Any], tasks: Iterable[Any], as_list: bool) -> set[Any] | list[Any]: ...


def keys_in_tasks(keys: Collection[Any], tasks: Iterable[Any], as_list: bool = False) -> set[Any] | list[Any]:
    """Return which of `keys` the tasks mention.

    Parameters
    ----------
    keys : collection
    tasks : iterable
        Tasks, lists, dictionaries (whose values count) and keys, nested at will.
    as_list : bool
        Return a list in which a key stands as often as it is mentioned, instead of a set.

    Raises
    ------
    RecursionError
        A container contains itself.

    Examples
    --------
    >>> keys_in_tasks(["x", "y", "z"], [(max, "x", [(abs, "y")]), "other"]) == {"x", "y"}
    True
    """
    nodes, references = _kinds("GraphNode", GraphNode), _kinds("TaskRef", TaskRef)
    found: list[Key] = []
    work = list(tasks)
    depth, containers = 0, set[int]()
    while work:
        deeper: list[Any] = []
        if depth > 4:  # what is deeper than it has containers contains itself
            containers.update(id(item) for item in work if isinstance(item, (list, tuple, dict)))
            if depth > 5 + len(containers):
                raise RecursionError("a container in a task contains itself")
        depth += 1
        for item in work:
            kind = type(item)
            if kind is tuple and item and callable(item[0]):
                deeper.extend(item[1:])
            elif kind is list:
                deeper.extend(item)
            elif kind is dict:
                deeper.extend(item.values())
            elif isinstance(item, nodes):
                deeper.extend(item.dependencies)
            elif isinstance(item, references):
                deeper.append(item.key)
            else:
                try:
                    if item in keys:
                        found.append(item)
                except TypeError:  # cannot be hashed, so is no key
                    pass
        work = deeper
    return found if as_list else set(found)


def get_dependencies(
    dsk: Graph, key: Key | None = None, task: Any | NoDefault = no_default, as_list: bool = False
) -> set[Key] | list[Key]:
    """Return the keys that a task of the graph directly depends on.

    Parameters
    ----------
    dsk : mapping
    key : key, optional
        The task by its key.
    task : optional
        The task itself, which need not be in the graph.
    as_list : bool
        Return a list in which a key stands as often as it is mentioned, instead of a set.

    Examples
    --------
    >>> get_dependencies({"x": 1, "y": (max, "x", 2)}, "y")
    {'x'}
    >>> get_dependencies({"x": 1}, task=(max, "x", "x"), as_list=True)
    ['x', 'x']
    """
    if key is not None:
        task = dsk[key]
    elif task is no_default:
        raise ValueError("no task given: pass `key` or `task`")
    return keys_in_tasks(dsk, [task], as_list)


def get_deps(dsk: Graph) -> tuple[dict[Key, set[Key]], dict[Key, set[Key]]]:
    """Return the dependencies and the dependents of every key.

    Examples
    --------
    >>> get_deps({"x": 1, "y": (abs, "x")})
    ({'x': set(), 'y': {'x'}}, {'x': {'y'}, 'y': set()})
    """
    dependencies = {key: keys_in_tasks(dsk, [task]) for key, task in dsk.items()}
    return dependencies, reverse_dict(dependencies)


def reverse_dict(d: Mapping[T, Iterable[T]]) -> dict[T, set[T]]:
    """Turn a mapping from keys to many keys around.

    Examples
    --------
    >>> reverse_dict({"y": ["x"], "x": []})
    {'y': set(), 'x': {'y'}}
    """
    result: dict[T, set[T]] = {}
    for key, values in d.items():
        result.setdefault(key, set())
        for value in values:
            result.setdefault(value, set()).add(key)
    return result


def subs(task: Any, key: Any, val: Any) -> Any:
    """Put `val` wherever a task mentions `key`.

    Examples
    --------
    >>> subs((max, "x", [(abs, "x")]), "x", -1)
    (<built-in function max>, -1, [(<built-in function abs>, -1)])
    """
    if _is_tuple_task(task):
        return task[:1] + tuple(_subs_argument(arg, key, val, {key}) for arg in task[1:])
    if type(task) is list:
        return [subs(item, key, val) for item in task]
    # only a value of the key's own type is compared with it: arrays and tables have an equality of their own
    try:
        return val if type(task) is type(key) and task == key else task
    except Exception:
        return task


def _subs_argument(arg: Any, key: Any, val: Any, only_key: set[Any]) -> Any:
    if _is_tuple_task(arg) or type(arg) is list:
        return subs(arg, key, val)
    try:
        return val if arg in only_key else arg
    except TypeError:  # cannot be hashed
        return arg


def toposort(dsk: Graph, dependencies: Mapping[Key, Iterable[Key]] | None = None) -> list[Key]:
    """Return the keys of a graph, each after all those that it depends on.

    Raises
    ------
    RuntimeError
        If there is a cycle; names its keys.

    Examples
    --------
    >>> toposort({"y": (abs, "x"), "x": -1})
    ['x', 'y']
    """
    done, cycle = _walk(dsk, list(dsk), dependencies)
    if cycle:
        raise RuntimeError(f"Cycle detected in Dask: {'->'.join(map(str, cycle))}")
    return done


def getcycle(d: Graph, keys: Any) -> list[Key]:
    """Return the keys of a cycle that some of `keys` depend on, the first one again at the end; empty if none.

    Examples
    --------
    >>> getcycle({"x": (abs, "z"), "y": (abs, "x"), "z": (abs, "y")}, "x")
    ['x', 'z', 'y', 'x']
    """
    return _walk(d, keys if isinstance(keys, list) else [keys], None)[1]


def isdag(d: Graph, keys: Any) -> bool:
    """Return whether no cycle stands in the way of computing `keys`.

    Examples
    --------
    >>> isdag({"x": 0, "y": (abs, "x")}, "y"), isdag({"x": (abs, "x")}, "x")
    (True, False)
    """
    return not getcycle(d, keys)


def _walk(dsk: Graph, keys: list[Key], dependencies: Mapping[Key, Iterable[Key]] | None) -> tuple[list[Key], list[Key]]:
    """Walk depth first from `keys`: return the keys in the order in which they were finished, or a cycle."""
    needs: Callable[[Key], Iterable[Key]]
    if dependencies is None:
        needs = lambda key: keys_in_tasks(dsk, [dsk[key]])  # noqa: E731
    else:
        needs = dependencies.__getitem__
    done: dict[Key, None] = {}
    for start in keys:
        path: dict[Key, Iterator[Key]] = {}
        if start not in done:
            path[start] = iter(needs(start))
        while path:
            key = next(reversed(path))
            for needed in path[key]:
                if needed in path:
                    return [], _shortest_cycle(key, needed, needs)
                if needed not in done:
                    path[needed] = iter(needs(needed))
                    break
            else:
                done[key] = None
                del path[key]
    return list(done), []


def _shortest_cycle(key: Key, needed: Key, needs: Callable[[Key], Iterable[Key]]) -> list[Key]:
    """Return the shortest way from `needed` back to `key`, which needs it, closed to a cycle."""
    came_from: dict[Key, Key] = {needed: needed}
    level = [needed]
    while key not in came_from:
        following = []
        for at in level:
            for to in needs(at):
                if to not in came_from:
                    came_from[to] = at
                    following.append(to)
        level = following
    way = [key]
    while way[-1] != needed:
        way.append(came_from[way[-1]])
    return [*reversed(way), needed]


class literal:
    """Wraps a value that would otherwise be read as a task or a key.

    Examples
    --------
    >>> literal((abs, -1))
    literal<type=tuple>
    >>> literal((abs, -1))()
    (<built-in function abs>, -1)
    """

    __slots__ = ("data",)

    def __init__(self, data: Any) -> None:
        self.data = data

    def __repr__(self) -> str:
        return f"literal<type={type(self.data).__name__}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # a worker that has Dask need not have Cenote
        return getattr(_dask.module("core"), "literal", literal), (self.data,)

    def __call__(self) -> Any:
        """Return the value."""
        return self.data


def quote(x: Any) -> Any:
    """Return something that stands for `x` itself in a graph, whatever `x` looks like.

    Examples
    --------
    >>> quote((abs, -1)), quote(5)
    ((literal<type=tuple>,), 5)
    """
    return (literal(x),) if istask(x) or type(x) is list or type(x) is dict else x

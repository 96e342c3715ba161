"""Small things that graphs and their users need, under the names that Dask gives them."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar
from weakref import WeakValueDictionary

from cenote import _dask
from cenote._dispatch import Dispatch
from cenote._portable import PortableFunction
from cenote._units import format_bytes, format_time, parse_bytes, parse_timedelta

__all__ = [
    "Dispatch",
    "M",
    "SerializableLock",
    "apply",
    "deepmap",
    "ensure_dict",
    "format_bytes",
    "format_time",
    "funcname",
    "has_keyword",
    "is_namedtuple_instance",
    "itemgetter",
    "key_split",
    "methodcaller",
    "natural_sort_key",
    "ndeepmap",
    "parse_bytes",
    "parse_timedelta",
    "stringify",
    "tmpdir",
    "tmpfile",
    "typename",
]


@PortableFunction.of("dask.utils:apply")
def apply(func: Callable[..., Any], args: Any, kwargs: Mapping[str, Any] | None = None) -> Any:
    """Call `func` with positional and keyword arguments: how a task in a tuple has keyword arguments.

    Examples
    --------
    >>> task = (apply, int, ["101"], {"base": 2})
    >>> task[0](*task[1:])
    5
    """
    return func(*args, **kwargs) if kwargs else func(*args)


def deepmap(func: Callable[..., Any], *seqs: Any) -> Any:
    """Call `func` on what nested lists contain.

    Examples
    --------
    >>> deepmap(abs, [[-1, 2], [-3]])
    [[1, 2], [3]]
    """
    if isinstance(seqs[0], list | Iterator):
        return [deepmap(func, *items) for items in zip(*seqs, strict=False)]
    return func(*seqs)


def ndeepmap(n: int, func: Callable[[Any], Any], seq: Any) -> Any:
    """Call `func` on what lists nested `n` deep contain.

    Examples
    --------
    >>> ndeepmap(2, abs, [[-1, 2], [-3]])
    [[1, 2], [3]]
    """
    if n > 0:
        return [ndeepmap(n - 1, func, item) if n > 1 else func(item) for item in seq]
    return func(seq[0] if isinstance(seq, list) else seq)


def funcname(func: Any) -> str:
    """Return a name for a callable, at most 50 characters long.

    Examples
    --------
    >>> funcname(len), funcname(functools.partial(int, base=2)), funcname(lambda: 1)
    ('len', 'int', 'lambda')
    """
    while isinstance(func, functools.partial):
        func = func.func
    if isinstance(func, methodcaller):
        return func.method[:50]
    # callables that keep their function's name elsewhere
    home, kind = getattr(func, "__module__", None) or "", type(func).__name__
    if kind == "curry" and "toolz" in home:
        return str(func.func_name)[:50]
    if kind == "Dispatcher" and "multipledispatch" in home:
        return str(func.name)[:50]
    if kind == "vectorize" and "numpy" in home:
        return f"vectorize_{funcname(func.pyfunc)}"[:50]
    name = getattr(func, "__name__", None)
    if name is None:
        return str(func)[:50]
    return "lambda" if name == "<lambda>" else str(name)[:50]


def typename(typ: Any, short: bool = False) -> str:
    """Return the name of a type, or of an object's type, with its module.

    Parameters
    ----------
    typ : type or object
    short : bool
        Name only the package.

    Examples
    --------
    >>> typename(int), typename(M), typename(M, short=True)
    ('int', 'cenote.utils.MethodCache', 'cenote.MethodCache')
    """
    cls = typ if isinstance(typ, type) else type(typ)
    module = cls.__module__
    if not module or module == "builtins":
        return cls.__name__
    return f"{module.partition('.')[0] if short else module}.{cls.__name__}"


_HEX = frozenset("0123456789abcdef")


@functools.lru_cache(100_000)
def key_split(s: Any) -> str:
    """Return the leading words of a key: what its task does.

    Examples
    --------
    >>> key_split("read-csv-0b1d"), key_split(("sum-7ae05086", 1)), key_split("x")
    ('read-csv', 'sum', 'x')
    >>> key_split("ae05086432ca935f6eba409a8ecd4896"), key_split(None)
    ('data', 'Other')
    """
    if type(s) is bytes:
        return key_split(s.decode())
    if type(s) is tuple and s:
        return key_split(s[0])
    if not isinstance(s, str) or not s.partition("-")[0]:
        return "Other"
    first, *words = s.split("-")
    if not first[0].isalpha():
        first = first.partition(",")[0].strip("_'()\"")
    for word in words:
        if not word.isalpha() or (len(word) == 8 and _HEX.issuperset(word)):
            break
        first += f"-{word}"
    if len(first) == 32 and _HEX.issuperset(first):
        return "data"
    if first.startswith("<"):
        first = first.strip("<>").partition(" ")[0].rpartition(".")[2]
    return first or "Other"


def natural_sort_key(s: str) -> list[str | int]:
    """Return a sort key by which numbers in texts count as numbers.

    Examples
    --------
    >>> sorted(["f10", "f9", "f1"], key=natural_sort_key)
    ['f1', 'f9', 'f10']
    """
    import re

    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", s)]


def stringify(obj: Any, exclusive: Any = None) -> Any:
    """Turn an object into a string, or only those keys in it that are in `exclusive`.

    Examples
    --------
    >>> stringify(("x", 0))
    "('x', 0)"
    >>> stringify({"y": [("x", 0), 1]}, exclusive={("x", 0)})
    {'y': ["('x', 0)", 1]}
    """
    if type(obj) is str or type(obj) is bytes:
        return obj
    if exclusive is None:
        return str(obj)
    if type(obj) is list:
        return [stringify(item, exclusive) for item in obj]
    if type(obj) is dict:
        return {key: stringify(value, exclusive) for key, value in obj.items()}
    try:
        if obj in exclusive:
            return stringify(obj)
    except TypeError:  # cannot be hashed
        pass
    return tuple(stringify(item, exclusive) for item in obj) if type(obj) is tuple else obj


def ensure_dict(d: Mapping[Any, Any], *, copy: bool = False) -> dict[Any, Any]:
    """Return a mapping as a plain dictionary: itself if it is one, unless a copy is asked for.

    Examples
    --------
    >>> d = {"x": 1}
    >>> ensure_dict(d) is d, ensure_dict(d, copy=True) is d
    (True, False)
    """
    if type(d) is dict and not copy:
        return d
    layers = getattr(d, "layers", None)
    if layers is None:
        return dict(d)
    # layer by layer: walking a graph of layers as a mapping looks every key up in all of them
    return {key: task for layer in layers.values() for key, task in layer.items()}


def has_keyword(func: Callable[..., Any], keyword: str) -> bool:
    """Return whether a callable has a parameter of that name.

    Examples
    --------
    >>> has_keyword(sorted, "key"), has_keyword(sorted, "colour")
    (True, False)
    """
    import inspect

    try:
        return keyword in inspect.signature(func).parameters
    except (TypeError, ValueError):
        return False


def is_namedtuple_instance(obj: Any) -> bool:
    """Return whether `obj` is a named tuple."""
    return isinstance(obj, tuple) and type(obj) is not tuple and hasattr(obj, "_fields")


class methodcaller:
    """Calls the method of a given name; there is one object for each name.

    Unlike `operator.methodcaller` it takes the method's arguments when it is called.

    Examples
    --------
    >>> methodcaller("count")([1, 2, 1], 1)
    2
    """

    __slots__ = ("method",)

    method: str
    _made: ClassVar[dict[str, methodcaller]] = {}

    def __new__(cls, method: str) -> methodcaller:
        """Return the one for `method`."""
        self = object.__new__(cls)
        self.method = method
        return cls._made.setdefault(method, self)

    @property
    def func(self) -> str:
        """The method's name."""
        return self.method

    def __call__(self, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call the method of `obj`."""
        return getattr(obj, self.method)(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return _portable("methodcaller", methodcaller), (self.method,)

    def __repr__(self) -> str:
        return f"<methodcaller: {self.method}>"


class MethodCache:
    """The class of `M`, whose every attribute is a `methodcaller`."""

    def __getattr__(self, item: str) -> methodcaller:
        if item == "__wrapped__":  # which `inspect` would follow forever
            raise AttributeError(item)
        return methodcaller(item)

    def __dir__(self) -> list[str]:
        return list(methodcaller._made)


M = MethodCache()
"""Makes functions of methods: ``M.upper("a")`` is ``"a".upper()``."""


class itemgetter:
    """As `operator.itemgetter` of one item, but equal to another of the same item.

    Examples
    --------
    >>> itemgetter(1)("abc"), itemgetter(1) == itemgetter(1)
    ('b', True)
    """

    __slots__ = ("index",)

    def __init__(self, index: Any) -> None:
        self.index = index

    def __call__(self, x: Any) -> Any:
        """Return the item of `x`."""
        return x[self.index]

    def __reduce__(self) -> tuple[Any, ...]:
        return _portable("itemgetter", itemgetter), (self.index,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, itemgetter) and self.index == other.index

    __hash__ = None  # type: ignore[assignment]  # the index may be a slice or a list


def _portable(name: str, ours: type) -> type:
    """Return Dask's class of the same meaning where Dask is loaded: a worker that has Dask need not have Cenote."""
    found: type = getattr(_dask.module("utils"), name, ours)
    return found if found.__module__.partition(".")[0] == "dask" else ours


class SerializableLock:
    """A lock of this process that can be pickled: unpickled here or elsewhere, it is that process's lock of the token.

    Parameters
    ----------
    token : hashable, optional
        What it is known by; locks of one token are one lock.

    Examples
    --------
    >>> import pickle
    >>> lock = SerializableLock()
    >>> with lock:
    ...     pickle.loads(pickle.dumps(lock)).acquire(blocking=False)
    False
    """

    _locks: ClassVar[WeakValueDictionary[Hashable, Any]] = WeakValueDictionary()
    _making: ClassVar[Any] = threading.Lock()

    def __init__(self, token: Hashable | None = None) -> None:
        self.token = token or os.urandom(16).hex()
        self.lock: Any
        with self._making:
            for locks in self._tables():
                self.lock = locks.get(self.token)
                if self.lock is not None:
                    break
            else:
                self.lock = threading.Lock()
            self._locks[self.token] = self.lock

    @classmethod
    def _tables(cls) -> Iterator[Any]:
        """The locks of this process by token: ours, and Dask's where it is loaded."""
        yield cls._locks
        if (theirs := _portable("SerializableLock", cls)) is not cls:
            yield theirs._locks  # type: ignore[attr-defined]

    def acquire(self, *args: Any, **kwargs: Any) -> bool:
        """As `threading.Lock.acquire`."""
        return bool(self.lock.acquire(*args, **kwargs))

    def release(self) -> None:
        """As `threading.Lock.release`."""
        self.lock.release()

    def locked(self) -> bool:
        """As `threading.Lock.locked`."""
        return bool(self.lock.locked())

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self.lock.release()

    def __reduce__(self) -> tuple[Any, ...]:
        for locks in self._tables():  # so that Dask's lock of this token in this process is this one
            locks.setdefault(self.token, self.lock)
        return _portable("SerializableLock", SerializableLock), (self.token,)

    def __repr__(self) -> str:
        return f"<SerializableLock: {self.token}>"


@contextmanager
def tmpfile(extension: str = "", dir: str | None = None) -> Iterator[str]:
    """Give the path of a temporary file that does not exist yet, and remove what is there at the end.

    Examples
    --------
    >>> with tmpfile("csv") as path:
    ...     path.endswith(".csv"), os.path.exists(path)
    (True, False)
    """
    import tempfile

    extension = extension.lstrip(".")
    handle, path = tempfile.mkstemp(f".{extension}" if extension else "", dir=dir)
    os.close(handle)
    os.remove(path)
    try:
        yield path
    finally:
        _remove(path)


@contextmanager
def tmpdir(dir: str | None = None) -> Iterator[str]:
    """Give the path of a temporary folder, and remove it at the end.

    Examples
    --------
    >>> with tmpdir() as path:
    ...     os.listdir(path)
    []
    """
    import tempfile

    path = tempfile.mkdtemp(dir=dir)
    try:
        yield path
    finally:
        _remove(path)


def _remove(path: str) -> None:
    """Remove a file or folder, if it is there and can be removed."""
    import shutil

    try:
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    except OSError:
        pass

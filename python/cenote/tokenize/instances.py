"""Normal forms of objects in general: dataclasses by their fields, all others by what `pickle` would store of them.

The answer of ``__reduce_ex__`` is taken apart and normalized rather than pickled: bytes of a pickle depend on which
of two equal strings are the same object, and on the order of sets.
"""

from __future__ import annotations

import copyreg
from typing import TYPE_CHECKING, Any

from cenote.tokenize.registry import TokenizationError, items, nondeterministic, normalize_token

if TYPE_CHECKING:
    import pickle

_pure_objects: set[object] = set()
"""Every `object()` that has a token is kept, so that its address is not used again."""


@normalize_token.register(object)
def normalize_object(o: Any) -> Any:
    """Return the normal form of an object: plain values and tuples of them, the same for equal objects."""
    method = getattr(o, "__dask_tokenize__", None)
    if method is not None:
        return normalize_token(method())
    if type(o) is object:
        nondeterministic("object() cannot be deterministically hashed: it has nothing but its identity")
        _pure_objects.add(o)
        return "object", id(o)
    if hasattr(type(o), "__dataclass_fields__"):
        return normalize_dataclass(o)
    return normalize_reduced(o)


def normalize_dataclass(o: Any) -> Any:
    """Class and fields."""
    fields = [(name, normalize_token(getattr(o, name, None))) for name in type(o).__dataclass_fields__]
    return "dataclass", normalize_token(type(o)), tuple(fields)


def normalize_reduced(o: Any) -> Any:
    """What `pickle` would store, or a random token for what cannot be pickled."""
    try:
        reduced = _reduce(o)
        if isinstance(reduced, str):
            return _named(o, reduced)
        return _taken_apart(o, *reduced)
    except TokenizationError:
        raise
    except Exception as error:
        return nondeterministic(
            f"an object of {type(o)} cannot be deterministically hashed ({type(error).__name__}: {error}): give it a "
            "method __dask_tokenize__, or register its type with normalize_token.register"
        )


def _reduce(o: Any) -> Any:
    """Ask for what `pickle` asks for; where it knows no answer, ask cloudpickle."""
    reducer = copyreg.dispatch_table.get(type(o))
    if reducer is not None:
        return reducer(o)
    try:
        return o.__reduce_ex__(5)
    except TypeError:
        from cloudpickle import CloudPickler

        return CloudPickler.dispatch_table[type(o)](o)


def _named(o: Any, name: str) -> Any:
    """An object that is known by the name of a global variable."""
    wrapped = getattr(o, "__wrapped__", None)
    if wrapped is not None and "<locals>" in name:
        return "wrapped", normalize_token(type(o)), normalize_token(wrapped)
    return "global", getattr(o, "__module__", None) or type(o).__module__, name


def _taken_apart(
    o: Any, func: Any, args: Any, state: Any = None, listitems: Any = None, dictitems: Any = None, setter: Any = None
) -> Any:
    """How to make the object again, in normal form."""
    form: tuple[Any, ...] = ("reduced", normalize_token(func), items(args))
    if state is not None:
        form += (normalize_token(state),)
    if listitems is not None:
        form += ("list", items(listitems))
    if dictitems is not None:
        from collections import OrderedDict

        ordered = isinstance(o, OrderedDict)
        form += ("dict", items(dictitems) if ordered else normalize_token(dict(dictitems)))
    return form


def normalize_deep(o: Any) -> Any:
    """A hash of its pickle."""
    import pickle

    from cenote.tokenize.builtin import hash_buffer

    buffers: list[pickle.PickleBuffer] = []
    try:
        try:
            data = pickle.dumps(o, protocol=5, buffer_callback=buffers.append)
            importable = b"__main__" not in data
        except Exception:
            importable = False
        if not importable:
            import cloudpickle

            buffers.clear()
            data = cloudpickle.dumps(o, protocol=5, buffer_callback=buffers.append)
    except Exception as error:
        return nondeterministic(
            f"an object of {type(o)} with deep nesting cannot be deterministically hashed "
            f"({type(error).__name__}: {error})"
        )
    return "pickled", hash_buffer(data), tuple(hash_buffer(buffer.raw()) for buffer in buffers)


normalize_token.deep = normalize_deep


@normalize_token.register_lazy("pickle")
def register_pickle() -> None:
    """The memory that `pickle` would hand over without copying it."""
    import pickle

    from cenote.tokenize.builtin import hash_buffer

    @normalize_token.register(pickle.PickleBuffer)
    def normalize_pickle_buffer(buffer: pickle.PickleBuffer) -> Any:
        return "buffer", hash_buffer(buffer.raw())

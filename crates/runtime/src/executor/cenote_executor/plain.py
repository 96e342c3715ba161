"""Plain tasks: calls with keys and constants. Their pickles are written by hand, in a fraction of a pickler's time.

A pickle is a program for a small machine with a stack and a memo. What is alike for all calls of a function is written
once, as the head of their pickles::

    the function, remembered ─► TaskRef, remembered ─► an empty Task ─► its state: what it needs, arguments, key

What is not plain is left to a pickler.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from types import NoneType
from typing import Any, NamedTuple

from dask._task_spec import Alias, List, NestedContainer, Task, TaskRef, _identity_cast

#: What a task consists of, in the order of its pickled state. Another Dask may have other tasks: then nothing is plain.
SLOTS = ["_data_producer", "_dependencies", "_is_coro", "_repr", "_token", "args", "func", "key", "kwargs"]
KNOWN = Task.get_all_slots() == SLOTS and List.get_all_slots() == sorted([*SLOTS, "constructor", "klass"])
#: A function whose pickle is longer is left to a pickler, and so is one that takes more places of the memo.
HEAD_BYTES_MAX = 4096
MEMO_MAX = 200
#: How many functions are remembered.
FUNCTIONS_MAX = 10_000

BYTES = [bytes([number]) for number in range(256)]
SMALL = [b"K" + byte for byte in BYTES]
SHORT = [b"\x8c" + byte for byte in BYTES]


class Strange(Exception):
    """This is not plain."""


def text(value: str) -> bytes:
    """The words for a text."""
    data = value.encode("utf-8", "surrogatepass")
    size = len(data)
    return SHORT[size] + data if size < 256 else b"X" + size.to_bytes(4, "little") + data


def whole(value: int) -> bytes:
    """The words for a whole number."""
    if 0 <= value < 256:
        return SMALL[value]
    return (
        b"J" + value.to_bytes(4, "little", signed=True) if -(2**31) <= value < 2**31 else pickle.dumps(value, 2)[2:-1]
    )


def several(values: tuple[Any, ...]) -> bytes:
    """The words for a tuple of constants."""
    return b"(" + b"".join([CONSTANTS[type(value)](value) for value in values]) + b"t"


def named(thing: Any) -> bytes:
    """The words for a class or function that its module names."""
    return text(thing.__module__) + text(thing.__qualname__) + b"\x93"


SLICE = named(slice)
BUILTINS = {kind: named(kind) for kind in (list, tuple, set, frozenset, dict)}
#: How constants are written, by their types.
CONSTANTS: dict[type, Callable[[Any], bytes]] = {
    NoneType: lambda _: b"N",
    bool: lambda value: b"\x88" if value else b"\x89",
    int: whole,
    float: lambda value: b"G" + struct.pack(">d", value),
    str: text,
    bytes: lambda value: b"B" + len(value).to_bytes(4, "little") + value,
    tuple: several,
    slice: lambda value: SLICE + several((value.start, value.stop, value.step)) + b"R",
    type: lambda value: BUILTINS[value],
}
EMPTY_TASK, EMPTY_LIST = (named(kind) + b")\x81" for kind in (Task, List))
ALIAS, CAST, CONTAIN = named(Alias), named(_identity_cast), named(NestedContainer.to_container)
LIST = BUILTINS[list]
PRODUCES = {False: b"\x89", True: b"\x88"}


def remembered(place: int) -> bytes:
    """The word for what the memo holds at a place."""
    return b"h" + BYTES[place] if place < 256 else b"j" + place.to_bytes(4, "little")


class Head(NamedTuple):
    """What the pickles of all calls of a function have in common."""

    #: Their beginning, for tasks that need nothing, and for others.
    free: bytes
    needy: bytes
    #: The word for the function.
    function: bytes
    #: Where the memo holds `TaskRef`. The keys that a task needs come next.
    place: int
    #: The references to the first, second, ... key that a task needs.
    references: list[bytes]
    #: The buffers of the function.
    buffers: list[int]
    #: The function: as it is remembered by its address, it must live.
    kept: Any


class Plain:
    """Writes the pickles of plain tasks of one graph."""

    def __init__(self, pickled: Callable[[Any], tuple[bytes, int, list[int]] | None]) -> None:
        # The words that load a function, how many places of the memo they take, and the buffers that they need.
        self._pickled = pickled
        self._heads: dict[int, Head | None] = {}

    def of(self, task: Any) -> tuple[bytes, list[int]] | None:
        """The pickle of a task and its buffers, if it is plain."""
        if type(task) is not Task or not KNOWN:
            return None
        try:
            function = task.func
            head = self._heads[id(function)] if id(function) in self._heads else self._learn(function)
            return None if head is None else (written(task, head), head.buffers)
        except (KeyError, Strange, OverflowError, RecursionError, AttributeError):
            return None

    def _learn(self, function: Any) -> Head | None:
        """Makes the head of a function that was not met before, if it can be called by plain tasks."""
        if len(self._heads) >= FUNCTIONS_MAX:
            self._heads.clear()
        made = self._pickled(function)
        head = None
        if made is not None and len(made[0]) <= HEAD_BYTES_MAX and made[1] <= MEMO_MAX:
            words, taken, buffers = made
            load = b"\x80\x05" + words + b"\x940"
            start = EMPTY_TASK + b"("
            needy = load + named(TaskRef) + b"\x940" + start
            head = Head(load + start, needy, remembered(taken), taken + 1, [], buffers, function)
        self._heads[id(function)] = head
        return head


def written(task: Task, head: Head) -> bytes:
    """The pickle of a task, if it is plain."""
    if task._token is not None or task._repr is not None:
        raise Strange
    needs = task._dependencies
    known: dict[Any, bytes] = {}
    if needs:
        references = head.references
        while len(references) < len(needs):
            key_place = head.place + 1 + len(references)
            references.append(remembered(head.place) + remembered(key_place) + b"\x85R")
        known = dict(zip(needs, references, strict=False))
        keys = b"\x94".join([CONSTANTS[type(key)](key) for key in needs])
        parts = [head.needy, PRODUCES[task._data_producer], b"(", keys, b"\x94\x91NNN("]
    else:
        parts = [head.free, PRODUCES[task._data_producer], b"(\x91NNN("]
    for value in task.args:
        kind = type(value)
        if kind is TaskRef:
            parts.append(known[value.key])
        elif (word := CONSTANTS.get(kind)) is not None:
            parts.append(word(value))
        else:
            parts.append(nested(value, known))
    key = task.key
    parts += (b"t", head.function, CONSTANTS[type(key)](key), keywords(task.kwargs, known), b"tb.")
    return b"".join(parts)


def keywords(kwargs: dict[str, Any], known: dict[Any, bytes]) -> bytes:
    """The words for keyword arguments."""
    if not kwargs:
        return b"}"
    return b"}(" + b"".join([text(name) + nested(value, known) for name, value in kwargs.items()]) + b"u"


def nested(value: Any, known: dict[Any, bytes]) -> bytes:
    """The words for an argument; `known` has the references to the keys that the task needs."""
    kind = type(value)
    if kind is TaskRef:
        return known[value.key]
    if kind in CONSTANTS:
        return CONSTANTS[kind](value)
    if kind is Alias and value.key == value.target:
        key = known[value.target][2:-2]
        return ALIAS + key + key + b"\x86R"
    if kind is List and value.kwargs.keys() == {"constructor"}:
        return EMPTY_LIST + b"](" + inner(value, known, LIST + CONTAIN) + b"N" + LIST + b"}eb"
    if kind is Task and value.func is _identity_cast and value.key is None:
        return EMPTY_TASK + b"(" + inner(value, known, CAST) + b"N" + keywords(value.kwargs, known) + b"tb"
    raise Strange


def inner(task: Task, known: dict[Any, bytes], function: bytes) -> bytes:
    """The words for the state of a task inside of another, but for its key and keyword arguments."""
    if task._token is not None or task._repr is not None:
        raise Strange
    keys = b"".join([known[key][2:-2] for key in task._dependencies])
    arguments = b"".join([nested(argument, known) for argument in task.args])
    return PRODUCES[task._data_producer] + b"(" + keys + b"\x91NNN(" + arguments + b"t" + function

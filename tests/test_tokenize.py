"""Tokens: equal for equal objects, different for different ones, the same in every process."""

import dataclasses
import datetime
import enum
import functools
import os
import subprocess
import sys
import textwrap
import threading
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple

import cloudpickle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cenote import _dask, config
from cenote.tokenize import TokenizationError, tokenize

plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
)
hashable = st.recursive(plain, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=6)
values = st.recursive(
    hashable,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hashable, inner, max_size=3) | st.sets(hashable),
    max_leaves=10,
)


def strict(*args, **kwargs):
    return tokenize(*args, ensure_deterministic=True, **kwargs)


@settings(max_examples=50, deadline=None)
@given(values)
def test_a_copy_has_the_same_token(value):
    assert strict(value) == strict(cloudpickle.loads(cloudpickle.dumps(value)))


@settings(max_examples=50, deadline=None)
@given(values, values)
def test_different_values_have_different_tokens(a, b):
    if a != b:
        assert strict(a) != strict(b)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(hashable, plain, max_size=5), st.randoms())
def test_the_order_of_a_dict_does_not_count(d, random):
    pairs = list(d.items())
    random.shuffle(pairs)
    assert strict(d) == strict(dict(pairs))


PROGRAM = """
import collections, enum, functools, sys, cenote.tokenize as t

FACTOR = {"a", "b", "c"}

class Local:
    def __init__(self, x):
        self.x = x
    def times(self, y):
        return self.x in FACTOR
    @property
    def half(self):
        return self.x / 2
    @classmethod
    def make(cls):
        return cls(1)

class Colour(enum.Enum):
    RED = "r"

def outer(k):
    def inner(y, z=frozenset({"p", "q", "r"})):
        return [v for v in FACTOR if v in {"u", "v", "w"}] + [k, y, outer]
    return inner

objects = [
    {"a", "b", "c"}, frozenset({"x", ("y", 1)}), Local("a"), Local, Local("b").times, Local.make, Colour.RED, Colour,
    outer(1), outer, lambda x: FACTOR, functools.partial(outer, k=2), collections.Counter("abca"), range(3),
    collections.deque([1]), 10**5000, 3.5, b"x", len, "a".join, str.join, print,
]
print([t.tokenize(o, ensure_deterministic=True) for o in objects])
"""


def test_tokens_are_the_same_in_another_process():
    def run(seed):
        env = os.environ | {"PYTHONHASHSEED": seed}
        return subprocess.run(
            [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True
        ).stdout

    first, second = run("1"), run("2")
    assert first == second
    tokens = eval(first)
    assert len(set(tokens)) == len(tokens)


def make(k):
    return lambda x: x + k


def test_closures_differ_by_what_they_close_over():
    assert strict(make(1)) == strict(make(1))
    assert strict(make(1)) != strict(make(2))


def test_functions_of_main_differ_by_the_globals_they_mention():
    program = """
    from cenote.tokenize import tokenize
    K = 1
    def f(x): return x + K
    before = tokenize(f)
    K = 2
    assert tokenize(f) != before
    K = 1
    assert tokenize(f) == before
    def f(x): return x - K
    assert tokenize(f) != before
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


def test_where_a_function_is_written_does_not_count():
    functions = []
    for prefix in ("", "\n\n"):
        space = {"__name__": "m"}
        exec(compile(prefix + "def f(x): return x + 1", "file" + prefix, "exec"), space)
        functions.append(space["f"])
    assert strict(functions[0]) == strict(functions[1])


def test_mutual_recursion_ends():
    def even(n):
        return n == 0 or odd(n - 1)

    def odd(n):
        return n != 0 and even(n - 1)

    assert strict(even) != strict(odd)


def test_subclasses_of_containers_are_not_taken_for_the_containers():
    Point = namedtuple("Point", "x y")

    class Bag(list):
        pass

    bag = Bag([1, 2])
    tokens = [strict(v) for v in ((1, 2), Point(1, 2), [1, 2], bag, {1, 2}, frozenset({1, 2}), deque([1, 2]))]
    bag.colour = "red"
    tokens.append(strict(bag))
    assert len(set(tokens)) == len(tokens)
    assert strict(defaultdict(int, a=1)) != strict(defaultdict(list, a=1)) != strict({"a": 1})
    assert strict(Counter("ab")) == strict(Counter("ba"))
    assert strict(OrderedDict(a=1, b=2)) != strict(OrderedDict(b=2, a=1))


def test_subclasses_of_numbers_are_not_hidden_by_their_repr():
    class Celsius(float):
        def __repr__(self):
            return "warm"

    assert strict(Celsius(1)) != strict(Celsius(2))
    assert strict(Celsius(1)) != strict(1.0)


def test_objects_that_contain_themselves_have_tokens():
    class Node:
        pass

    a, b = Node(), Node()
    a.next, b.next = b, a
    c = Node()
    c.next = c
    assert strict(a) == strict(b)
    assert strict(a) != strict(c)


class Link:
    def __init__(self, next):
        self.next = next


def chain(length):
    links = None
    for _ in range(length):
        links = Link(links)
    return links


def called_from_deep(depth, function, *args):
    return called_from_deep(depth - 1, function, *args) if depth else function(*args)


def test_deep_objects_have_tokens_whatever_the_depth_of_the_stack():
    lengths = (1, 23, 24, 25, 26, 100, 101)
    tokens = [strict(chain(length)) for length in lengths]
    assert len(set(tokens)) == len(tokens)
    assert [called_from_deep(500, strict, chain(length)) for length in lengths] == tokens
    with pytest.raises(TokenizationError, match="deep nesting"):
        strict(chain(100_000))


def test_a_property_of_the_object_decides_before_that_of_its_base():
    class Special(dict):
        def __dask_tokenize__(self):
            return "special"

    assert strict(Special(a=1)) == strict(Special(b=2)) != strict({"a": 1})


def test_what_the_object_says_is_normalized_in_turn():
    np = pytest.importorskip("numpy")

    class Holder:
        def __init__(self, x):
            self.x = x

        def __dask_tokenize__(self):
            return self.x

    x = np.arange(2000)
    y = x.copy()
    y[1000] = 0  # not shown in its repr
    assert strict(Holder(x)) != strict(Holder(y))


@dataclasses.dataclass
class Shape:
    sides: int
    name: str = dataclasses.field(default="", repr=False)


class Size(enum.IntEnum):
    SMALL = 1


def test_dataclasses_and_enums():
    assert strict(Shape(3)) == strict(Shape(3)) != strict(Shape(3, "triangle"))
    assert strict(Size.SMALL) == strict(Size(1)) != strict(1)


def test_times_with_a_zone():
    zone = datetime.timezone(datetime.timedelta(hours=1))
    assert strict(datetime.datetime(2020, 1, 1, tzinfo=zone)) != strict(datetime.datetime(2020, 1, 1))


def test_what_cannot_be_hashed_gets_a_random_token_or_an_error():
    lock = threading.Lock()
    assert tokenize(lock) != tokenize(lock)
    for build in (lambda: strict(lock), lambda: strict([lock]), lambda: strict(object())):
        with pytest.raises(TokenizationError, match="deterministically hashed"):
            build()
    with config.set({"tokenize.ensure-deterministic": True}), pytest.raises(TokenizationError, match="lock"):
        tokenize(lock)


def test_nothing_is_left_behind_by_an_error():
    class Rude:
        def __dask_tokenize__(self):
            raise KeyError("rude")

    value = [Rude()]
    for _ in range(2):
        with pytest.raises(KeyError, match="rude"):
            tokenize(value)
    assert strict([1]) == strict([1])


def test_arrays_of_equal_memory_and_different_meaning():
    np = pytest.importorskip("numpy")
    c = np.array([[1, 2], [3, 4]])
    f = np.array([[1, 3], [2, 4]], order="F")
    arrays = [
        c, f, c.astype("i4"), c.reshape(4), c[::-1], np.ma.array(c, mask=c > 2), np.ma.array(c, mask=c > 3),
        np.array(["a-b", "c"], object), np.array(["a", "b-c"], object), np.array(["", ""]), np.array([None]),
        np.array([(1, 2)], dtype=[("a", "i4"), ("b", "i4")]), np.array([(1, 2)], dtype=[("a", "i4"), ("c", "i4")]),
        np.array(5), np.int64(5), np.float64(5), 5.0, np.datetime64("2000-01-01"), np.str_("a"), "a", np.empty((0, 3)),
    ]  # fmt: skip
    tokens = [strict(a) for a in arrays]
    assert len(set(tokens)) == len(tokens)
    assert strict(c[:, ::-1]) == strict(np.ascontiguousarray(c[:, ::-1]))
    assert strict(slice(np.int64(1), c)) != strict(slice(np.int64(1), f))


def test_tables_are_equal_however_pandas_has_grouped_their_columns():
    pd = pytest.importorskip("pandas")
    together = pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": [0.5, 1.5]})
    one_by_one = pd.DataFrame({"a": [1, 2]})
    one_by_one["b"] = [3, 4]
    one_by_one["c"] = [0.5, 1.5]
    swapped = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [3, 4]})
    assert strict(together) == strict(one_by_one) != strict(swapped)
    assert strict(pd.Series([1, 2], name="a")) != strict(pd.Series([1, 2], name="b"))
    assert strict(pd.Timestamp("2000")) != strict(pd.Timestamp("2001"))


def test_arrow_arrays_are_equal_however_they_are_cut():
    pa = pytest.importorskip("pyarrow")
    whole = pa.array([1, 2, None, 4])
    assert strict(whole[:2]) != strict(whole[2:])
    assert strict(whole[1:3]) == strict(pa.array([2, None]))
    assert strict(pa.chunked_array([whole])) == strict(pa.chunked_array([whole[:1], whole[1:]]))
    colours = pa.array(["red", "blue"]).dictionary_encode()
    assert strict(colours) != strict(pa.array(["red", "green"]).dictionary_encode())


def test_sparse_arrays_by_their_content():
    sparse = pytest.importorskip("scipy.sparse")
    for form in ("coo", "csr", "csc", "bsr", "dia", "lil", "dok"):
        a, b = sparse.eye_array(3).asformat(form), sparse.eye_array(3).asformat(form)
        if form == "csr":
            assert b.has_sorted_indices  # which it remembers
        assert strict(a) == strict(b) != strict((a * 2).asformat(form))


@pytest.mark.parametrize("first, second", [("dask.base", "cenote.tokenize"), ("cenote.tokenize", "dask.base")])
def test_types_registered_with_dask_count(first, second):
    pytest.importorskip("dask")
    program = f"""
    import {first}, {second}
    from cenote.tokenize import tokenize
    from dask.core import literal
    from dask.tokenize import normalize_token as theirs
    from toolz import curry

    class Thing(dict):
        def __init__(self, x):
            self.x = x

    class Child(Thing):
        pass

    tokenize(Thing(1))
    theirs.register(Thing, lambda thing: ("thing", thing.x % 10))
    assert tokenize(Thing(1)) == tokenize(Thing(11)) != tokenize(Thing(2))
    assert tokenize(Child(1)) == tokenize(Child(11)) != tokenize(Child(2))
    assert tokenize(literal([1])) != tokenize(literal([2]))
    assert tokenize(curry(max)) == tokenize(curry(max)) != tokenize(curry(min))
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


def test_decorated_and_cached_functions():
    @functools.lru_cache
    def slow(x):
        return x

    @functools.wraps(slow)
    def wrapper(x):
        return slow(x)

    assert strict(slow) != strict(wrapper)


def test_what_dask_remembers_of_a_class_is_not_taken_for_registered():
    dasks = pytest.importorskip("dask.tokenize").normalize_token

    class Base:
        pass

    class Child(Base):
        pass

    def normalize_base(base):
        return "base"

    dasks.register(Base, normalize_base)
    dasks(Child())
    assert _dask.token_handler(Base) is normalize_base
    assert _dask.token_handler(Child) is None

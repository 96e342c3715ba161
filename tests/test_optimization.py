"""Graph passes: each by itself, and all of them with Dask's as the judge where Dask is installed."""

import random
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cenote import config
from cenote.optimization import (
    cull,
    default_fused_keys_renamer,
    functions_of,
    fuse,
    fuse_linear,
    inline,
    inline_functions,
)
from cenote.order import order
from cenote.task_spec import classes


def inc(x):
    return x + 1


def add(*args):
    return sum(args)


def double(x):
    return 2 * x


KEYS = [f"k-{number}" for number in range(6)] + [("t", number) for number in range(4)] + [7, 1.5]


def random_argument(chance, keys, depth=0):
    """Return a key, data, a nested task or a list of such."""
    kind = chance.randrange(8)
    if kind < 4 and keys:
        return chance.choice(keys)
    if kind == 5 and depth < 3:
        return [random_argument(chance, keys, depth + 1) for _ in range(chance.randrange(3))]
    if kind >= 6 and depth < 3:
        return (chance.choice([inc, double]), random_argument(chance, keys, depth + 1))
    return chance.choice(["text", 100, 101])


def random_graph(seed, size):
    """Return a graph of tasks that name earlier keys, data, and other names of keys; and some of its keys."""
    chance = random.Random(seed)
    keys = chance.sample(KEYS, min(size, len(KEYS)))
    dsk = {}
    for key in keys:
        function = chance.choice([inc, add, double, partial(add, 1)])
        arguments = [random_argument(chance, list(dsk)) for _ in range(chance.choice([1, 1, 2]))]
        others = [5, chance.choice(list(dsk)) if dsk else "text", arguments]
        dsk[key] = chance.choice([*others, *[(function, *arguments)] * 9])
    return dsk, chance.sample(keys, chance.randrange(min(3, len(keys) + 1)))


graphs_and_keys = st.builds(random_graph, st.integers(0, 10**9), st.integers(1, len(KEYS)))


@pytest.fixture(scope="module")
def judge():
    return pytest.importorskip("dask.optimization")


@settings(deadline=None, max_examples=300)
@given(graphs_and_keys)
def test_cull_keeps_what_dask_keeps(judge, drawn):
    dsk, keys = drawn
    assert cull(dsk, keys) == judge.cull(dsk, keys)


@settings(deadline=None, max_examples=300)
@given(graphs_and_keys, st.booleans())
def test_inline_does_what_dask_does(judge, drawn, constants):
    dsk, keys = drawn
    before = dict(dsk)
    assert inline(dsk, keys, constants) == judge.inline(dsk, keys, constants)
    assert inline_functions(dsk, keys, [inc, double], constants) == judge.inline_functions(
        dsk, keys, [inc, double], constants
    )
    assert dsk == before


@settings(deadline=None, max_examples=300)
@given(graphs_and_keys, st.sampled_from([None, True, False]), st.booleans())
def test_fuse_linear_does_what_dask_does(judge, drawn, rename, with_keys):
    dsk, keys = drawn
    options = {} if rename is None else {"rename_keys": rename}
    keys = keys if with_keys else None
    assert fuse_linear(dsk, keys, **options) == judge.fuse_linear(dsk, keys, **options)


@settings(deadline=None, max_examples=500)
@given(
    graphs_and_keys,
    st.fixed_dictionaries(
        {},
        optional={
            "ave_width": st.sampled_from([0, 0.5, 1, 1.5, 2, 3, 100]),
            "max_width": st.sampled_from([None, 1, 2, 3]),
            "max_height": st.sampled_from([0, 1, 2, float("inf")]),
            "max_depth_new_edges": st.sampled_from([None, 1, 2, 5]),
            "rename_keys": st.booleans(),
        },
    ),
)
def test_fuse_does_what_dask_does(judge, drawn, options):
    dsk, keys = drawn
    before = dict(dsk)
    assert fuse(dsk, keys, **options) == judge.fuse(dsk, keys, **options)
    culled, dependencies = cull(dsk, keys)
    assert fuse(culled, keys, dependencies, **options) == judge.fuse(culled, keys, dependencies, **options)
    assert dsk == before


@settings(deadline=None, max_examples=100)
@given(graphs_and_keys)
def test_order_is_as_good_as_that_of_dask(drawn):
    dsk, _ = drawn
    dask_order = pytest.importorskip("dask.order")
    assert sorted(order(dsk).values()) == list(range(len(dsk)))
    pressure = dask_order.diagnostics(dsk, order(dsk))[1]
    assert max(pressure) <= max(dask_order.diagnostics(dsk)[1]) + 2


def test_cull_needs_its_keys():
    with pytest.raises(KeyError, match="nowhere"):
        cull({"x": 1}, ["x", "nowhere"])


def test_cull_takes_one_key_lists_and_sets():
    dsk = {"x": 1, ("y", 0): (inc, "x"), "z": (inc, "x")}
    needed = ({"x": 1, ("y", 0): (inc, "x")}, {"x": [], ("y", 0): ["x"]})
    assert cull(dsk, ("y", 0)) == cull(dsk, [[("y", 0)]]) == cull(dsk, {("y", 0)}) == needed


def test_cull_of_any_mapping_looks_only_at_what_is_needed():
    class Lazy(dict):
        def __getitem__(self, key):
            assert key != "unneeded"
            return super().__getitem__(key)

    assert cull(Lazy(x=1, y=(inc, "x"), unneeded=2), "y")[1] == {"y": ["x"], "x": []}


def test_cull_goes_round_a_cycle_once():
    assert set(cull({"a": (inc, "b"), "b": (inc, "a"), "c": 1}, "a")[0]) == {"a", "b"}


def test_task_objects_are_culled_and_not_fused():
    spec = classes()
    dsk = {
        "a": spec.Task("a", inc, 1),
        "b": spec.Task("b", inc, spec.TaskRef("a")),
        "c": (inc, "b"),
        "d": (inc, "c"),
        "e": spec.DataNode("e", 1),
    }
    culled, dependencies = cull(dsk, "d")
    assert dependencies == {"d": ["c"], "c": ["b"], "b": ["a"], "a": []}
    fused, _ = fuse(culled, dependencies=dependencies, rename_keys=False)
    assert fused == {"a": dsk["a"], "b": dsk["b"], "d": (inc, (inc, "b"))}


def test_a_long_chain_becomes_one_task():
    dsk = {0: (inc, 1.5)} | {number: (inc, number - 1) for number in range(1, 5000)}
    for fused, _ in (fuse(dsk, rename_keys=False), fuse_linear(dsk, rename_keys=False)):
        assert list(fused) == [4999]


def test_fusing_is_configured():
    dsk = {"a": (inc, 1), "b": (inc, 2), "c": (add, "a", "b")}
    with config.set({"optimization.fuse.active": False}):
        assert fuse(dsk, dependencies="untouched") == (dsk, "untouched")
    with config.set({"optimization.fuse.ave-width": 2, "optimization.fuse.rename-keys": False}):
        assert fuse(dsk) == ({"c": (add, (inc, 1), (inc, 2))}, {"c": set()})
    assert fuse(dsk)[0] == dsk


def test_names_of_fused_tasks():
    assert default_fused_keys_renamer(["b-1", "a-1", "a-2", "c-1"]) == "a-b-c-1"
    assert default_fused_keys_renamer([("b-1", 0), ("c-1", 0, 1)]) == ("b-c-1", 0, 1)
    assert default_fused_keys_renamer([1, 2]) is None
    assert len(default_fused_keys_renamer(["x" * 200, "y" * 200])) <= 120
    assert len(default_fused_keys_renamer(["x" * 200, "y" * 200], max_fused_key_length=None)) > 400
    with pytest.raises(TypeError, match="rename_keys must be a boolean or callable"):
        fuse({"a": 1, "b": (inc, "a")}, rename_keys="yes")
    assert fuse({"a": 1, "b": (inc, "a")}, rename_keys=lambda keys: "/".join(keys))[0] == {"a/b": (inc, 1), "b": "a/b"}


def test_functions_of_nested_tasks_and_partials():
    assert functions_of((partial(add, 1), [(inc, 1), ((double, 2),)], "x")) == {add, inc, double}
    assert functions_of("x") == set()

"""The static order: what it promises by itself, and that it is as good as Dask's where Dask is installed."""

import random

import pytest

from cenote import _native
from cenote.order import Order, diagnostics, ndependencies, order, sanitize_dsk


def f(*args):
    """Stand for any function."""


def random_graph(chance, tasks, degree_max=4, reach=None):
    """Return a graph in which each task needs some of the `reach` tasks before it."""
    dsk = {}
    for task in range(tasks):
        earlier = range(0 if reach is None else max(0, task - reach), task)
        needs = chance.sample(earlier, chance.randint(0, min(len(earlier), degree_max)))
        dsk[("t", task)] = (f, *(("t", need) for need in needs))
    return dsk


def assert_is_order(dsk, places):
    assert sorted(places.values()) == list(range(len(dsk)))
    for key, needs in _native.dependencies(dsk).items():
        assert all(places[need] < places[key] for need in needs if need in places)


@pytest.mark.parametrize("seed", range(20))
def test_every_task_has_a_place_after_its_dependencies(seed):
    chance = random.Random(seed)
    dsk = random_graph(chance, 200, reach=chance.choice([None, 5, 50]))
    assert_is_order(dsk, order(dsk))


def test_ties_are_broken_by_the_text_of_keys():
    keys = ["b", "a", ("x", 10), ("x", 9), ("x", -1), ("x",), ("x", "y"), ("x", "y z"), 5, 12, 1.5, ("é", 1), "é"]
    keys += [
        ("x", ("y", 1)),
        ("x", ("y", 1, 2)),
        ("x", "it's"),
        ("x", 1, 2),
        ("x", 2**70),
        -3,
        -10,
        ("\udc80", 1),
        "\udc80",
        (),
    ]
    places = order({key: (f,) for key in keys})
    # the leaf that is worth most comes first
    assert list(places) == sorted(keys, key=str, reverse=True)


def test_keys_of_any_type_are_ordered():
    keys = [None, frozenset({1}), object(), b"x", True]
    assert_is_order({key: (f, "x") for key in keys}, order({key: (f, "x") for key in keys}))


def test_lists_and_nested_tasks_name_their_keys():
    dsk = {"a": 1, "b": (f, [["a"], (f, "a", {"k": "a"})]), "c": ["a", "b"], "d": "c"}
    assert order(dsk) == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_a_cycle_is_an_error_that_names_its_keys():
    with pytest.raises(
        RuntimeError, match="Cycle detected between the following keys:\n  -> a\n  -> c\n  -> b\n  -> a"
    ):
        order({"a": (f, "c"), "b": (f, "a"), "c": (f, "b")})


def test_an_empty_graph_has_an_empty_order():
    assert order({}) == {}


def test_a_long_chain_neither_overflows_nor_takes_long():
    tasks = 100_000
    dsk = {task: (f, task - 1) if task else (f,) for task in range(tasks)}
    assert order(dsk) == {task: task for task in range(tasks)}


def test_statistics_say_what_is_on_a_critical_path():
    dsk = {"a": (f,), "b": (f, "a"), "c": (f, "a"), "d": (f, "b"), "e": (f, "c")}
    found = order(dsk, return_stats=True)
    assert all(type(entry) is Order for entry in found.values())
    assert {key: entry.priority for key, entry in found.items()} == order(dsk)
    assert found["a"].critical_path == 1


def test_a_key_that_changes_the_graph_while_it_is_read_does_no_harm():
    dsk = {}

    class Key:
        def __hash__(self):
            dsk.clear()
            return 1

    dsk.update({"a": (f,), "b": (f, "a")})
    key = Key()
    dict.__setitem__(dsk, key, (f, "a"))
    dsk.update({"a": (f,), "b": (f, "a")})
    assert len(order(dsk)) >= 1


def test_a_key_without_text_does_no_harm():
    class Key:
        def __str__(self):
            raise ValueError("no text")

    assert len(order({Key(): (f,) for _ in range(3)})) == 3


def test_diagnostics_count_what_is_held():
    dsk = {"a": (f,), "b": (f, "a"), "c": (f, "b"), "d": (f, "a", "c")}
    info, pressure = diagnostics(dsk)
    assert pressure == [0, 1, 2, 2]
    assert info["a"] == (0, 3, 0, 2, 0)
    assert info["d"] == (3, 0, 2, 2, 2)


def test_all_dependencies_are_counted():
    assert ndependencies({"a": [], "b": ["a"]}, {"a": ["b"], "b": []}) == ({"a": 0, "b": 1}, {"a": 1, "b": 2})


def test_a_sanitized_graph_keeps_only_the_shape():
    dsk = {"a": "secret", "b": (len, "a")}
    sanitized = sanitize_dsk(dsk)
    assert order(sanitized) == order(dsk)
    assert sanitized["b"].func is not len


@pytest.mark.parametrize("reach", [None, 10])
def test_the_pressure_is_that_of_dask(reach):
    dask_order = pytest.importorskip("dask.order")
    ours = theirs = 0
    for seed in range(40):
        dsk = random_graph(random.Random(seed), 150, reach=reach)
        ours += max(diagnostics(dsk)[1])
        theirs += max(diagnostics(dsk, dask_order.order(dsk))[1])
    assert ours <= 1.05 * theirs


def test_estimates_where_counting_would_take_too_long_are_as_good_on_average():
    dask_order = pytest.importorskip("dask.order")
    ours = theirs = 0
    for seed in range(6):
        dsk = random_graph(random.Random(seed), 2000)
        places = _native.order(dsk, budget=0)
        assert_is_order(dsk, places)
        ours += max(diagnostics(dsk, places)[1])
        theirs += max(diagnostics(dsk, dask_order.order(dsk))[1])
    assert ours <= 1.05 * theirs


def test_diagnostics_are_those_of_dask():
    dask_order = pytest.importorskip("dask.order")
    dsk = random_graph(random.Random(1), 100)
    places = order(dsk)
    assert diagnostics(dsk, places) == dask_order.diagnostics(dsk, places)


def test_task_objects_of_dask_and_keys_outside_the_graph():
    spec = pytest.importorskip("dask._task_spec")
    dsk = {"b": spec.Task("b", f, spec.TaskRef("a"), spec.TaskRef("gone")), "a": spec.DataNode("a", 1)}
    dsk |= {"c": spec.Task("c", f, spec.TaskRef("a"), spec.TaskRef("gone"))}
    assert_is_order(dsk, order(dsk))
    assert set(order(dsk)) == {"a", "b", "c"}

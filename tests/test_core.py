"""Keys, tasks and dependencies of graphs written as dictionaries of tuples, and the small things around them."""

import itertools
import pickle
import subprocess
import sys
import textwrap
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cenote import compute, utils
from cenote.context import globalmethod
from cenote.core import (
    flatten,
    get_dependencies,
    get_deps,
    getcycle,
    has_tasks,
    isdag,
    iskey,
    istask,
    keys_in_tasks,
    literal,
    preorder_traversal,
    quote,
    reverse_dict,
    subs,
    toposort,
    validate_key,
)
from cenote.optimization import cull
from cenote.order import order
from cenote.task_spec import Alias, DataNode, Task, TaskRef
from cenote.tokenize import tokenize
from cenote.typing import DaskCollection, HLGDaskCollection

edges = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25)


def graph(edges, acyclic):
    """A graph of tuples in which each pair says that the first needs the second."""
    needs = {key: [] for key in range(10)}
    for key, needed in edges:
        if not acyclic or needed < key:
            needs[key].append(needed)
    return {key: (add, *needed) for key, needed in needs.items()}


@given(edges)
def test_in_topological_order_every_key_comes_after_what_it_needs(edges):
    dsk = graph(edges, acyclic=True)
    order = toposort(dsk)
    assert sorted(order) == sorted(dsk)
    place = {key: i for i, key in enumerate(order)}
    assert all(place[needed] < place[key] for key in dsk for needed in get_dependencies(dsk, key))


@given(edges)
def test_a_cycle_is_reported_exactly_when_there_is_one(edges):
    dsk = graph(edges, acyclic=False)
    cycle = getcycle(dsk, list(dsk))
    assert isdag(dsk, list(dsk)) == (not cycle)
    if not cycle:
        assert len(toposort(dsk)) == len(dsk)
        return
    assert cycle[0] == cycle[-1]
    assert all(needed in get_dependencies(dsk, key) for key, needed in itertools.pairwise(cycle))
    with pytest.raises(RuntimeError, match=r"Cycle detected in Dask: .*->"):
        toposort(dsk)


@given(edges)
def test_reversing_twice_gives_the_dependencies_back(edges):
    dependencies, dependents = get_deps(graph(edges, acyclic=False))
    assert reverse_dict(dependents) == dependencies


def test_a_cycle_of_one_names_itself():
    assert getcycle({"x": (abs, "x")}, "x") == ["x", "x"]


def test_a_chain_of_many_tasks_is_sorted_without_recursion():
    dsk = {i: (abs, i - 1) for i in range(50_000)} | {-1: None}
    assert len(toposort(dsk)) == 50_001


def test_deep_lists_are_flattened_and_searched_without_recursion():
    deep = ["x"]
    for _ in range(20_000):
        deep = [deep]
    assert list(flatten(deep)) == ["x"]
    assert keys_in_tasks({"x"}, [deep]) == {"x"}
    assert has_tasks({"x": 1}, deep)
    assert list(preorder_traversal((sum, deep)))[-1] == "x"


def test_what_contains_itself_is_an_error_and_no_endless_loop():
    nested = ["x"]
    nested += [nested, (abs, nested), {"in": nested}]
    graph = {"x": 1, "y": (len, nested)}
    for read in (flatten, lambda nested: keys_in_tasks(graph, [nested])):
        with pytest.raises(RecursionError, match="contains itself"):
            list(read(nested))
    for read in (order, lambda graph: cull(graph, "y"), lambda graph: compute(graph["y"])):
        with pytest.raises(RecursionError, match="contains itself"):
            read(graph)
    shared = ["x"]
    for _ in range(10):
        shared = [shared, shared]
    assert len(keys_in_tasks(graph, [shared], as_list=True)) == len(cull({"x": 1, "y": shared}, "y")[1]["y"]) == 1024


def test_strings_are_not_flattened_even_if_strings_are_containers():
    assert list(flatten("foo")) == ["foo"]
    assert list(flatten(["foo", ("x", 0)], container=(list, tuple))) == ["foo", "x", 0]


def test_task_objects_count_as_tasks_and_name_their_dependencies():
    task = Task("y", abs, TaskRef("x"))
    assert istask(task) and istask(Alias("y", "x")) and not istask(DataNode("x", 1))
    dsk = {"x": DataNode("x", 1), "y": task, "z": [TaskRef("y")]}
    assert get_deps(dsk)[0] == {"x": set(), "y": {"x"}, "z": {"y"}}


def test_task_objects_of_dask_count_too():
    spec = pytest.importorskip("dask._task_spec")
    task = spec.Task("y", abs, spec.TaskRef("x"))
    assert istask(task) and not istask(spec.DataNode("x", 1))
    assert get_dependencies({"x": 1, "y": task}, "y") == {"x"}


def test_substitution_never_compares_values_with_the_key():
    class Rude:
        def __eq__(self, other):
            raise RuntimeError

        __hash__ = None

    rude = Rude()
    assert subs((add, rude, ["x", (abs, "x")]), "x", 1) == (add, rude, [1, (abs, 1)])
    assert subs(rude, "x", 1) is rude


def test_keys():
    assert iskey("x") and iskey(("x", (1, 2.0))) and iskey(())
    assert not iskey(True) and not iskey(b"x") and not iskey(("x", None))
    with pytest.raises(TypeError, match="unexpected key type at index=1"):
        validate_key(("x", [1]))


def test_a_literal_pickles_and_has_a_token():
    wrapped = pickle.loads(pickle.dumps(literal((abs, 1))))
    assert wrapped() == (abs, 1)
    assert tokenize(literal([1])) == tokenize(literal([1])) != tokenize(literal([2]))
    if "dask" in sys.modules:
        from dask.core import literal as theirs

        assert tokenize(theirs([1])) == tokenize(literal([1]))
    assert quote([1])[0].data == [1] and quote("x") == "x"


def test_key_split_keeps_words_and_drops_tokens():
    assert utils.key_split("x-database-1") == "x-database"
    assert utils.key_split("x-abcdefab") == "x"
    assert utils.key_split("('x-2', 1)") == "x"
    assert utils.key_split(b"hello-world-1") == "hello-world"
    assert utils.key_split("<module.submodule.myclass object at 0xdaf372") == "myclass"
    assert utils.key_split(()) == utils.key_split("") == utils.key_split("-1") == "Other"


@given(st.integers(0, 2**59))
def test_formatted_bytes_fit_in_ten_characters_and_parse_back(n):
    text = utils.format_bytes(n)
    assert len(text) <= 10
    assert abs(utils.parse_bytes(text) - n) <= max(0.01 * n, 1)


def test_units_that_do_not_exist_are_errors_that_say_which_do():
    with pytest.raises(ValueError, match=r"'foos'.*kiB"):
        utils.parse_bytes("5 foos")
    with pytest.raises(ValueError, match="number"):
        utils.parse_bytes("5x3 kB")
    with pytest.raises(KeyError, match="Valid units are"):
        utils.parse_timedelta("1 fortnight")


def test_what_stands_for_functions_pickles_to_itself():
    assert pickle.loads(pickle.dumps(utils.M.upper))("a") == "A"
    assert pickle.loads(pickle.dumps(utils.itemgetter(1)))("ab") == "b"
    assert pickle.loads(pickle.dumps(utils.apply))(int, ["11"], {"base": 2}) == 3
    with utils.SerializableLock("token"):
        assert utils.SerializableLock("token").locked()


@pytest.mark.parametrize("modules", ["pickle", "pickle, dask.utils"])
def test_a_lock_pickled_and_unpickled_is_the_same_lock(modules):
    program = f"""
    import {modules}
    from cenote.utils import SerializableLock
    lock, other = SerializableLock(), SerializableLock("other")
    copy = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(lock))))
    with lock:
        assert copy.locked() and not copy.acquire(blocking=False) and not other.locked()
        assert SerializableLock(lock.token).locked()
    assert not copy.locked()
    """
    if "dask" in modules:
        pytest.importorskip("dask")
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


def test_a_lazy_handler_is_found_for_subclasses_too():
    import decimal

    class Child(decimal.Decimal):
        pass

    kind = utils.Dispatch()
    kind.register(object, lambda x: "object")
    kind.register_lazy("decimal", lambda: kind.register(decimal.Decimal, lambda x: "decimal"))
    assert kind(1) == "object"
    assert kind(Child(1)) == "decimal"
    with pytest.raises(TypeError, match="no handler"):
        utils.Dispatch()(1)


def test_protocols_are_checked_by_methods():
    class Mine:
        __dask_optimize__ = globalmethod(lambda graph, keys: graph, key="mine_optimize")
        __dask_scheduler__ = staticmethod(max)

    for name in "graph keys postcompute postpersist tokenize".split():
        setattr(Mine, f"__dask_{name}__", lambda self: None)
    assert not isinstance(Mine(), DaskCollection)
    for name in "compute persist visualize".split():
        setattr(Mine, name, lambda self: None)
    assert isinstance(Mine(), DaskCollection)
    assert not isinstance(Mine(), HLGDaskCollection)

"""Tasks as objects (cenote.task_spec)."""

import collections
import copy
import pickle
import subprocess
import sys
from operator import add

import pytest

import cenote.task_spec
from cenote.task_spec import Alias, DataNode, Dict, GraphNode, List, Set, Task, TaskRef, Tuple, parse_input

Point = collections.namedtuple("Point", "x y")


def keyword_only(a, *, b, c=0):
    return (a, b, c)


async def coroutine():
    return 1


class FutureOfSomebodyElse:
    __dask_future__ = True

    def __init__(self, key):
        self.key = key


class Doubled(Task):
    """A kind of task with a way of its own to compute."""

    def __call__(self, values=()):
        return 2 * super().__call__(values)


def deep(depth, innermost):
    node = innermost
    for _ in range(depth):
        node = List(node)
    return node


def test_a_task_calls_its_function_with_its_arguments():
    task = Task("t", keyword_only, TaskRef("x"), b=TaskRef("y"), c=3)
    assert task.dependencies == {"x", "y"}
    assert task({"x": 1, "y": 2}) == (1, 2, 3)


def test_strings_and_containers_are_never_references():
    task = Task("t", keyword_only, "x", b=["y", ("z", 0)])
    assert task.dependencies == frozenset()
    assert task() == ("x", ["y", ("z", 0)], 0)


def test_a_missing_value_is_named():
    with pytest.raises(RuntimeError, match=r"not enough arguments for 't': missing keys \{'y'\}"):
        Task("t", add, TaskRef("x"), TaskRef("y"))({"x": 1})


def test_a_task_cannot_be_the_function_of_a_task():
    with pytest.raises(TypeError, match="Cannot nest tasks"):
        Task("b", Task("a", abs, 1))


def test_containers_hold_references_at_any_level():
    node = Dict({"a": List(TaskRef("x"), 2), "b": Tuple(Set(TaskRef("y")), Alias("z")), "c": DataNode("d", "x")})
    assert node.dependencies == {"x", "y", "z"}
    assert node({"x": 1, "y": 2, "z": 3}) == {"a": [1, 2], "b": ({2}, 3), "c": "x"}


@pytest.mark.parametrize(("kind", "plain"), [(List, [1, 2]), (Tuple, (1, 2)), (Set, {1, 2}), (Dict, {1: 2})])
def test_a_container_is_made_of_the_builtin_it_stands_for(kind, plain):
    assert kind(plain)() == plain
    assert type(kind(plain)()) is type(plain)


def test_a_dict_can_be_written_in_four_ways_and_read_as_a_mapping():
    for made in (Dict({"a": 1}), Dict([("a", 1)]), Dict("a", 1), Dict(a=1)):
        assert made() == {"a": 1}
        assert made["a"] == 1
        assert list(made) == ["a"]
    with pytest.raises(ValueError, match="Invalid number of arguments"):
        Dict("a", 1, "b")
    with pytest.raises(KeyError):
        Dict(a=1)["b"]


def test_an_alias_forwards_and_a_data_node_holds():
    assert Alias("y", "x")({"x": 1}) == 1
    assert Alias("y", TaskRef("x")).target == Alias("y", Alias("x")).target == "x"
    assert Alias("x").dependencies == {"x"}
    assert DataNode("k", (add, "x", 1))() == (add, "x", 1)
    assert DataNode(None, 1).key != DataNode(None, 1).key


def test_a_subclass_of_task_computes_its_own_way_even_when_nested():
    assert Task("t", add, Doubled(None, abs, TaskRef("x")), 1)({"x": -3}) == 7


def test_substitution_renames_references_and_puts_nodes_in_their_place():
    task = Task("t", add, TaskRef("x"), List(TaskRef("x"), TaskRef("y")))
    renamed = task.substitute({"x": "z"}, key="u")
    assert renamed.key == "u"
    assert renamed.dependencies == {"z", "y"}
    assert task.dependencies == {"x", "y"}
    inlined = Task("t", add, TaskRef("x"), 1).substitute({"x": Task("x", abs, -1)})
    assert inlined.dependencies == frozenset()
    assert inlined() == 2
    assert task.substitute({"a": "b"}) is task
    assert task.substitute({"x": "x"}) is task
    assert Alias("a", "x").substitute({"x": "y"}).target == "y"
    assert DataNode("a", 1).substitute({"a": "b"}, key="c").key == "c"


def test_nodes_are_equal_when_they_say_the_same():
    assert Task("t", add, TaskRef("x"), 1) == Task("t", add, TaskRef("x"), 1)
    assert Task("t", add, TaskRef("x"), 1) != Task("t", add, TaskRef("y"), 1)
    assert Task("t", add, 1, 2) != Task("t", add, 1, 3)
    assert List(1, 2) != Tuple(1, 2)
    assert Task("t", keyword_only, 1, b=2) != Task("t", keyword_only, 1, c=2)
    assert Alias("a", "x") == Alias("a", "x") != Alias("a", "y")
    assert DataNode("a", [1]) == DataNode("b", [1]) != DataNode("a", [2])
    assert TaskRef("a") == TaskRef("a") != TaskRef("b")
    assert hash(Task("t", add, 1, 2)) == hash(Task("t", add, 1, 2))


NODES = [
    Task("t", keyword_only, TaskRef("x"), b=List(1, TaskRef("y"))),
    Alias("a", "b"),
    DataNode("d", [1, 2]),
    Dict({"a": TaskRef("x"), "b": Set(1)}),
    Tuple(1, TaskRef("x")),
    TaskRef(("x", 0)),
]


@pytest.mark.parametrize("node", NODES)
def test_nodes_pickle_as_dasks_where_dask_is_loaded(node):
    dask = pytest.importorskip("dask._task_spec")
    data = pickle.dumps(node)
    assert b"cenote" not in data
    again = pickle.loads(data)
    assert type(again) is getattr(dask, type(node).__name__)
    if isinstance(node, GraphNode):
        assert again.dependencies == node.dependencies
        assert again(values := {"x": 1, "y": 2, "b": 3}) == node(values)


def test_nodes_survive_pickling_and_copying():
    for node in NODES:
        if isinstance(node, GraphNode):
            assert copy.copy(node) == node
            assert type(copy.copy(node)) is type(node)
    code = (
        "import pickle, sys\n"
        "from cenote.task_spec import *\n"
        "for node in (Task('t', max, TaskRef('x'), default=List(1, TaskRef('y'))), Alias('a', 'b'), DataNode('d', [1]),"
        " Dict({'a': TaskRef('x')}), TaskRef('x')):\n"
        "    again = pickle.loads(pickle.dumps(node))\n"
        "    assert again == node and type(again) is type(node)\n"
        "    assert isinstance(node, TaskRef) or again.dependencies == node.dependencies\n"
        "assert 'dask' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_nested_deeper_than_python_recurses_is_evaluated_substituted_compared_and_freed():
    node = deep(20_000, TaskRef("x"))
    task = Task("t", lambda nested: nested, node)
    value = task({"x": 1})
    for _ in range(20_000):
        (value,) = value
    assert value == 1
    assert task.substitute({"x": "y"}).dependencies == {"y"}
    assert task == Task("t", task.func, deep(20_000, TaskRef("x")))
    assert task != Task("t", task.func, deep(20_000, TaskRef("y")))


def test_deeply_nested_input_is_parsed():
    data = FutureOfSomebodyElse("x")
    for _ in range(20_000):
        data = [data]
    assert parse_input(data).dependencies == {"x"}


def test_parsing_finds_references_in_builtin_containers_and_leaves_the_rest_alone():
    parsed = parse_input({"a": [TaskRef("x")], "b": (1, {2}), "c": Point(FutureOfSomebodyElse("y"), 1)})
    assert parsed({"x": 1, "y": 2}) == {"a": [1], "b": (1, {2}), "c": Point(2, 1)}
    untouched = [1, {"a": ("x", 0)}]
    assert parse_input(untouched) is untouched
    assert parse_input(TaskRef("x")) == Alias("x")


def test_coroutines_and_data_producers_can_be_told():
    assert Task("t", coroutine).is_coro
    assert not Task("t", abs, 1).is_coro
    assert Task("t", abs, 1, _data_producer=True).data_producer
    assert Task("t", abs, 1, _data_producer=True).copy().data_producer
    assert DataNode("d", 1).data_producer


def test_reprs_are_short_and_name_the_key():
    assert repr(Task("t", abs, 1)) == "<Task 't' abs(...)>"
    assert repr(Alias("a", "b")) == "Alias('a'->'b')"
    assert len(repr(List(*range(100_000)))) < 50


def test_dask_nodes_among_the_arguments_are_understood():
    dask = pytest.importorskip("dask._task_spec")
    task = Task("t", add, dask.TaskRef("x"), dask.Task(None, add, dask.TaskRef("y"), 1))
    assert task.dependencies == {"x", "y"}
    assert task({"x": 1, "y": 2}) == 4


def test_the_classes_in_use_are_dasks_where_dask_is_loaded():
    code = "import sys, cenote.task_spec as t; assert t.classes() is t; assert 'dask' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    dask = pytest.importorskip("dask._task_spec")
    assert cenote.task_spec.classes() is dask

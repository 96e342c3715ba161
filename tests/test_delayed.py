"""``delayed``: writing calls down, and what the written-down calls give when they run."""

import copy
import gc
import operator
import pickle
import sys
import threading
import types
import weakref
from collections import namedtuple
from dataclasses import dataclass

import pytest

import cenote
from cenote import annotate, compute, config, delayed
from cenote.delayed import Delayed, DelayedGraph, MethodCaller


def inc(x):
    return x + 1


def add(a, b):
    return a + b


@dataclass
class Point:
    x: object
    y: object = 0


Pair = namedtuple("Pair", ["left", "right"])


def same(x):
    return x


class Target:
    """Something that can be weakly referenced."""


def test_the_tutorial_runs():
    output = []
    for x in [1, 2, 3, 4, 5]:
        a = delayed(inc)(x)
        b = delayed(lambda x: x * 2)(x)
        output.append(delayed(add)(a, b))
    assert delayed(sum)(output).compute() == 50


def test_delayed_decorates_with_and_without_parameters():
    @delayed
    def one(x):
        """Says one."""
        return x

    @delayed(pure=True)
    def two(x):
        return x

    assert one(1).compute() == two(1).compute() == 1
    assert (one.__name__, one.__doc__) == ("one", "Says one.")
    assert one.__wrapped__(5) == 5
    assert two(1).key == two(1).key
    assert one(1).key != one(1).key


def test_nothing_runs_before_compute():
    calls = []
    x = delayed(calls.append)(1)
    assert calls == []
    x.compute()
    assert calls == [1]


@pytest.mark.parametrize(
    "make",
    [
        lambda a: [a, [1, a]],
        lambda a: (a, (2, a)),
        lambda a: {"k": a, 3: [a]},
        lambda a: slice(a, None, 2),
        lambda a: Point(a, [a]),
        lambda a: Pair(a, (a, 1)),
        lambda a: [{"deep": (Point(Pair(a, 1)),)}],
    ],
)
def test_nodes_are_found_in_containers_and_the_shape_is_kept(make):
    assert delayed(same)(make(delayed(inc)(1))).compute() == make(2)
    assert delayed(make(delayed(inc)(1))).compute() == make(2)


def test_nodes_are_found_in_sets_dict_keys_and_iterators():
    a, b = delayed(inc)(0), delayed(inc)(1)
    assert delayed(same)({a, b, 3}).compute() == {1, 2, 3}
    assert delayed(same)({a: "a", "b": b}).compute() == {1: "a", "b": 2}
    assert delayed(sum)(iter([a, b])).compute() == 3
    assert delayed(list)(iter((1, 2))).compute() == [1, 2]


def test_a_list_is_taken_as_it_was_at_the_call():
    values = [delayed(inc)(1), 5]
    total = delayed(sum)(values)
    values.append(100)
    values[0] = 100
    assert total.compute() == 7


def test_a_list_without_nodes_is_taken_as_it_was_at_the_call_too():
    values = [1, [2]]
    call = delayed(same)(values)
    values.append(3)
    values[1].append(4)
    assert call.compute() == [1, [2]]


def test_other_containers_without_nodes_arrive_as_the_same_object():
    values = {"a": 1}
    assert delayed(same)(values).compute() is values


def test_traverse_false_looks_at_the_object_only():
    a = delayed(inc)(1)
    held = delayed([a, 1], traverse=False).compute()
    assert held[0] is a
    assert delayed(a, traverse=False) is a


def test_a_container_may_be_nested_ten_thousand_deep():
    deep = delayed(inc)(1)
    for _ in range(10_000):
        deep = [deep]
    result = delayed(same)(deep).compute()
    depth = 0
    while isinstance(result, list):
        (result,), depth = result, depth + 1
    assert (result, depth) == (2, 10_000)


def test_a_container_that_contains_itself_is_an_error():
    loop = []
    loop.append(loop)
    with pytest.raises(RecursionError, match="contains itself"):
        delayed(same)(loop)


def test_keyword_arguments_are_passed_by_name():
    def call(a, *, b, **rest):
        return a, b, rest

    node = delayed(call)(1, b=delayed(inc)(1), c=[delayed(inc)(2)])
    assert node.compute() == (1, 2, {"c": [3]})


def test_keys_say_what_is_called():
    assert delayed(inc)(1).key.startswith("inc-")
    assert delayed(lambda: 1)().key.startswith("lambda-")
    assert delayed(1).key.startswith("int-")
    assert delayed([delayed(1)]).key.startswith("list-")
    assert delayed(inc)(1).real.key.startswith("getattr-")
    assert delayed("a").upper().key.startswith("upper-")
    assert (delayed(1) + 1).key.startswith("add-")
    assert delayed(inc, name="own").key == "own"
    assert delayed(inc)(1, dask_key_name=("x", 0)).key == ("x", 0)
    assert repr(delayed(inc)(1, dask_key_name="x")) == "Delayed('x')"


def test_a_key_that_is_unhashable_is_an_error():
    with pytest.raises(TypeError, match="unhashable"):
        delayed(inc)(1, dask_key_name=[])


def test_equal_pure_calls_have_equal_keys_at_any_depth():
    f = delayed(add, pure=True)
    assert f(1, [f(1, 2)]).key == f(1, [f(1, 2)]).key
    assert f(1, [f(1, 2)]).key != f(1, [f(1, 3)]).key
    assert f(1, b=2).key != f(1, b=3).key
    assert (delayed(1, pure=True) + 1).key == (delayed(1, pure=True) + 1).key


def test_the_setting_decides_where_nobody_says_whether_a_call_is_pure():
    f = delayed(add)
    with config.set(delayed_pure=True):
        assert f(1, 2).key == f(1, 2).key
        assert f(1, 2, pure=False).key != f(1, 2, pure=False).key
    assert f(1, 2).key != f(1, 2).key
    assert f(1, 2, pure=True).key == f(1, 2, pure=True).key


def test_what_is_pure_is_computed_once():
    calls = []

    def note(x):
        calls.append(x)
        return x

    f = delayed(note, pure=True)
    assert compute(f(1), f(1), f(1) + 1) == (1, 1, 2)
    assert calls == [1]


def test_nodes_with_the_same_key_are_computed_once():
    calls = []
    f = delayed(calls.append)
    compute(f(1, dask_key_name="x"), f(1, dask_key_name="x"))
    assert calls == [1]


def test_a_node_that_is_used_twice_is_computed_once():
    calls = []

    def note(x):
        calls.append(x)
        return x

    a = delayed(note)(1)
    assert compute(a, [a, a], delayed(add)(a, a)) == (1, [1, 1], 2)
    assert calls == [1]


BINARY = ["add", "sub", "mul", "floordiv", "truediv", "mod", "pow", "lshift", "rshift", "and_", "or_", "xor"]


@pytest.mark.parametrize("name", [*BINARY, "lt", "le", "gt", "ge", "eq", "ne"])
def test_operators_are_written_down(name):
    function = getattr(operator, name)
    assert function(delayed(7), 2).compute() == function(7, 2)
    assert function(7, delayed(2)).compute() == function(7, 2)
    assert function(delayed(7), delayed(2)).compute() == function(7, 2)


@pytest.mark.parametrize("name", ["neg", "pos", "abs", "invert"])
def test_operators_on_one_operand_are_written_down(name):
    function = getattr(operator, name)
    assert function(delayed(-7)).compute() == function(-7)


def test_powers_may_have_a_modulus():
    assert pow(delayed(5), 2, 3).compute() == pow(5, 2, 3)


def test_matrix_products_are_written_down():
    class Matrix:
        def __matmul__(self, other):
            return "product"

        __rmatmul__ = __matmul__

    assert (delayed(Matrix()) @ 1).compute() == (1 @ delayed(Matrix())).compute() == "product"


def test_items_attributes_and_methods_are_written_down():
    data = delayed([3, 1, 2])
    assert data[0].compute() == 3
    assert data[: delayed(2)].compute() == [3, 1]
    assert delayed(2 + 1j).imag.compute() == 1
    assert data.index(1).compute() == 1
    assert data.count(3, pure=True).key == data.count(3, pure=True).key
    assert delayed("a b").split(sep=" ").compute() == ["a", "b"]
    assert data.index(1, dask_key_name="where").key == "where"


def test_a_method_call_is_one_task():
    graph = delayed([1]).index(1).dask
    assert len(graph) == 2


def test_a_function_may_itself_be_delayed():
    make = delayed(lambda n: lambda x, k=0: x * n + k)
    assert make(3)(4, k=delayed(1)).compute() == 13


def test_nout_says_how_many_results_there_are():
    pair = delayed(divmod, nout=2)(7, 2)
    quotient, remainder = pair
    assert len(pair) == 2
    assert compute(quotient, remainder) == (3, 1)
    assert list(delayed(tuple, nout=0)()) == []
    for unmeasured in (delayed(inc)(1), quotient):
        with pytest.raises(TypeError, match="nout="):
            len(unmeasured)
        with pytest.raises(TypeError, match="not iterable"):
            iter(unmeasured)
    for wrong in (-1, True, 1.0, "2"):
        with pytest.raises(ValueError, match="non-negative integer"):
            delayed(inc, nout=wrong)


def test_nodes_are_immutable_and_have_no_truth_value():
    a = delayed([1])
    with pytest.raises(TypeError, match="immutable"):
        a.x = 1
    with pytest.raises(TypeError, match="immutable"):
        a[0] = 1
    with pytest.raises(TypeError, match="immutable"):
        del a.x
    with pytest.raises(TypeError, match="truth"):
        bool(a)
    with pytest.raises(TypeError):
        1 in a  # noqa: B015
    with pytest.raises(AttributeError):
        a._private  # noqa: B018


def test_methods_may_be_decorated():
    class Counter:
        base = 10

        @delayed
        def plus(self, x):
            return self.base + x

        @classmethod
        @delayed
        def of(cls, x):
            return cls.base * x

        @staticmethod
        @delayed
        def alone(x):
            return x

    counter = Counter()
    assert isinstance(counter.plus, types.MethodType)
    assert counter.plus(1).compute() == Counter.plus(counter, 1).compute() == 11
    assert Counter.of(2).compute() == 20
    assert counter.alone(3).compute() == 3


def test_a_misspelt_visualize_warns():
    with pytest.warns(UserWarning, match="visualize"):
        delayed(1).visualise  # noqa: B018


def test_pickling_and_copying_keep_keys_and_results():
    f = delayed(add, pure=True)
    node = f(delayed(Pair(1, [delayed(2, name="two")])).right[0], delayed(2 + 1j).real)
    for other in (pickle.loads(pickle.dumps(node)), copy.copy(node), copy.deepcopy(node)):
        assert other.key == node.key
        assert dict(other.dask) == dict(node.dask)
        assert other.compute() == 4.0


def test_a_chain_of_a_million_is_built_keyed_pickled_and_freed_without_recursion():
    node = delayed(1, name="one")
    for _ in range(1_000_000):
        node = node + 1
    del node
    chain = delayed(0, name="zero")
    for _ in range(20_000):
        chain = chain + 1
    assert chain.key.startswith("add-")
    assert pickle.loads(pickle.dumps(chain)).key == chain.key
    assert chain.compute() == 20_000


def test_dropping_a_node_frees_its_arguments():
    target = Target()
    watch = weakref.ref(target)
    node = delayed(same)([target, delayed(inc)(1)], key=target)
    user = delayed(same)(node)
    del target, node
    assert watch() is not None
    del user
    assert watch() is None


def test_nodes_in_cycles_are_collected():
    holder = []
    holder.append(delayed(len)(holder))
    watch = weakref.ref(holder[0])
    del holder
    gc.collect()
    assert watch() is None


def test_nodes_may_be_made_on_several_threads():
    shared = delayed(inc)(1)
    keys = []

    def work():
        keys.append((shared.key, [(shared + i).key for i in range(100)]))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert all(key == keys[0] for key in keys)


def test_the_graph_is_a_mapping_that_is_made_when_somebody_looks():
    a = delayed(inc)(1, dask_key_name="a")
    b = delayed(add)(a, [a, 1], dask_key_name="b")
    graph = b.dask
    assert type(graph) is DelayedGraph
    assert sorted(graph) == ["a", "b"]
    assert "a" in graph and "c" not in graph and len(graph) == 2
    assert graph["b"].dependencies == {"a"}
    assert graph.get("c") is None
    with pytest.raises(KeyError):
        graph["c"]
    assert graph == dict(graph)
    assert graph.layers.keys() == {"a", "b"}
    assert graph.dependencies == {"a": set(), "b": {"a"}}
    assert b.__dask_layers__() == ("b",)


def test_a_node_may_stand_for_a_key_of_any_graph():
    node = Delayed("x", {"x": (inc, "y"), "y": 1})
    assert node.compute() == 2
    assert (node + 1).compute() == 3
    assert delayed(sum)([node, Delayed(("t", 0), {("t", 0): 5})]).compute() == 7


def test_annotations_are_remembered():
    with annotate(priority=3):
        node = delayed(inc)(1)
    plain = delayed(inc)(1)
    assert node._annotations == {"priority": 3}
    assert plain._annotations is None
    assert [layer.annotations for layer in node.dask.layers.values()] == [{"priority": 3}]


def test_a_method_caller_pickles_and_equals_its_like():
    call = MethodCaller("count")
    assert call([1, 1], 1) == 2
    assert pickle.loads(pickle.dumps(call)) == call != MethodCaller("index")


def test_importing_cenote_loads_neither_dask_nor_numpy_nor_pandas():
    import subprocess

    code = "import cenote, sys; print({m.partition('.')[0] for m in sys.modules} & {'dask', 'numpy', 'pandas', 'yaml'})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_names_of_the_package_are_found_lazily():
    assert cenote.compute is compute
    assert "compute" in dir(cenote)
    with pytest.raises(AttributeError, match="no_such_name"):
        cenote.no_such_name  # noqa: B018


def test_futures_are_references_to_their_keys():
    class Future:
        __dask_future__ = True
        key = "elsewhere"

    node = delayed(sum)([Future(), delayed(inc)(1)], dask_key_name="total")
    assert "elsewhere" in node.dask["total"].dependencies
    with pytest.raises(ValueError, match="elsewhere"):
        node.compute()
    assert delayed(Future()).key == "elsewhere"

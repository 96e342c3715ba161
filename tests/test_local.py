"""What graphs mean, in the calling thread: references, values, errors, sizes, callbacks and caches."""

import enum
import gc
import sys
import threading
from collections import namedtuple
from operator import add

import pytest

from cenote import config
from cenote.callbacks import Callback
from cenote.local import get_async, get_sync
from cenote.threaded import get as get_threaded


def inc(x):
    return x + 1


def same(*args, **kwargs):
    return (args, kwargs) if kwargs else args[0] if len(args) == 1 else args


Point = namedtuple("Point", "x y")


class Text(str):
    pass


class Sequence(list):
    pass


class Colour(enum.Enum):
    RED = 1


GRAPH = {"x": 1, 2: "two", ("t", 0): "tuple", b"b": "bytes", None: "none", Colour.RED: "red", frozenset([1]): "set"}


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ((same, "x"), 1),
        ((same, "absent"), "absent"),
        ((same, 2), "two"),
        ((same, 2.0), "two"),
        ((same, Text("x")), 1),
        ((same, b"b"), b"b"),
        ((same, None), None),
        ((same, ("t", 0)), "tuple"),
        ((same, ("x", 0)), (1, 0)),
        ((same, ["x", ("x", [2])]), [1, (1, ["two"])]),
        ((same, {"x"}), {1}),
        ((same, frozenset(["x"])), frozenset([1])),
        ((same, Point("x", 2)), Point(1, "two")),
        ((same, Sequence(["x"])), Sequence([1])),
        ((same, {"a": "x"}), {"a": "x"}),
        ((same, {"a": (inc, "x")}), {"a": (inc, "x")}),
        ((int, "3"), 3),
        ((list,), []),
        ((), ()),
        (["x", (inc, "x"), "z"], [1, 2, "z"]),
        ((add, (inc, "x"), (inc, (inc, "x"))), 5),
        ("x", 1),
        (("t", 0), "tuple"),
        ((same, [{"x"}, {}]), [{1}, {}]),
    ],
)
def test_references_and_values(task, expected):
    result = get_sync(GRAPH | {"task": task}, "task")
    assert result == expected
    assert type(result) is type(expected)
    assert get_threaded(GRAPH | {"task": task}, "task") == expected


@pytest.mark.parametrize("key", [None, Colour.RED, frozenset([1]), b"b", True, 1.0, ("t", (0, "x")), ("t", None)])
def test_any_hashable_is_a_key(key):
    assert get_sync({key: (inc, 41)}, key) == 42


def test_pythons_equality_decides_which_keys_are_the_same():
    np = pytest.importorskip("numpy")
    graph = {("x", 0): 5, 1: 7}
    assert get_sync(graph, [("x", np.int64(0)), ("x", False), 1.0, True]) == (5, 5, 7, 7)


def test_lists_of_keys_give_nested_tuples():
    assert get_sync({"x": 1}, [["x"], "x", [["x"]], []]) == ((1,), 1, ((1,),), ())


def test_a_call_that_changes_its_argument_does_not_change_the_graph():
    graph = {"x": (dict.pop, {"a": 1}, "a"), "y": (list.pop, [1, 2])}
    for _ in range(2):
        assert get_sync(graph, ["x", "y"]) == (1, 2)


def test_a_missing_key_is_a_key_error():
    with pytest.raises(KeyError) as caught:
        get_sync({"x": 1}, [["x"], ["y"]])
    assert caught.value.args == ("y",)
    with pytest.raises(KeyError):
        get_sync({"x": "x"}, "x")


def test_an_unhashable_key_is_a_type_error():
    with pytest.raises(TypeError, match="unhashable"):
        get_sync({"x": 1}, {"x"})


def test_something_that_is_no_graph_is_a_type_error():
    with pytest.raises(TypeError, match="int is not a graph"):
        get_sync(5, "x")


@pytest.mark.parametrize("wanted", ["z", "x"])
def test_a_cycle_anywhere_is_reported_with_its_path(wanted):
    with pytest.raises(RuntimeError) as caught:
        get_sync({"z": 1, "w": (inc, "x"), "x": (inc, "y"), "y": (inc, "x")}, wanted)
    lines = str(caught.value).splitlines()
    assert lines[0] == "Cycle detected between the following keys:"
    path = [line.removeprefix("  -> ") for line in lines[1:]]
    assert path[0] == path[-1] and set(path) == {"x", "y"}


class Key:
    """A key whose methods do what a test wants."""

    def __init__(self, name, on_hash=lambda: None, on_eq=lambda: None):
        self.name, self.on_hash, self.on_eq = name, on_hash, on_eq

    def __hash__(self):
        self.on_hash()
        return 7

    def __eq__(self, other):
        self.on_eq()
        return isinstance(other, Key) and self.name == other.name


def test_a_key_whose_hash_or_equality_raises_does_no_harm():
    armed = False

    def fail():
        if armed:
            raise OverflowError("mine")

    a, b = Key("a", on_hash=fail), Key("b", on_eq=fail)
    graph = {a: 1, b: 2, "x": (add, 1, 2)}
    armed = True
    for key in (a, b, Key("b"), "x"):
        with pytest.raises(OverflowError, match="mine"):
            get_sync(graph, key)
    armed = False
    assert get_sync(graph, [a, b, "x"]) == (1, 2, 3)


def test_a_key_that_changes_the_graph_while_it_is_read_does_no_harm():
    armed = False

    def change():
        if armed:
            graph.clear()
            gc.collect()

    a, b = Key("a", on_eq=change), Key("b", on_hash=change)
    graph = {("a", a): 1, b: (inc, ("a", Key("a"))), **{("x", i): (inc, i) for i in range(100)}}
    armed = True
    assert get_sync(graph, b) == 2
    assert graph == {}


def test_a_list_that_changes_while_it_is_read_does_no_harm():
    items = []
    armed = False

    def change():
        if armed:
            items.clear()

    items.extend([(same, Key("b", on_hash=change)), 1, "x"] * 10)
    graph = {Key("a"): 1, "x": 2, "y": items}
    armed = True
    assert get_sync(graph, "x") == 2


def test_a_chain_of_a_million_tasks():
    n = 1_000_000
    graph = {("c", 0): 0}
    graph.update({("c", i): (inc, ("c", i - 1)) for i in range(1, n)})
    assert get_threaded(graph, ("c", n - 1)) == n - 1


def test_a_list_nested_ten_thousand_deep():
    depth = 10_000
    nested = [(inc, "x")]
    for _ in range(depth):
        nested = [nested]
    result = get_threaded({"x": 1, "y": nested}, "y")
    for _ in range(depth):
        (result,) = result
    assert result == [2]


def test_calls_nested_ten_thousand_deep():
    nested = (inc, "x")
    for _ in range(10_000):
        nested = (inc, nested)
    assert get_threaded({"x": 1, "y": nested}, "y") == 10_002


def test_keys_nested_ten_thousand_deep():
    keys = ["x"]
    for _ in range(10_000):
        keys = [keys]
    result = get_sync({"x": 1}, keys)
    for _ in range(10_000):
        (result,) = result
    assert result == (1,)


@pytest.mark.parametrize("period", [1, 2, 64, 100])
def test_a_list_that_contains_itself_is_an_error_that_names_the_key(period):
    first = []
    nested = first
    for _ in range(period - 1):
        nested = [nested, nested] if period == 2 else [nested]
    first.append(nested)
    first.append("x")
    with pytest.raises(RecursionError, match="'y' contains itself"):
        get_sync({"x": 1, "y": (len, first)}, "y")
    with pytest.raises(RecursionError, match="contains itself"):
        get_sync({"x": 1}, first)


def test_callbacks_in_their_order():
    heard = []

    def state_of(state):
        return sorted(state["finished"]), sorted(state["running"]), state["ready"], sorted(state["released"])

    class Watch(Callback):
        def _start(self, graph):
            heard.append(("start", sorted(graph)))

        def _start_state(self, graph, state):
            heard.append(
                (
                    "start_state",
                    state_of(state),
                    {key: set(needs) for key, needs in state["waiting"].items()},
                    state["dependencies"]["z"],
                )
            )

        def _pretask(self, key, graph, state):
            heard.append(("pretask", key, state_of(state)))

        def _posttask(self, key, result, graph, state, worker_id):
            heard.append(("posttask", key, result, state_of(state), worker_id, sorted(state["cache"])))

        def _finish(self, graph, state, failed):
            heard.append(("finish", failed))

    with Watch():
        assert get_sync({"x": 1, "y": (inc, "x"), "z": (inc, "y")}, "z") == 3
    assert heard == [
        ("start", ["x", "y", "z"]),
        ("start_state", ([], [], ["y"], []), {"z": {"y"}}, {"y"}),
        ("pretask", "y", ([], ["y"], [], [])),
        ("posttask", "y", 2, (["y"], [], ["z"], ["x"]), None, ["y"]),
        ("pretask", "z", (["y"], ["z"], [], ["x"])),
        ("posttask", "z", 3, (["y", "z"], [], [], ["x", "y"]), None, ["z"]),
        ("finish", False),
    ]


def test_callbacks_run_in_the_calling_thread_and_hear_of_workers():
    heard = []
    with Callback(posttask=lambda *args: heard.append((threading.get_ident(), args[4]))):
        get_threaded({"x": (inc, 1)}, "x")
    ((caller, worker),) = heard
    assert caller == threading.get_ident() != worker


def test_a_graph_inside_a_task_is_not_watched():
    heard = []
    graph = {"x": (get_threaded, {"inner": (inc, 1)}, "inner")}
    with Callback(pretask=lambda key, *_: heard.append(key)):
        assert get_threaded(graph, "x") == 2
    assert heard == ["x"]


def test_what_start_changes_in_the_graph_counts():
    def start(graph):
        graph["x"] = 10

    graph = {"x": 1, "y": (inc, "x")}
    with Callback(start=start):
        assert get_sync(graph, "y") == 11
    assert graph["x"] == 1


def test_finish_hears_of_failure():
    heard = []
    with Callback(finish=lambda graph, state, failed: heard.append(failed)), pytest.raises(ZeroDivisionError):
        get_sync({"x": (divmod, 1, 0)}, "x")
    assert heard == [True]


def test_a_cache_is_used_and_kept_up_to_date():
    cache = {"x": 0}
    assert get_sync({"x": (inc, 100), "y": (inc, "x"), "z": (add, "y", "w")}, "z", cache=cache | {"w": 5}) == 6
    cache = {"w": 5}
    assert get_sync({"y": (inc, 1), "z": (add, "y", "w")}, ["z"], cache=cache) == (7,)
    assert cache == {"z": 7}
    seen = {}
    with config.set(cache=seen):
        get_sync({"x": 1, "y": (lambda x: seen.copy(), "x")}, "y")


def test_rerun_exceptions_locally_counts_a_result_that_comes_then():
    calls = []

    def flaky():
        calls.append(threading.get_ident())
        if len(calls) == 1:
            raise ValueError("once")
        return 5

    assert get_threaded({"x": (flaky,), "y": (inc, "x")}, "y", rerun_exceptions_locally=True) == 6
    assert len(calls) == 2 and calls[1] == threading.get_ident()


@pytest.mark.parametrize("chunksize", [1, 3, -1])
def test_tasks_in_chunks(chunksize):
    graph = {("x", i): (inc, i) for i in range(10)} | {"sum": (sum, [("x", i) for i in range(10)])}
    assert get_threaded(graph, "sum", chunksize=chunksize, callbacks=Callback()) == 55


def test_get_async_takes_any_submit():
    from concurrent.futures import Future

    submitted = []

    def submit(fn, *args):
        submitted.append(fn)
        future = Future()
        future.set_result(fn(*args))
        return future

    assert get_async(submit, 2, {"x": (inc, 1), "y": (add, "x", (inc, "x"))}, "y") == 5
    assert len(submitted) == 2


def test_nothing_is_left_of_a_run():
    def own(value):
        # Nobody else has this function: what other tests have left may go at any time.
        return value + 1

    graph = {("x", i): (own, i) for i in range(1000)} | {"sum": (sum, [("x", i) for i in range(1000)])}
    key = ("x", 5)
    value = graph[key]
    before = sys.getrefcount(value), sys.getrefcount(own)
    for _ in range(3):
        get_threaded(graph, "sum")
        get_sync(graph, "sum")
    time_out = threading.Event()
    time_out.wait(0.05)
    assert (sys.getrefcount(value), sys.getrefcount(own)) == before

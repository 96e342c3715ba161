"""The package that the scheduler's executor runs, without the scheduler."""

import asyncio
import os
import pickle
import random
import sys
import threading
import zipfile
from array import array
from functools import partial
from operator import add, mul
from pathlib import Path
from unittest.mock import patch

import pytest

pytest.importorskip("distributed")

import cloudpickle
import dask
import msgpack
import numpy
from dask._expr import LLGExpr
from dask._task_spec import Alias, DataNode, List, Task, TaskRef, _identity_cast
from distributed.diagnostics.plugin import SchedulerPlugin, SchedulerUploadFile
from distributed.protocol import core
from distributed.protocol.serialize import Serialized, serialize, to_serialize

sys.path.insert(0, str(Path(__file__).parents[1] / "crates/runtime/src/executor"))

from cenote_executor import feed, function, plugin, service
from cenote_executor.channel import Channel, Closed
from cenote_executor.graph import ACTOR, DATA, DATA_PRODUCER, materialize
from cenote_executor.payload import Dumper, Payloads, Shared
from cenote_executor.plain import Plain


class Read:
    """A graph as the scheduler reads it."""

    def __init__(self, expr, keys, **settings):
        header, frames = serialize(to_serialize(expr), on_error="raise")
        self.keys, self.tasks, self.notes, self.buffers = [], {}, [{}], []
        for message in materialize(Serialized(header, list(frames)), set(keys), **settings):
            buffers = [bytes(buffer) for buffer in message.pop("buffers", ())]
            message = core.loads([bytes(frame) for frame in core.dumps(message)])
            message["buffers"] = buffers
            if "keys" in message:
                self.keys += msgpack.unpackb(message["keys"], use_list=False)
            elif "tasks" in message:
                self.count, self.fifo_timeout = message["tasks"], message["fifo_timeout"]
            else:
                self.take(message)
        assert len(self.tasks) == self.count

    def take(self, message):
        numbers = {name: iter(array(kind, message[name])) for name, kind in ARRAYS.items()}
        self.notes += message["annotations"]
        self.buffers += message["buffers"]
        pickles = message["pickles"]
        for flags in message["flags"]:
            key = self.keys[len(self.tasks)]
            length = next(numbers["pickle_lengths"])
            needs = [next(numbers["dependencies"]) for _ in range(next(numbers["dependency_counts"]))]
            used = [next(numbers["buffer_of"]) for _ in range(next(numbers["buffer_counts"]))]
            self.tasks[key] = {
                "pickle": pickles[:length],
                "needs": needs,
                "used": used,
                "note": self.notes[next(numbers["annotation_of"])],
                "producer": bool(flags & DATA_PRODUCER),
                "actor": bool(flags & ACTOR),
                "data": bool(flags & DATA),
            }
            pickles = pickles[length:]
        assert not pickles and all(next(rest, None) is None for rest in numbers.values())

    def needs(self, key):
        return {self.keys[place] for place in self.tasks[key]["needs"]}

    def node(self, key):
        task = self.tasks[key]
        return pickle.loads(task["pickle"], buffers=[self.buffers[place] for place in task["used"]])


ARRAYS = {
    "pickle_lengths": "I",
    "dependency_counts": "I",
    "dependencies": "I",
    "buffer_counts": "I",
    "buffer_of": "I",
    "annotation_of": "I",
}


def low(tasks):
    return LLGExpr({task.key: task for task in tasks})


def local(x, y=1):
    return x + y


local.__module__ = "__main__"


def test_what_is_needed_is_there_and_what_is_not_is_left_out():
    tasks = [Task("a", add, 1, 2), Alias("b", "a"), Task("c", add, TaskRef("b"), TaskRef("far")), Task("d", add, 3, 4)]
    graph = Read(low(tasks), ["c"])
    assert set(graph.tasks) == {"a", "b", "c"} and graph.keys[3:] == ["far"]
    assert graph.needs("c") == {"b", "far"} and graph.needs("b") == {"a"} and not graph.needs("a")
    assert graph.node("c")({"b": 3, "far": 4}) == 7


def test_data_is_told_from_tasks_that_produce_data():
    tasks = [Task("a", add, TaskRef("data"), 2), DataNode("data", 1), Task("b", add, 1, 2, _data_producer=True)]
    graph = Read(low(tasks), ["a", "b"])
    said = {key: (task["data"], task["producer"], task["actor"]) for key, task in graph.tasks.items()}
    assert said == {"a": (False, False, False), "data": (True, True, False), "b": (False, True, False)}


def test_functions_that_go_by_value_are_pickled_once():
    tasks = [Task(("x", place), local, place) for place in range(5000)]
    graph = Read(low(tasks), [task.key for task in tasks])
    assert len(graph.buffers) == 1 and all(task["used"] == [0] for task in graph.tasks.values())
    assert graph.node(("x", 4999))() == 5000
    # A stock worker does just this.
    assert pickle.loads(graph.tasks["x", 7]["pickle"], buffers=[bytearray(graph.buffers[0])])() == 8


def test_classes_and_functions_inside_of_others_are_shared_too():
    @dask.delayed
    def inner(x):
        return x + offset.value

    class Offset:
        value = 10

    offset = Offset()
    tasks = [Task(place, partial(local, y=offset.value), place) for place in range(3)]
    tasks += [Task("list", sum, List(TaskRef(0), 1)), Task("object", type, offset)]
    graph = Read(low(tasks), [0, 1, 2, "list", "object"])
    assert graph.tasks[0]["used"] == graph.tasks[1]["used"] == graph.tasks[2]["used"] != []
    assert graph.node(2)() == 12 and graph.node("list")({0: 2}) == 3
    assert graph.node("object")().__name__ == "Offset"
    assert inner.__name__ == "inner"


def test_large_buffers_that_tasks_share_are_there_once_and_short_ones_stay_inside():
    data, short = numpy.arange(100_000), numpy.arange(3)
    tasks = [Task(place, mul, data, short[place]) for place in range(3)] + [Task("t", add, data.T, data[1:])]
    graph = Read(low(tasks), [0, 1, 2, "t"])
    assert [len(buffer) for buffer in graph.buffers] == [800_000, 799_992]
    assert graph.tasks[0]["used"] == graph.tasks[2]["used"] == [0]
    assert (graph.node(2)() == data * 2).all()
    pairs = [memoryview(bytearray(20_000))[place : place + 10_000] for place in (0, 10_000)]
    pairs[1][:] = b"\1" * 10_000
    tasks = [Task(place, bytes, pickle.PickleBuffer(pair)) for place, pair in enumerate(pairs)]
    made = Payloads().of(tasks)
    assert list(array("I", made["buffer_of"])) == [0, 1]


@pytest.mark.parametrize("thing", [bytes(1_000_000), "x" * 1_000_000, {"a": ["y" * 1_000_000]}, [bytes(600_000)] * 2])
def test_large_values_that_tasks_share_are_there_once(thing):
    tasks = [Task(place, list.append, thing, place) for place in range(50)]
    graph = Read(low(tasks), range(50))
    size = sum(len(task["pickle"]) for task in graph.tasks.values()) + sum(map(len, graph.buffers))
    assert size < 4_000_000
    assert all(graph.node(place).args == (thing, place) for place in (0, 1, 2, 49))


TEXTS = ["", "x" * 255, "y" * 256, "\udc80", "\n", "é" * 200]
NUMBERS = [0, 255, 256, -1, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**70, 2**2100]
CONSTANTS = [*TEXTS, *NUMBERS, None, True, False, 0.5, float("inf"), b"", b"z" * 300, (), list, slice(1, None, -2)]
FUNCTIONS = [add, local, str.upper, dict, partial(local, y=2), Task.fuse, print]


class Chance(random.Random):
    """Makes plain tasks."""

    def name(self):
        kind = self.randrange(4)
        return (
            (self.name(), self.randrange(9)) if kind == 0 else self.choice(TEXTS + NUMBERS) if kind == 1 else str(kind)
        )

    def several(self, make, most):
        return [make() for _ in range(self.randrange(most + 1))]

    def constant(self):
        return tuple(self.several(self.constant, 3)) if self.random() < 0.2 else self.choice(CONSTANTS)

    def argument(self):
        kind = self.randrange(12)
        if kind < 5:
            return self.constant()
        if kind < 10:
            return self.choice([TaskRef, Alias])(self.name())
        parts = self.several(self.argument, 300 if self.random() < 0.02 else 4)
        return List(*parts) if kind == 10 else Task(None, _identity_cast, *parts, typ=set)

    def task(self):
        kwargs = {f"k{place}": argument for place, argument in enumerate(self.several(self.argument, 2))}
        arguments = self.several(self.argument, 5)
        return Task(self.name(), self.choice(FUNCTIONS), *arguments, **kwargs, _data_producer=self.random() < 0.5)


@pytest.mark.parametrize("seed", range(40))
def test_plain_tasks_are_what_a_pickler_would_make_of_them(seed):
    chance = Chance(seed)
    shared = Shared()
    plain = Plain(Dumper(shared).function)
    for task in chance.several(chance.task, 20):
        pickled, used = plain.of(task)
        buffers = [shared._fresh[place] for place in used]
        for loaded in (pickle.loads(pickled, buffers=buffers), pickle._loads(pickled, buffers=buffers)):
            same_state(loaded, task)
            assert loaded.func is task.func or loaded.func.__class__ is partial or loaded.func(3) == 4


def same_state(loaded, task):
    """Compares what tasks consist of, types included, which equal tokens would not tell."""
    assert type(loaded) is type(task)
    if isinstance(task, list | tuple):
        assert len(loaded) == len(task)
        for ours, theirs in zip(loaded, task, strict=True):
            same_state(ours, theirs)
    elif isinstance(task, dict):
        assert loaded.keys() == task.keys()
        same_state(list(loaded.values()), list(task.values()))
    elif isinstance(task, Task):
        places = [slot for slot in type(task).get_all_slots() if slot != "func"]
        same_state([getattr(loaded, slot) for slot in places], [getattr(task, slot) for slot in places])
    elif isinstance(task, frozenset):
        assert sorted(map(repr, loaded)) == sorted(map(repr, task))
    else:
        assert loaded == task and repr(loaded) == repr(task)


def test_what_is_not_plain_is_left_to_a_pickler():
    plain = Plain(Dumper(Shared()).function)
    for thing in (
        Alias("a", "b"),
        DataNode("a", 1),
        List(TaskRef("a")),
        Task("a", add, [1]),
        Task("a", add, numpy.ones(1)),
    ):
        assert plain.of(thing) is None
    assert plain.of(Task(numpy.str_("a"), add, 1)) is None and plain.of(Task("a", threading.Lock().acquire)) is None
    assert plain.of(Task("a", partial(add, bytes(5000)))) is None and plain.of(Task("a", add, Alias("a", "b"))) is None
    nested = 1
    for _ in range(5000):
        nested = (nested,)
    assert plain.of(Task("a", add, nested)) is None


def test_what_only_cloudpickle_knows_is_pickled_by_it():
    tasks = [Task("module", local, sys), Task("lambda", lambda: 5), Task("after", add, 1, 2)]
    graph = Read(low(tasks), ["module", "lambda", "after"])
    assert graph.node("module").args == (sys,) and graph.node("lambda")() == 5 and graph.node("after")() == 3


def test_what_nothing_can_pickle_is_an_error():
    expr = Task("a", threading.Lock)
    with pytest.raises(TypeError, match="pickle"):
        Payloads().of([Task("b", add, threading.Lock(), 1)])
    assert Payloads().of([expr])["pickles"]


def test_annotations_are_understood_and_each_is_there_once():
    tasks = [Task(place, add, place, 1) for place in range(6000)]
    noted = {"retries": 2, "priority": 1, "workers": ["a", 3], "resources": {"GPU": 1}, "allow_other_workers": True}
    graph = Read(low(tasks), range(6000), annotations=noted, actors=[1], fifo_timeout="100ms")
    note = graph.tasks[5999]["note"]
    assert len(graph.notes) == 2 and graph.fifo_timeout == 0.1
    assert note["workers"] == ("a", "3") and note["resources"] == {"GPU": 1.0} and note["retries"] == 2
    assert note["all"]["workers"] == ("a", 3) and note["priority"] == 1.0 and note["allow_other_workers"]
    assert [key for key, task in graph.tasks.items() if task["actor"]] == [1]
    graph = Read(low(tasks[:4]), range(4), annotations={"priority": lambda key: key % 2}, actors=True)
    assert all(task["note"]["priority"] == key % 2 for key, task in graph.tasks.items())
    assert all(task["actor"] for task in graph.tasks.values())
    for wrong in ({"retries": "x"}, {"resources": 1}, {"priority": "high"}):
        with pytest.raises((TypeError, ValueError)):
            Read(low(tasks[:1]), [0], annotations=wrong)


def test_annotations_of_layers_come_before_those_of_all():
    with dask.annotate(retries=7):
        first = dask.delayed(add)(1, 2)
    from dask.base import collections_to_expr

    last = first + 1
    expr = collections_to_expr(last, optimize_graph=False)
    graph = Read(expr, [last.key], annotations={"retries": 1})
    assert {task["note"]["retries"] for task in graph.tasks.values()} == {7, 1}


def test_keys_are_what_the_wire_can_say():
    keys = [("x", numpy.int64(3)), numpy.str_("y"), 1.5, b"z", ("x", ("y", 2))]
    graph = Read(low([Task(key, add, 1, 2) for key in keys]), keys)
    assert set(graph.tasks) == set(keys)
    assert next(type(key[1]) for key in graph.keys if key == ("x", 3)) is int
    with pytest.raises(TypeError, match="part of a key"):
        Read(low([Task(frozenset(), add, 1, 2)]), [frozenset()])


def test_frames_may_be_compressed_or_split():
    header, frames = serialize(to_serialize(low([Task("a", add, 1, 2)])), on_error="raise")
    compressed = [__import__("zlib").compress(bytes(frame)) for frame in frames]
    said = Serialized(dict(header, compression=["zlib"] * len(frames)), compressed)
    assert next(materialize(said, {"a"}))["tasks"] == 1


def test_an_expression_that_cannot_be_read_is_an_error_with_its_cause():
    said = Serialized({"serializer": "pickle", "writeable": ()}, [b"cno_such_module\nx\n."])
    with pytest.raises(RuntimeError, match="Error during deserialization of the task graph") as caught:
        next(materialize(said, {"a"}))
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_requests_are_answered_one_after_another(tmp_path):
    up, down = os.pipe(), os.pipe()
    served = threading.Thread(target=service.serve, args=(up[0], down[1]), daemon=True)
    served.start()
    channel = Channel(down[0], up[1])
    greeting = core.loads(channel.read())
    assert greeting["versions"]["packages"]["dask"] == dask.__version__
    channel.write(
        {
            "op": "run_function",
            "scheduler": "tcp://h:1",
            "local_directory": "",
            "function": cloudpickle.dumps(lambda: 7),
        }
    )
    assert core.loads(channel.read()) == {"taken": True}
    assert core.loads(channel.read())["value"] == {"status": "OK", "result": 7}
    assert not any(core.loads(channel.read())["hearing"].values())
    assert core.loads(channel.read()) == {"status": "OK"}
    channel.write(
        {"op": "unregister_scheduler_plugin", "scheduler": "tcp://h:1", "local_directory": "", "name": "nobody"}
    )
    assert core.loads(channel.read()) == {"taken": True}
    assert core.loads(channel.read())["status"] == "error"
    os.close(up[1])
    served.join(5)
    assert not served.is_alive()
    with pytest.raises(Closed):
        os.close(down[1])
        channel.read()


def value(messages):
    (message,) = messages
    return message["value"]


def test_functions_see_the_scheduler_and_their_errors_are_answers():
    call = partial(function.run_function, "tcp://h:1", "/nowhere")
    assert value(call(cloudpickle.dumps(lambda dask_scheduler: dask_scheduler.address)))["status"] == "OK"

    async def waits(x):
        return x

    assert value(call(cloudpickle.dumps(waits), pickle.dumps((3,))))["result"].frames
    assert value(call(cloudpickle.dumps(waits), pickle.dumps((3,)), wait=False))["status"] == "OK"
    with patch.object(function.RemoteScheduler, "ask", lambda *_, **__: ("exc", "AttributeError", ("handlers",))):
        answer = value(call(cloudpickle.dumps(lambda dask_scheduler: dask_scheduler.handlers)))
    assert answer["status"] == "error" and "not written in Python" in answer["exception_text"]


def test_uploaded_files_can_be_imported_and_plugins_that_decide_are_refused(tmp_path):
    (tmp_path / "uploaded_here.py").write_text("x = 5")
    upload = SchedulerUploadFile(str(tmp_path / "uploaded_here.py"))
    (tmp_path / "there").mkdir()
    scheduler = function.scheduler_at("tcp://h:1", "")
    scheduler.local_directory = str(tmp_path / "there")
    place = ("tcp://h:1", scheduler.local_directory)
    assert value(plugin.register_scheduler_plugin(*place, cloudpickle.dumps(upload), "up")) is None
    assert __import__("uploaded_here").x == 5
    assert value(plugin.unregister_scheduler_plugin(*place, "up")) is None
    with zipfile.ZipFile(tmp_path / "zipped_here.zip", "w") as file:
        file.writestr("zipped_here/__init__.py", "x = 6")
    upload = SchedulerUploadFile(str(tmp_path / "zipped_here.zip"))
    value(plugin.register_scheduler_plugin(*place, cloudpickle.dumps(upload)))
    assert __import__("zipped_here").x == 6

    class Decides(SchedulerPlugin):
        def valid_workers_downscaling(self, scheduler, workers):
            return workers

    with pytest.raises(NotImplementedError, match="would have to wait"):
        list(plugin.register_scheduler_plugin(*place, cloudpickle.dumps(Decides())))


def test_plugins_are_told_what_they_hear_in_order_and_what_they_raise_harms_nobody(tmp_path):
    class Hears(SchedulerPlugin):
        def __init__(self):
            self.heard = []

        def transition(self, key, start, finish, *args, stimulus_id, **kwargs):
            self.heard.append((key, start, finish, kwargs.get("worker")))

        async def add_worker(self, scheduler, worker):
            self.heard.append(worker)
            raise ValueError("logged, and no more")

    place = ("tcp://h:1", str(tmp_path))
    scheduler = function.scheduler_at(*place)
    assert value(plugin.register_scheduler_plugin(*place, cloudpickle.dumps(Hears()), "hears")) is None
    hearing = plugin.hearing(scheduler)
    assert [kind for kind, heard in hearing.items() if heard] == ["transitions", "members"]
    transition = {"key": "x", "start": "processing", "finish": "memory", "stimulus_id": "s", "worker": "w"}
    occurrences = [("add_worker", {"worker": "w"}), ("transition", transition), ("log_event", {"topic": 1, "msg": 2})]
    assert value(plugin.tell_plugins(*place, occurrences)) is None
    assert scheduler.plugins["hears"].heard == ["w", ("x", "processing", "memory", "w")]
    assert value(plugin.unregister_scheduler_plugin(*place, "hears")) is None
    assert not any(plugin.hearing(scheduler).values())


def test_progress_bars_say_what_they_want_to_know(tmp_path):
    from distributed.diagnostics import progressbar

    said = []

    class Comm:
        async def write(self, message, **_):
            said.append(message)
            raise InterruptedError

    async def connect(*_, **__):
        return Comm()

    for bar in (
        progressbar.ProgressBar(["a", ("b", 1)], "tcp://h:1", complete=False),
        progressbar.MultiProgressBar(["a"], "tcp://h:1"),
        progressbar.MultiProgressBar(["a"], "tcp://h:1", group_by="spans"),
        progressbar.MultiProgressBar(["a"], "tcp://h:1", group_by=len),
    ):
        with patch.object(progressbar, "connect", connect), pytest.raises(InterruptedError):
            asyncio.run(bar.listen())
        bar.comm.abort = lambda: None
    place = ("tcp://127.0.0.1:8786", str(tmp_path))
    plans = [value(feed.feed(*place, 1, message["setup"], message["function"])) for message in said[:3]]
    assert [plan["group_by"] for plan in plans] == [None, "prefix", "spans"]
    assert set(msgpack.unpackb(plans[0]["keys"], use_list=False)) == {"a", ("b", 1)}
    with pytest.raises(NotImplementedError, match="by prefix or by spans only"):
        list(feed.feed(*place, 1, said[3]["setup"]))


def test_a_feed_of_a_function_says_what_it_returns_until_it_ends(tmp_path):
    ended = []
    with patch.object(feed.pickle, "loads", lambda made: made):  # the functions as they are, to look at them
        plan = feed.feed(
            "tcp://127.0.0.1:8786",
            str(tmp_path),
            7,
            lambda _: [1],
            lambda _, state: state[0],
            lambda _, state: ended.append(state),
        )
        assert value(plan) == {"function": True}
    assert value(feed.feed_next(7)) == 1
    assert value(feed.feed_end(7)) is None
    assert ended == [[1]]
    with pytest.raises(RuntimeError, match="died"):
        list(feed.feed_next(7))

"""Callbacks: what is called when, by whom, and what they see."""

import threading
from operator import add

import pytest

from cenote import _dask
from cenote.callbacks import Callback, add_callbacks, local_callbacks, normalize_callback, unpack_callbacks
from cenote.local import get_sync
from cenote.threaded import get

GETS = pytest.mark.parametrize("get", [get, get_sync])
GRAPH = {"x": 1, "y": (add, "x", 1), "z": (add, "y", "x")}


class Recorder(Callback):
    """Writes down what it is told."""

    def __init__(self):
        super().__init__()
        self.story = []

    def _start(self, dsk):
        self.story.append(("start", set(dsk)))

    def _start_state(self, dsk, state):
        self.story.append(("start_state", {name: len(state[name]) for name in ("finished", "running", "waiting")}))

    def _pretask(self, key, dsk, state):
        self.story.append(("pretask", key))

    def _posttask(self, key, result, dsk, state, worker_id):
        self.story.append(("posttask", key, result, set(state["finished"])))

    def _finish(self, dsk, state, failed):
        self.story.append(("finish", failed))


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    yield
    assert not Callback.active


@GETS
def test_a_run_is_told_from_start_to_finish(get):
    with Recorder() as recorder:
        assert get(GRAPH, "z") == 3
    assert recorder.story == [
        ("start", {"x", "y", "z"}),
        ("start_state", {"finished": 0, "running": 0, "waiting": 1}),
        ("pretask", "y"),
        ("posttask", "y", 2, {"y"}),
        ("pretask", "z"),
        ("posttask", "z", 3, {"y", "z"}),
        ("finish", False),
    ]


@GETS
def test_a_failure_has_no_posttask_and_finishes_as_failed(get):
    with Recorder() as recorder, pytest.raises(ZeroDivisionError):
        get({"x": (divmod, 1, 0)}, "x")
    assert [entry[0] for entry in recorder.story] == ["start", "start_state", "pretask", "finish"]
    assert recorder.story[-1] == ("finish", True)


@GETS
def test_all_is_called_in_the_thread_that_asked(get):
    threads = set()

    def note(*_):
        threads.add(threading.get_ident())

    with Callback(note, note, note, note, note):
        get(GRAPH, "z")
    assert threads == {threading.get_ident()}


def test_worker_ids_tell_threads_apart_from_the_caller():
    workers = []
    with Callback(posttask=lambda key, result, dsk, state, worker_id: workers.append(worker_id)):
        get(GRAPH, "z")
    assert workers and threading.get_ident() not in workers


def test_start_may_change_the_graph():
    def start(dsk):
        dsk["y"] = 10

    with Callback(start=start):
        assert get_sync(GRAPH, "z") == 11
    assert GRAPH["y"] == (add, "x", 1)


def test_only_the_outermost_run_is_told_of():
    def nested(x):
        assert not Callback.active
        with Recorder() as inner:
            result = get_sync({"deep": (add, x, 1)}, "deep")
        assert ("pretask", "deep") in inner.story
        return result

    with Recorder() as outer:
        assert get({"a": (nested, 1)}, "a") == 2
    assert ("pretask", "deep") not in outer.story


def test_what_is_registered_during_a_run_stays():
    late = Recorder()
    with Callback(start=lambda dsk: late.register()):
        get_sync(GRAPH, "z")
    assert late._callback in Callback.active
    late.unregister()
    with pytest.raises(KeyError):
        late.unregister()


def test_tuples_are_callbacks_and_other_things_are_not():
    seen = []
    with add_callbacks((None, None, lambda key, dsk, state: seen.append(key), None, None)):
        get_sync(GRAPH, "z")
    assert seen == ["y", "z"]
    with pytest.raises(TypeError, match="int"):
        normalize_callback(5)
    assert unpack_callbacks([]) == [[], [], [], [], []]


def test_given_callbacks_leave_the_registered_ones_in_place():
    with Recorder() as recorder:
        with local_callbacks([(None,) * 5]) as given:
            assert len(given) == 1
            assert recorder._callback in Callback.active
        with local_callbacks() as taken:
            assert list(taken) == [recorder._callback]
            assert not Callback.active


def test_states_hold_what_the_run_holds():
    states = []

    def posttask(key, result, dsk, state, worker_id):
        states.append({name: sorted(state[name]) for name in state})

    graph = {"x": 1, "y": (add, "x", 1), "z": (add, "y", "y"), "w": (add, "z", "y")}
    with Callback(posttask=posttask):
        get_sync(graph, "w")
    first, second, last = states
    assert first["ready"] == ["z"] and first["waiting"] == ["w"] and first["finished"] == ["y"]
    assert first["released"] == ["x"] or "x" in first["cache"]
    assert second["waiting"] == [] and second["ready"] == ["w"]
    assert last["finished"] == ["w", "y", "z"] and last["running"] == [] and "w" in last["cache"]
    assert first["dependencies"] == ["w", "x", "y", "z"] == first["dependents"]


def test_counting_what_waits_agrees_with_listing_it():
    seen = []

    def pretask(key, dsk, state):
        waiting = state["waiting"]
        seen.append((len(waiting), len(list(waiting)), {key: waiting[key] for key in waiting}))

    with Callback(pretask=pretask):
        get_sync({"a": (int, 1), "b": (int, "a"), "c": (int, "b"), "d": (add, "a", "c")}, "d")
    assert all(counted == listed for counted, listed, _ in seen)
    assert seen[0][2] == {"b": {"a"}, "c": {"b"}, "d": {"a", "c"}}


def test_callbacks_registered_with_dask_are_called():
    theirs = pytest.importorskip("dask.callbacks")
    assert _dask.callback_class() is theirs.Callback
    seen = []
    with theirs.Callback(pretask=lambda key, dsk, state: seen.append((key, type(dsk[key]).__name__))):
        assert get(GRAPH, "z") == 3
    assert seen == [("y", "Task"), ("z", "Task")]
    assert not theirs.Callback.active

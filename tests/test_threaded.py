"""Graphs on threads: what a run does with threads, signals, forks, contexts and other runs."""

import contextvars
import inspect
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from operator import add

import pytest

from cenote import compute, config, delayed
from cenote.callbacks import Callback
from cenote.local import get_sync
from cenote.threaded import get


def inc(x):
    return x + 1


def watched_get(graph, key):
    return get(graph, key, callbacks=Callback())


def python(program, timeout=60):
    """Run a program in a new interpreter and return what it printed."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tasks_run_in_other_threads_than_the_callers():
    graph = {"x": (threading.get_ident,)}
    assert get(graph, "x") != threading.get_ident()
    assert get(graph, "x", num_workers=1) != threading.get_ident()


def test_workers_are_python_threads_with_thread_locals():
    local = threading.local()

    def count():
        local.calls = getattr(local, "calls", 0) + 1
        return isinstance(threading.current_thread(), threading.Thread), local.calls

    results = get({("x", i): (count,) for i in range(10)}, [("x", i) for i in range(10)], num_workers=1)
    assert all(is_thread for is_thread, _ in results)
    assert sorted(calls for _, calls in results) == list(range(1, 11))


def test_tasks_that_wait_for_each_other_all_run():
    barrier = threading.Barrier(6)
    graph = {("x", i): (barrier.wait, 30) for i in range(6)}
    assert sorted(get(graph, list(graph), num_workers=6)) == list(range(6))


def test_num_workers_bounds_how_many_tasks_run_at_once():
    lock = threading.Lock()
    running, most = 0, 0

    def task():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.002)
        with lock:
            running -= 1

    graph = {("x", i): (task,) for i in range(40)}
    get(graph, list(graph), num_workers=3)
    assert most == 3


@pytest.mark.parametrize("make_pool", [ThreadPoolExecutor, ThreadPool])
def test_a_pool_of_the_users_lends_its_threads(make_pool):
    with make_pool(2) as pool:
        idents = set(
            get(
                {("x", i): (lambda: (time.sleep(0.01), threading.get_ident())[1],) for i in range(10)},
                [("x", i) for i in range(10)],
                pool=pool,
            )
        )
        assert len(idents) == 2
        with config.set(pool=pool):
            assert get({"x": (threading.get_ident,)}, "x") in idents


def test_a_pool_of_processes_gets_tasks_as_data():
    with ProcessPoolExecutor(1) as pool:
        graph = {"p": (os.getpid,), "y": (add, 1, (inc, 1)), "z": (lambda x, k: [x, k], "y", ["y"])}
        process, y, z = get(graph, ["p", "y", "z"], pool=pool)
    assert process != os.getpid()
    assert (y, z) == (3, [3, [3]])


def test_a_task_that_computes_a_graph_does_not_deadlock():
    def outer(depth):
        if depth == 0:
            return 1
        inner = {("x", i): (outer, depth - 1) for i in range(2)} | {"sum": (sum, [("x", 0), ("x", 1)])}
        return get(inner, "sum")

    assert get({"x": (outer, 6)}, "x", num_workers=1) == 64
    assert get({"x": (outer, 6)}, "x", num_workers=2) == 64


def test_a_helping_thread_runs_only_tasks_of_the_graph_it_waits_for():
    ran = []

    def outer(i):
        inside = threading.get_ident()

        def inner(j):
            ran.append((i, threading.get_ident() == inside))
            return j

        return get({("y", j): (inner, j) for j in range(5)}, [("y", j) for j in range(5)])

    stack = threading.local()

    def guarded(i):
        # A helper that took a task of the outer graph would come here a second time in the same thread.
        assert not getattr(stack, "busy", False)
        stack.busy = True
        try:
            return outer(i)
        finally:
            stack.busy = False

    results = get({("x", i): (guarded, i) for i in range(8)}, [("x", i) for i in range(8)], num_workers=2)
    assert results == ((0, 1, 2, 3, 4),) * 8
    assert len(ran) == 40


def test_threads_call_get_at_the_same_time():
    results = []

    def call(i):
        graph = {"x": (time.sleep, 0.01), "y": (lambda _, i=i: i, "x")}
        results.append(get(graph, "y"))

    threads = [threading.Thread(target=call, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) == list(range(12))


def test_other_threads_get_their_turn_while_all_tasks_are_c_functions():
    turns = 0
    done = threading.Event()

    def other():
        nonlocal turns
        while not done.is_set():
            turns += 1
            time.sleep(0)

    thread = threading.Thread(target=other)
    numbers = list(range(2000))
    graph = {("x", i): (sum, numbers) for i in range(20_000)}
    thread.start()
    before = turns
    get({"all": (len, [*graph])} | graph, "all", num_workers=1)
    seen = turns - before
    done.set()
    thread.join()
    assert seen >= 10


def test_an_exception_arrives_as_itself_with_the_users_frames_and_the_key():
    error = ValueError("no")

    def fail(x):
        raise error

    with pytest.raises(ValueError) as caught:
        get({"x": 1, "y": (fail, "x"), "z": (inc, "y")}, "z")
    assert caught.value is error
    assert error.__notes__ == ["raised by the task 'y'"]
    names = [entry.name for entry in caught.traceback]
    assert names == ["test_an_exception_arrives_as_itself_with_the_users_frames_and_the_key", "fail"]


@pytest.mark.parametrize(
    "call",
    [
        watched_get,
        get_sync,
        lambda graph, key: compute(delayed(graph[key][0])(1)),
        lambda graph, key: delayed(graph[key][0])(1).compute(scheduler="sync"),
    ],
)
def test_no_frame_of_ours_stands_in_a_traceback(call):
    def fail(x):
        raise ValueError("no")

    with pytest.raises(ValueError) as caught:
        call({"x": (fail, 1)}, "x")
    files = {str(entry.path) for entry in caught.traceback}
    assert files == {__file__}
    assert caught.traceback[-1].name == "fail"


def test_an_error_of_ours_keeps_its_frames():
    with pytest.raises(KeyError) as caught:
        get({"x": 1}, "y")
    assert len(caught.traceback) > 1


def test_get_is_a_function_to_whoever_asks():
    assert get.__name__ == "get" and get.__module__ == "cenote.threaded"
    assert "num_workers" in inspect.signature(get).parameters
    assert pickle.loads(pickle.dumps(get)) is get
    assert get.__doc__ == get.__wrapped__.__doc__


def test_an_exception_arrives_before_tasks_that_are_running_end():
    release = threading.Event()
    started = threading.Event()

    def fail():
        assert started.wait(30)
        raise KeyError("now")

    def wait():
        started.set()
        release.wait(30)

    try:
        with pytest.raises(KeyError, match="now"):
            get({"x": (wait,), "y": (fail,)}, ["x", "y"], num_workers=2)
        assert not release.is_set()
    finally:
        release.set()


def test_ctrl_c_returns_at_once():
    program = """
        import os, signal, threading, time
        from cenote.threaded import get
        def stuck():
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
            released.wait(20)
        released = threading.Event()
        began = time.monotonic()
        try:
            get({"x": (stuck,)}, "x")
        except KeyboardInterrupt:
            print("interrupted", not released.is_set())
        released.set()
    """
    assert python(program) == "interrupted True\n"


def test_an_interrupt_while_a_thread_is_started_is_not_lost():
    class Interrupted(ThreadPoolExecutor):
        def submit(self, *args):
            future = super().submit(*args)
            if self._threads and len(self._threads) > 1:
                raise KeyboardInterrupt
            return future

    release = threading.Event()
    with Interrupted(4) as pool:
        with pytest.raises(KeyboardInterrupt):
            get({str(i): (release.wait, 20) for i in range(4)}, list("0123"), pool=pool)
        assert not release.is_set()
        release.set()


def test_a_thread_that_cannot_be_had_is_done_without():
    class Small(ThreadPoolExecutor):
        def submit(self, *args):
            if self._threads:
                raise RuntimeError("no more threads")
            return super().submit(*args)

    with Small(4) as pool:
        assert get({str(i): (inc, i) for i in range(100)}, ["0", "99"], pool=pool) == (1, 100)


def test_the_callers_context_is_seen_and_each_task_has_a_copy():
    variable = contextvars.ContextVar("variable", default=0)

    def use():
        seen = variable.get()
        variable.set(seen + 1)
        return seen

    graph = {("x", i): (use,) for i in range(20)}
    get(graph, list(graph))
    variable.set(42)
    assert get(graph, list(graph), num_workers=1) == (42,) * 20
    assert variable.get() == 42


def test_a_child_forked_beside_an_idle_pool_works():
    program = """
        import os
        from cenote.threaded import get
        graph = {"x": 1, "y": (abs, "x"), "z": (sum, ["x", "y"])}
        assert get(graph, "z") == 2
        pid = os.fork()
        if pid == 0:
            os._exit(0 if get(graph, "z") == 2 else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    """
    assert python(program) == "0\n"


def test_a_child_forked_inside_a_task_works():
    program = """
        import os
        from cenote.threaded import get
        def fork():
            pid = os.fork()
            if pid == 0:
                os._exit(0 if get({"x": 1, "y": (abs, "x")}, "y") == 1 else 1)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(get({("x", i): (fork,) for i in range(4)}, [("x", i) for i in range(4)], num_workers=2))
    """
    assert python(program) == "(0, 0, 0, 0)\n"


def test_the_interpreter_ends_while_tasks_are_left_behind():
    program = """
        import threading, time
        from cenote.threaded import get
        def fail():
            raise ValueError
        try:
            get({"x": (time.sleep, 0.3), "y": (fail,)}, ["x", "y"], num_workers=2)
        except ValueError:
            print("failed")
    """
    assert python(program) == "failed\n"


@pytest.mark.parametrize("watched", [False, True])
def test_the_interpreter_does_not_wait_for_what_a_daemon_thread_asked_for(watched):
    program = f"""
        import threading
        from cenote.threaded import get
        begun = threading.Event()
        def wait(i):
            begun.set()
            threading.Event().wait(0.2)
        graph = {{("x", i): (wait, i) for i in range(10_000)}}
        callbacks = [(None,) * 5] if {watched} else None
        threading.Thread(target=get, args=(graph, list(graph)), kwargs=dict(callbacks=callbacks), daemon=True).start()
        begun.wait(30)
        print("left")
    """
    assert python(program) == "left\n"


def test_the_interpreter_waits_for_what_a_thread_that_is_no_daemon_asked_for():
    program = """
        import threading
        from cenote.threaded import get
        begun = threading.Event()
        def wait(i):
            begun.set()
            threading.Event().wait(0.05)
            return i
        def run():
            print(get({("x", i): (wait, i) for i in range(10)}, [("x", 9)], num_workers=1))
        threading.Thread(target=run).start()
        begun.wait(30)
    """
    assert python(program) == "(9,)\n"


class Result:
    """A result that can be watched."""


def test_a_result_dies_when_its_last_dependent_has_finished():
    alive = weakref.WeakSet()

    def make(*_):
        result = Result()
        alive.add(result)
        return result

    def use(result):
        return len(alive)

    graph = {}
    for i in range(50):
        graph["a", i] = (make,)
        graph["b", i] = (use, ("a", i))
    seen = get(graph, [("b", i) for i in range(50)], num_workers=1)
    assert max(seen) == 1
    assert not alive


def test_a_job_that_an_executor_gets_round_to_late_keeps_nothing_alive():
    with ThreadPoolExecutor(1) as pool:
        blocked, release = threading.Event(), threading.Event()
        alive = weakref.WeakSet()

        def block():
            blocked.set()
            release.wait(30)

        result = Result()
        alive.add(result)
        failing = {"x": (block,), "y": (lambda r: r, result)}
        pool.submit(block)
        blocked.wait(30)
        waiter = threading.Timer(0.1, signal.raise_signal, (signal.SIGINT,))
        waiter.start()
        with pytest.raises(KeyboardInterrupt):
            get(failing, ["x", "y"], pool=pool)
        del failing, result
        assert not alive
        release.set()


def test_an_executor_that_takes_no_jobs_is_an_error():
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        get({"x": (inc, 1)}, "x", pool=pool)

"""The command ``cenote scheduler``: flags, files, lines, signals and pages, without any work."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

pytest.importorskip("distributed")

COMMAND = [sys.executable, "-m", "cenote", "scheduler"]
QUIET = {name: value for name, value in os.environ.items() if not name.startswith(("DASK_", "CENOTE_"))}


@contextlib.contextmanager
def scheduler(folder, *flags, environment=None):
    """A scheduler that has started: its process, its file as read, and where its lines go."""
    file, log = folder / "scheduler.json", folder / "log"
    command = [*COMMAND, "--port", "0", "--dashboard-address", ":0", "--scheduler-file", str(file), *flags]
    with log.open("wb") as lines:
        process = subprocess.Popen(command, stdout=lines, stderr=lines, env={**QUIET, **(environment or {})})
    try:
        deadline = time.monotonic() + 60
        while not file.exists():
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)
        yield process, json.loads(file.read_text()), log
    finally:
        process.kill()
        process.wait()


def run(*flags, environment=None):
    """What a command that ends by itself says, and the code with which it ends."""
    ran = subprocess.run(
        [*COMMAND, *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**QUIET, **(environment or {})},
    )
    return ran.returncode, ran.stdout + ran.stderr


def page(identity, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{identity['services']['dashboard']}{path}", timeout=10) as answer:
        return answer.url, answer.read().decode()


def test_it_tells_where_it_is_serves_its_pages_and_goes_with_its_files(tmp_path):
    pid_file = tmp_path / "pid"
    with scheduler(tmp_path, "--pid-file", str(pid_file)) as (process, identity, log):
        address = identity["address"]
        assert address.startswith("tcp://127.0.0.1:")
        assert identity["type"] == "Scheduler" and identity["workers"] == {}
        assert pid_file.read_text() == str(process.pid)
        assert page(identity, "/health")[1] == "ok"
        url, text = page(identity, "/")
        assert url.endswith("/status") and address in text
        assert json.loads(page(identity, "/json/counts.json")[1])["workers"] == 0

        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        said = log.read_text()
        assert f"  Scheduler at:     {address}" in said
        assert f"  dashboard at: http://127.0.0.1:{identity['services']['dashboard']}/status" in said
        assert "only this machine can reach it" in said and "--host 0.0.0.0" in said
        assert "SIGINT" in said and "End scheduler" in said
        assert sorted(path.name for path in tmp_path.iterdir()) == ["log"]


def test_sigterm_closes_it_cleanly(tmp_path):
    with scheduler(tmp_path) as (process, _, log):
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert "SIGTERM" in log.read_text()


def test_a_second_signal_ends_it_at_once_and_its_files_go_all_the_same(tmp_path):
    slow = tmp_path / "slow.py"
    slow.write_text("import time\ndef dask_setup(scheduler): pass\ndef dask_teardown(scheduler): time.sleep(60)\n")
    pid_file = tmp_path / "pid"
    with scheduler(tmp_path, "--preload", str(slow), "--pid-file", str(pid_file)) as (process, _, log):
        for _ in range(2):
            process.send_signal(signal.SIGTERM)  # as `timeout` does: an echo is not a second wish
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM
        assert "a second signal (SIGTERM) has ended the scheduler" in log.read_text()
        assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".pyc") == ["log", "slow.py"]


def test_a_scheduler_file_that_cannot_be_written_ends_it_before_anybody_is_told_of_it(tmp_path):
    file = tmp_path / "no-such-folder" / "scheduler.json"
    code, said = run("--port", "0", "--dashboard-address", ":0", "--scheduler-file", str(file))
    assert code == 1 and f"--scheduler-file {file}: No such file or directory" in said
    assert "Scheduler at" not in said


def test_an_idle_scheduler_says_once_that_it_ends():
    code, said = run("--port", "0", "--dashboard-address", ":0", "--idle-timeout", "200ms")
    assert code == 0 and said.count("closing after being idle for 0.2 s") == 1


def test_it_listens_on_all_interfaces_only_when_told(tmp_path):
    with scheduler(tmp_path, "--host", "0.0.0.0") as (_, identity, log):
        port = int(identity["address"].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            pass
        assert "it listens on all interfaces" in log.read_text()


def test_a_page_whose_port_is_taken_moves_to_another(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with scheduler(tmp_path, "--dashboard-address", f":{port}") as (_, identity, log):
            assert identity["services"]["dashboard"] != port
            assert f"port {port} is taken" in log.read_text()
            assert page(identity, "/health")[1] == "ok"


def test_an_address_that_is_taken_is_an_error_that_says_what_to_do():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = run("--port", str(taken.getsockname()[1]), "--dashboard-address", ":0")
    assert code == 1
    assert "cannot listen at 127.0.0.1:" in said and "--port" in said


@pytest.mark.parametrize(
    "flags",
    [
        ["--tls-cert", "cert.pem"],
        ["--tls-cert", "/no/such/cert.pem", "--tls-ca-file", "/no/such/ca.pem"],
        ["--protocol", "ws"],
        ["--host", "inproc://"],
        ["--token-file", "/no/such/token"],
        ["--jupyter"],
        ["--port", "8786,8787"],
        ["--no-such-flag"],
    ],
)
def test_what_is_not_there_is_said_with_code_two(flags):
    code, said = run(*flags)
    assert code == (1 if flags[0] == "--token-file" else 2)
    assert flags[0] in said


def test_dasks_configuration_counts(tmp_path):
    code, said = run(environment={"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true"})
    assert (code, "tls needs certificates" in said) == (2, True)
    (tmp_path / "dask.yaml").write_text("distributed:\n  scheduler:\n    preload: [no_such_module]\n")
    code, said = run("--port", "0", "--dashboard-address", ":0", environment={"DASK_CONFIG": str(tmp_path)})
    assert (code, "no_such_module" in said) == (1, True)
    policies = {"DASK_DISTRIBUTED__SCHEDULER__ACTIVE_MEMORY_MANAGER__POLICIES": "[{'class': 'mine.Policy'}]"}
    code, said = run(environment=policies)
    assert (code, "the policy mine.Policy of the setting" in said) == (2, True)
    code, said = run(environment={"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "soon"})
    assert (code, "distributed.scheduler.worker-ttl is 'soon'" in said) == (1, True)


PRELOADED = """
import click
from distributed.diagnostics.plugin import SchedulerPlugin

class Log(SchedulerPlugin):
    def __init__(self, path):
        self.path = path
    def say(self, *words):
        with open(self.path, "a") as file:
            print(*words, file=file)
    def log_event(self, topic, msg):
        self.say("event", topic, msg)
    def close(self):
        self.say("closed")

@click.command()
@click.option("--log")
async def dask_setup(scheduler, log):
    scheduler.add_plugin(Log(log), name="log")
    scheduler.plugins["log"].say("at", scheduler.address, len(scheduler.workers))

def dask_teardown(scheduler):
    scheduler.plugins["log"].say("teardown")
"""


def test_what_is_preloaded_is_told_what_happens_until_the_scheduler_has_closed(tmp_path):
    (tmp_path / "preloaded_here.py").write_text(PRELOADED)
    log = tmp_path / "said"
    flags = ["--preload", str(tmp_path / "preloaded_here.py"), "--log", str(log)]
    with scheduler(tmp_path, *flags) as (process, identity, _):
        address = identity["address"]
        assert log.read_text() == f"at {address} 0\n"
        tell(identity, [{"op": "log_event", "topic": "fish", "msg": "blub", "reply": True}])
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    said = log.read_text().splitlines()
    assert "event fish blub" in said and said[-2:] == ["teardown", "closed"]


def test_help_and_version_are_told():
    code, said = run("--help")
    assert code == 0 and "--scheduler-file" in said and "--jupyter" not in said
    assert run("--version") == (0, "cenote 0.1.0\n")


def tell(identity, messages):
    """Say something over one connection, one message after another, and tell what is answered until it is closed."""
    from distributed.comm import CommClosedError, connect

    async def say():
        comm, answers = await connect(identity["address"]), []
        try:
            for message in messages:
                await comm.write(message)
            while True:
                answers.append(await asyncio.wait_for(comm.read(), 5))
        except CommClosedError:
            return answers, True
        except TimeoutError:
            return answers, False
        finally:
            comm.abort()

    return asyncio.run(say())


def test_a_garbled_request_is_answered_or_if_nobody_waits_for_an_answer_its_connection_is_closed(tmp_path):
    with scheduler(tmp_path) as (_, identity, log):
        garbled = {"op": "set_metadata", "keys": 7}
        answers, closed = tell(identity, [garbled, {"op": "echo", "data": 1}])
        assert [type(answer) for answer in answers] == [dict, int] and not closed
        assert "set_metadata" in answers[0]["exception_text"]
        answers, closed = tell(identity, [{**garbled, "reply": False}, {"op": "echo", "data": 1}])
        assert answers == [] and closed
        assert log.read_text().count("the connection is closed: ") == 1


def test_a_refusal_is_told_to_whoever_waits_for_an_answer_and_to_nobody_else(tmp_path):
    refused = {"DASK_DISTRIBUTED__SCHEDULER__BLOCKED_HANDLERS": "['feed', 'log_event', 'register_nanny']"}
    with scheduler(tmp_path, environment=refused) as (_, identity, _):
        for op in ("feed", "register_nanny"):
            answers, closed = tell(identity, [{"op": op}, {"op": "echo", "data": 1}])
            assert "explicitly disallowed" in answers[0]["exception_text"] and answers[1:] == [1] and not closed
        event = {"op": "log_event", "topic": "t", "msg": "m", "reply": False}
        assert tell(identity, [event, {"op": "echo", "data": 1}]) == ([], True)


def test_the_folder_that_a_killed_scheduler_has_left_is_removed_when_the_next_one_starts(tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {"TMPDIR": str(temporary)}
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
    with scheduler(tmp_path / "first", environment=environment) as (process, _, _):
        [left] = temporary.iterdir()
        process.kill()
        process.wait()
    assert left.exists()
    with scheduler(tmp_path / "second", environment=environment) as (process, _, _):
        [new] = temporary.iterdir()
        assert new != left
        process.terminate()
        assert process.wait(20) == 0
    assert not list(temporary.iterdir())


class Sleeps:
    """What takes seconds to be read."""

    def __reduce__(self):
        return time.sleep, (4,)


def test_what_a_client_says_behind_a_graph_waits_with_the_client_when_it_is_much(tmp_path):
    import psutil
    from distributed.comm import connect
    from distributed.protocol import Serialize, ToPickle

    graph = {
        "op": "update-graph",
        "expr_ser": Serialize(Sleeps()),
        "keys": {"x"},
        "internal_priority": None,
        "submitting_task": None,
        "fifo_timeout": "60s",
        "actors": None,
        "code": ToPickle(()),
        "annotations": ToPickle({}),
        "span_metadata": ToPickle({}),
    }
    released = {"op": "client-releases-keys", "keys": ["k" * 1_000_000], "client": "c"}

    async def talk(address, process):
        comm = await connect(address)
        await comm.write({"op": "register-client", "client": "c", "reply": False, "versions": {}})
        assert [message["op"] for message in await comm.read()] == ["stream-start"]
        before = most = process.memory_info().rss
        await comm.write([graph])
        for _ in range(300):
            await comm.write([released])
        await comm.write([{"op": "heartbeat-client"}])
        heard = []
        reading = asyncio.ensure_future(comm.read())
        while not (await asyncio.wait([reading], timeout=0.05))[0]:
            most = max(most, process.memory_info().rss)
        heard += [message["op"] for message in await reading]
        while "adjust-heartbeat-interval" not in heard:
            heard += [message["op"] for message in await comm.read()]
        await comm.close()
        return heard, most - before

    with scheduler(tmp_path) as (process, identity, log):
        talking = talk(identity["address"], psutil.Process(process.pid))
        heard, grown = asyncio.run(asyncio.wait_for(talking, 60))
        assert heard == ["task-erred", "adjust-heartbeat-interval"], log.read_text()
        # Of 300 MB 64, and room to read them into.
        assert 50e6 < grown < 200e6

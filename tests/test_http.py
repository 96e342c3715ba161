"""The pages of ``cenote scheduler`` over HTTP, as programs and people read them, beside those of ``dask scheduler``."""

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from urllib.parse import quote

import pytest

distributed = pytest.importorskip("distributed")
parser = pytest.importorskip("prometheus_client.parser")
openmetrics = pytest.importorskip("prometheus_client.openmetrics.parser")

OURS = [sys.executable, "-m", "cenote", "scheduler"]
STOCK = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
WORKER = [sys.executable, "-m", "distributed.cli.dask_worker"]
QUIET = {name: value for name, value in os.environ.items() if not name.startswith(("DASK_", "CENOTE_"))}
ROUTES = ["scheduler.prometheus", "scheduler.info", "scheduler.json", "health", "proxy", "statics", "scheduler.api"]
WITH_API = {"DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": str([f"distributed.http.{name}" for name in ROUTES])}


def inc(x):
    return x + 1


class Site:
    """The pages of a scheduler."""

    def __init__(self, identity):
        self.address, self.port = identity["address"], identity["services"]["dashboard"]

    def ask(self, path, body=None, method=None, **headers):
        """The status, the headers and the text of an answer."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()

    def text(self, path):
        status, _, text = self.ask(path)
        assert status == 200, (path, text)
        return text

    def families(self):
        return {family.name: family for family in parser.text_string_to_metric_families(self.text("/metrics"))}

    def raw(self, said):
        """What is answered to bytes that may be no request."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(said)
                connection.shutdown(socket.SHUT_WR)
                return connection.makefile("rb").read()
        return b""


@contextlib.contextmanager
def scheduler(folder, command, *flags, environment=None):
    """A scheduler that has started."""
    file = folder / "scheduler.json"
    words = [*command, "--host", "127.0.0.1", "--port", "0", "--dashboard-address", ":0", "--scheduler-file", str(file)]
    process = subprocess.Popen([*words, *flags], env={**QUIET, **(environment or {})}, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not file.exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        yield Site(json.loads(file.read_text()))
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def worker(site, *flags):
    """A stock worker."""
    process = subprocess.Popen(
        [*WORKER, site.address, "--nthreads", "2", "--no-nanny", "--dashboard-address", ":0", *flags],
        env=QUIET,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            # How soon a stock worker ends is not what is tested here.
            process.kill()
            process.wait()


def some_work(client):
    """Tasks that are done, one that has failed, and semaphores."""
    client.wait_for_workers(1, timeout=60)
    client.gather(client.map(inc, range(10)))
    kept = client.submit(inc, 1, key=("kept", 1))
    kept.result()
    failed = client.submit(lambda: 1 / 0, key="failed")
    failed.exception()
    semaphore = distributed.Semaphore(2, "sem")
    assert semaphore.acquire()
    return kept, failed, semaphore


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A cluster that has done something, its client, and what that keeps."""
    folder = tmp_path_factory.mktemp("busy")
    with scheduler(folder, OURS, environment=WITH_API) as site, worker(site):
        with distributed.Client(site.address, timeout=60) as client:
            kept = some_work(client)
            yield site, client
            del kept


def test_metrics_have_the_names_types_and_labels_of_a_stock_scheduler(tmp_path, busy):
    ours = busy[0].families()
    with scheduler(tmp_path, STOCK) as site, worker(site), distributed.Client(site.address, timeout=60) as client:
        kept = some_work(client)
        theirs = site.families()
        del kept

    def shape(families):
        return {
            name: (family.type, {frozenset(sample.labels) for sample in family.samples})
            for name, family in families.items()
            if name.startswith("dask_")
        }

    assert shape(theirs) == shape(ours)
    for name in shape(theirs):
        states = [{s.labels.get("state") for s in families[name].samples} for families in (theirs, ours)]
        if name != "dask_scheduler_prefix_state_totals":
            assert states[0] == states[1], name
    assert {name for name in theirs if name.startswith("process_")} == {n for n in ours if n.startswith("process_")}


def test_metrics_count_what_happened(busy):
    families = busy[0].families()

    def samples(name):
        return {tuple(sample.labels.values()): sample.value for sample in families[name].samples}

    assert samples("dask_scheduler_clients") == {(): 1}
    assert samples("dask_scheduler_workers")["idle",] == 1
    states = samples("dask_scheduler_tasks")
    assert (states["memory",], states["erred",]) == (1, 1)
    ever = samples("dask_scheduler_prefix_state_totals")
    assert (ever["inc", "memory"], ever["failed", "erred"]) == (10, 1)
    assert samples("dask_scheduler_tasks_compute_seconds")["inc",] > 0
    assert samples("dask_semaphore_active_leases") == {("sem",): 1}
    ticks = samples("dask_scheduler_tick_count")[()]
    time.sleep(0.5)
    families = busy[0].families()
    assert samples("dask_scheduler_tick_count")[()] > ticks


def test_who_asks_for_openmetrics_gets_it(busy):
    accept = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5"
    status, headers, text = busy[0].ask("/metrics", Accept=accept)
    assert status == 200 and headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    read = {family.name for family in openmetrics.text_string_to_metric_families(text)}
    assert read == set(busy[0].families())


def test_counts_have_the_names_of_dask(busy):
    site, client = busy
    counts = json.loads(site.text("/json/counts.json"))
    names = "bytes clients cores erred hosts idle memory processing released saturated tasks unrunnable waiting"
    assert set(counts) == {*names.split(), "waiting_data", "workers", "desired_workers"}
    assert (counts["workers"], counts["cores"], counts["memory"], counts["erred"]) == (1, 2, 1, 1)
    identity = json.loads(site.text("/json/identity.json"))
    assert set(identity["workers"]) == set(client.scheduler_info()["workers"])


def test_every_page_is_well_formed_and_has_only_relative_links(busy):
    site, client = busy
    paths = json.loads(site.text("/sitemap.json"))["paths"]
    assert {"/health", "/metrics", "/statics/css/base.css", "/api/v1/retire_workers"} <= set(paths)
    address = quote(next(iter(client.scheduler_info()["workers"])), safe="")
    fill = {"worker": address, "logs": address, "call-stacks": address, "task": "failed", "call-stack": "failed"}
    pages = [path for path in paths if not re.search(r"api|json$|health|metrics|css|/ws$", path)]
    assert len(pages) > 12
    for path in pages:
        path = path.replace("{file}", fill.get(path.split("/")[-2], "") + ".html")
        text = site.text(path)
        ET.fromstring(text)
        links = re.findall(r'(?:href|src)="([^"]*)"', text)
        assert links
        assert not [link for link in links if link.startswith("/") or ("://" in link and "/status" not in link)]
        assert "<script" not in text


def test_the_log_tells_which_results_a_worker_has_taken_with_it(tmp_path):
    with scheduler(tmp_path, OURS) as site, worker(site) as process:
        with distributed.Client(site.address, timeout=60) as client:
            client.wait_for_workers(1, timeout=60)
            kept = [client.submit(inc, 1, key="made"), client.scatter({"put": 1})]
            kept[0].result()
            process.kill()
            deadline = time.monotonic() + 60
            while client.nthreads():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            text = site.text("/info/main/logs.html")
            assert "computed again where they are needed: made" in text
            assert "the only copies of scattered data, which are lost: put" in text
            with pytest.raises(KeyError, match="unheard-of"):
                client.call_stack(keys=["unheard-of"])


def test_pages_show_tasks_and_workers(busy):
    site, client = busy
    address = next(iter(client.scheduler_info()["workers"]))
    status = site.text("/status")
    assert address in status and "<td>kept</td>" in status
    text = site.text(f"/info/task/{quote(str(('kept', 1)), safe='')}.html")
    assert address in text and "int" in text and "processing to memory" in text
    text = site.text("/info/task/failed.html")
    assert "ZeroDivisionError" in text
    assert "ZeroDivisionError" in site.text("/info/main/exceptions.html")
    assert "worker joined" in site.text("/info/main/logs.html")
    assert "Registered to" in site.text(f"/info/logs/{quote(address, safe='')}.html")
    for path in (
        "/info/task/none.html",
        "/info/worker/none.html",
        "/info/logs/none.html",
        "/info/call-stack/none.html",
    ):
        assert site.ask(path)[0] == 404


def test_what_runs_is_shown_while_it_runs(busy):
    site, client = busy
    event = distributed.Event("go-on")
    future = client.submit(lambda event: event.wait(), event, key="blocked")
    behind = client.submit(inc, future, key="behind")
    deadline = time.monotonic() + 20
    while "event.wait" not in (text := site.ask("/info/call-stack/blocked.html")[2]):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    # The client may not have sent the second graph yet.
    while "1 results are missing, such as blocked" not in (text := site.ask("/info/task/behind.html")[2]):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    event.set()
    behind.result()
    assert "Task not actively running" in site.text("/info/call-stack/blocked.html")


class Slow:
    """What takes a second to unpickle."""

    def __reduce__(self):
        return time.sleep, (1,)


def test_the_page_of_a_task_waits_until_its_graph_has_been_read(busy):
    site, client = busy
    future = client.submit(str, Slow())
    time.sleep(0.1)  # the client says what it has submitted within 10 ms
    assert future.key in site.text(f"/info/task/{quote(future.key)}.html")
    assert future.key in site.text(f"/info/call-stack/{quote(future.key)}.html")
    assert site.ask("/info/task/no-such-task.html")[0] == 404


def test_the_api_is_served_where_the_settings_say_so(tmp_path, busy):
    site = busy[0]
    assert site.text("/api/v1") == "API V1"
    workers = json.loads(site.text("/api/v1/get_workers"))
    assert workers["num_workers"] == 1 and set(workers["workers"][0]) == {"name", "address"}
    assert json.loads(site.text("/api/v1/adaptive_target"))["workers"] >= 0
    assert set(json.loads(site.text("/api/v1/check_idle"))) == {"idle_since"}
    with scheduler(tmp_path, OURS) as other:
        assert other.ask("/api/v1")[0] == 404
        assert other.ask("/api/v1/retire_workers", b"{}")[0] == 404


def test_workers_retire_by_number_and_by_name(tmp_path):
    with scheduler(tmp_path, OURS, environment=WITH_API) as site, contextlib.ExitStack() as workers:
        for name in ("one", "two", "three"):
            workers.enter_context(worker(site, "--name", name))
        with distributed.Client(site.address, timeout=60) as client:
            client.wait_for_workers(3, timeout=60)
            status, headers, text = site.ask("/api/v1/retire_workers", b'{"n": 1}')
            assert (status, headers["content-type"], len(json.loads(text))) == (200, "application/json", 1)
            left = [told["address"] for told in json.loads(site.text("/api/v1/get_workers"))["workers"]]
            assert len(left) == 2
            told = json.loads(site.ask("/api/v1/retire_workers", json.dumps({"workers": left[:1]}).encode())[2])
            assert list(told) == left[:1] and told[left[0]]["type"] == "Worker"
            assert json.loads(site.text("/api/v1/get_workers"))["num_workers"] == 1


def test_a_request_that_makes_no_sense_is_answered_as_stock_does(busy):
    for body in (b"", b"x", b"[]", b'{"n": "x"}', b"\x00\xff", b'{"n": 1e400}', b"[" * 100_000):
        status, _, text = busy[0].ask("/api/v1/retire_workers", body)
        assert (status, json.loads(text)) == (500, {"Error": "Internal Server Error"}), body[:20]
    assert busy[0].ask("/api/v1/retire_workers", b"{" + b" " * (2 << 20) + b"}")[0] == 413
    assert busy[0].ask("/api/v1/retire_workers")[0] == 405


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://evil.invalid", None, 403),
        ("http://evil.invalid:8787", "evil.invalid:8787", 403),
        ("null", None, 403),
        ("http://localhost:1", "localhost:1", 200),
        (None, "any-service.namespace:8787", 200),
    ],
)
def test_no_web_page_of_another_lets_workers_go(busy, origin, host, status):
    headers = {name: value for name, value in (("Origin", origin), ("Host", host)) if value}
    assert busy[0].ask("/api/v1/retire_workers", b'{"workers": []}', **headers)[0] == status


def test_load_balancers_may_ask_for_the_head_alone(busy):
    status, headers, text = busy[0].ask("/health", method="HEAD")
    assert (status, headers["content-length"], text) == (200, "2", "")
    assert busy[0].ask("/health", b"", method="DELETE")[0] == 405
    assert busy[0].ask("/no/such/page")[0] == 404
    assert busy[0].ask("/info/task/%ff%00.html")[0] in (400, 404)


def test_garbage_and_slow_clients_hold_nobody_up(busy):
    site = busy[0]
    slow = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(50)]
    try:
        for connection in slow:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: ")
        for garbage in (
            b"\x16\x03\x01\x02\x00\x01",
            b"GET\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"\r\n" * 1000,
            bytes(range(256)),
        ):
            answer = site.raw(garbage)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:80]
        large = b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: y\r\n" % number for number in range(20_000))
        assert not site.raw(large).startswith(b"HTTP/1.1 2")
        began = time.monotonic()
        assert site.text("/health") == "ok"
        assert time.monotonic() - began < 5
    finally:
        for connection in slow:
            connection.close()


def test_a_connection_serves_many_requests(busy):
    connection = http.client.HTTPConnection("127.0.0.1", busy[0].port, timeout=20)
    for path in ("/health", "/metrics", "/no", "/json/counts.json", "/health"):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == (404 if path == "/no" else 200)
        answer.read()
    connection.close()


def test_all_paths_are_behind_the_prefix(tmp_path):
    with scheduler(tmp_path, OURS, "--dashboard-prefix", "/dask/") as site:
        assert site.text("/dask/health") == "ok"
        assert site.ask("/health")[0] == 404
        assert "statics/css/base.css" in site.text("/dask/status")
        assert site.text("/dask/statics/css/base.css")
        assert "/dask/status" in json.loads(site.text("/sitemap.json"))["paths"]


def test_settings_say_what_is_served_and_how_metrics_begin(tmp_path):
    environment = {
        "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "['distributed.http.scheduler.prometheus', 'my.module']",
        "DASK_DISTRIBUTED__DASHBOARD__PROMETHEUS__NAMESPACE": "mine",
    }
    with scheduler(tmp_path, OURS, environment=environment) as site:
        assert "mine_scheduler_workers" in site.families()
        assert [site.ask(path)[0] for path in ("/health", "/status", "/json/counts.json")] == [404] * 3

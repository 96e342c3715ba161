"""Records what stock Dask says on the wire: every byte of every connection of one small session.

A scheduler, two workers, a nanny and a client, all stock, run over TCP on this machine. Each listens behind a
recording proxy and is known to the others by the proxy's address. The bytes go to ``wire/<name>.up.bin`` (from who
connected) and ``wire/<name>.down.bin`` (to who connected), the versions and a line a file to ``wire/MANIFEST.txt``.
What would name this machine is replaced at its source, and the script fails if any of it is found in the bytes.

    python tests/data/capture.py
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import platform
import re
import shutil
import socket
import struct
import sys
import tempfile
from pathlib import Path

import dask
import distributed
import distributed.scheduler
import msgpack

FOLDER = Path(__file__).parent / "wire"
SCRATCH = Path(tempfile.gettempdir()) / "capture"
SIZE_MAX = 300_000
TIME_MAX = 120

CONFIGURATION = {
    "distributed.worker.profile.enabled": False,
    "distributed.diagnostics.computations.nframes": 0,
    "distributed.scheduler.work-stealing-interval": "50ms",
    "distributed.scheduler.dashboard.status.task-stream-length": 10,
    "distributed.comm.timeouts.connect": "10s",
}

# The tasks are compiled under a made-up file name, so that tracebacks name no path of this machine.
TASKS = """
def inc(x): return x + 1
def add(*xs): return sum(xs)
def fail(x): raise ValueError("no", x)
def big(n): return bytearray(n)
def sizes(*xs): return sum(map(len, xs))
def note(x):
    from distributed import get_worker, secede
    get_worker().log_event("topic", {"x": x})
    secede()
    return x
def slow(x):
    import time
    time.sleep(0.1)
    return x
def elsewhere():
    from distributed import Reschedule, get_worker
    if not hasattr(get_worker(), "asked"):
        get_worker().asked = True
        raise Reschedule
"""
tasks: dict = {"__name__": "__main__"}
exec(compile(TASKS, "<tasks>", "exec"), tasks)
inc, add, fail, big, sizes, note, slow, elsewhere = (
    tasks[name] for name in "inc add fail big sizes note slow elsewhere".split()
)


class Connection:
    """The bytes of one connection, each way."""

    def __init__(self, to: str):
        self.to = to
        self.up = bytearray()
        self.down = bytearray()

    def name(self) -> str:
        """Whom it went to, and the first operation that was asked for."""
        operations = re.search(rb"\xa2op(.)", bytes(self.up), re.DOTALL)
        if not operations:
            return f"{self.to}-nothing"
        start = operations.end()
        length = operations[1][0] - 0xA0 if operations[1][0] < 0xC0 else self.up[start]
        start += operations[1][0] >= 0xC0
        return f"{self.to}-{self.up[start : start + length].decode()}".replace("_", "-")


class Proxy:
    """Listens in front of one process and records what passes."""

    def __init__(self, name: str, connections: list[Connection]):
        self.name = name
        self.connections = connections
        self.target = 0
        self.handlers: set[asyncio.Task] = set()

    async def start(self) -> int:
        self.listener = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]
        return self.port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.handlers.add(asyncio.current_task())
        connection = Connection(self.name)
        self.connections.append(connection)
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(
            self.pass_on(reader, onward_writer, connection.up), self.pass_on(onward_reader, writer, connection.down)
        )

    async def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: bytearray) -> None:
        try:
            while chunk := await reader.read(65536):
                record.extend(chunk)
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


MACHINE = platform.node()


def prepare() -> None:
    """Replaces what the messages would tell about this machine, and what they would repeat."""
    uname = platform.uname()._replace(node="host", release="6.0", version="1")
    platform.uname = lambda: uname
    socket.gethostname = lambda: "host"
    # One heartbeat says as much as twenty.
    distributed.scheduler.heartbeat_interval = lambda workers: 2.0


async def work(client: distributed.Client, workers: list[str]) -> None:
    """The session: what step by step first slices of a scheduler must do."""
    futures = client.map(inc, range(4), key=[f"inc-{i}" for i in range(4)])
    total = client.submit(add, *futures, key="total")
    assert await total == 10
    await client.gather(futures, direct=False)
    tree = dask.delayed(add)(*(dask.delayed(inc)(i, dask_key_name=("leaf", i, b"b", 1.5)) for i in range(5)))
    assert await client.compute(tree) == 15
    spread = [client.submit(big, 3000 + i, workers=[workers[i]], key=("big", i), pure=False) for i in range(2)]
    size = client.submit(sizes, *spread, key=-5, workers=[workers[0]])
    assert await size == 6001
    bad = client.submit(fail, 1, key="fail", retries=1)
    worse = client.submit(inc, bad, key="after-fail")
    for future in (bad, worse):
        assert isinstance(await future.exception(), ValueError)
    await client.retry([bad])
    assert await client.submit(note, 7, key="note") == 7
    held = client.submit(slow, 1, key="slow", resources={"GPU": 1}, priority=3)
    await asyncio.sleep(0.3)
    await held.cancel(reason="enough", force=True)
    await client.submit(elsewhere, key="elsewhere")
    names = [f"stolen-{i}" for i in range(12)]
    stolen = client.map(slow, range(12), key=names, workers=workers[:1], allow_other_workers=True)
    await client.gather(stolen)
    data = await client.scatter({"here": [1, 2, 3]}, broadcast=True)
    await client.scatter([b"bytes"], direct=True)
    await client.who_has(futures)
    await client.has_what()
    await client.nbytes()
    await client.ncores()
    await client.processing()
    await client.run(inc, 1)
    await client.scheduler.identity()
    await client.log_event("topic", "from the client")
    client.subscribe_topic("topic", lambda event: None)
    await asyncio.sleep(0.1)
    await client.log_event("topic", {"big": 2**63, "small": -(2**40), "none": None})
    await asyncio.sleep(0.1)
    client.unsubscribe_topic("topic")
    await client.set_metadata(["a", "b"], {"c": (1, 2.5), "set": {1, 2}, "object": object})
    await client.get_metadata(["a"])
    await coordinate(client)
    del data, futures, total, spread, size, bad, worse, held
    await asyncio.sleep(0.2)


async def coordinate(client: distributed.Client) -> None:
    """Events, locks, queues, variables, published data; an error of the scheduler; data of arrays."""
    event = await distributed.Event("event", client=client)
    await event.set()
    async with distributed.Lock("lock"):
        pass
    queue = await distributed.Queue("queue", client=client)
    await queue.put(client.submit(inc, 1, key="queued"))
    await (await queue.get())
    variable = distributed.Variable("variable", client=client)
    await variable.set({"plain": 1})
    await variable.get()
    await client.publish_dataset(published=client.submit(inc, 2, key="published"))
    await client.list_datasets()
    await (await client.get_dataset("published"))
    try:
        await client.scheduler.who_has(keys=3)
    except TypeError:
        pass
    try:
        await client.scheduler.set_restrictions(worker={})
    except Exception:
        pass
    import numpy

    array = await client.scatter(numpy.arange(600.0), direct=False)
    assert await client.submit(numpy.sum, array, key="sum") == 179700
    await client.submit(numpy.arange, 3000, key="array")


async def session(connections: list[Connection]) -> None:
    proxies = [Proxy(name, connections) for name in ("scheduler", "worker0", "worker1", "nanny")]
    ports = [await proxy.start() for proxy in proxies]
    at = "tcp://127.0.0.1:{}".format
    async with distributed.Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        proxies[0].target = scheduler.port
        workers = []
        for index, proxy in enumerate(proxies[1:3]):
            proxy.target = free_port()
            worker = distributed.Worker(
                at(ports[0]),
                host="127.0.0.1",
                port=proxy.target,
                contact_address=at(proxy.port),
                nthreads=1,
                name=index,
                resources={"GPU": 1},
                memory_limit="1 GB",
                local_directory=str(SCRATCH),
                dashboard=False,
            )
            workers.append(await worker)
        async with distributed.Client(at(ports[0]), asynchronous=True, set_as_default=True) as client:
            await work(client, [at(port) for port in ports[1:3]])
            print("the work is done", file=sys.stderr)
            proxies[3].target = free_port()
            nanny = distributed.Nanny(
                at(ports[0]), host="127.0.0.1", port=proxies[3].target, nthreads=1, local_directory=str(SCRATCH)
            )
            async with nanny:
                await client.wait_for_workers(3)
            kept = client.submit(big, 500, key="kept", workers=[at(ports[1])])
            await kept
            await client.retire_workers([at(ports[1])])
            await client.restart(wait_for_workers=False)
        for worker in workers:
            await worker.close()


def write(connections: list[Connection]) -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    secrets = [str(Path(__file__).parent.parent.parent), sys.prefix, str(Path.home()), MACHINE]
    packer = ".".join(map(str, msgpack.version))
    lines = [
        f"distributed {distributed.__version__}, dask {dask.__version__}, msgpack {packer}",
        f"Python {platform.python_version()}",
        "",
    ]
    total = 0
    numbers: dict[str, int] = {}
    for connection in connections:
        name = connection.name()
        numbers[name] = numbers.get(name, 0) + 1
        for way, data in (("up", connection.up), ("down", connection.down)):
            found = [secret for secret in secrets if len(secret) > 3 and secret.encode() in data]
            around = [data[max(data.find(secret.encode()) - 100, 0) :][:300] for secret in found]
            assert not found, f"{name}: the bytes name this machine: {around}"
            path = FOLDER / f"{name}-{numbers[name]}.{way}.bin"
            path.write_bytes(data)
            total += len(data)
            lines.append(f"{len(data):8} bytes {messages(data):4} messages  {path.name}")
    assert total < SIZE_MAX, f"{total} bytes are too many to keep"
    (FOLDER / "MANIFEST.txt").write_text("\n".join(lines) + "\n")
    print(f"{total} bytes")


def messages(data: bytes) -> int:
    """How many whole messages the bytes hold."""
    count, position = 0, 0
    while position < len(data):
        (frames,) = struct.unpack_from("<Q", data, position + 8)
        lengths = struct.unpack_from(f"<{frames}Q", data, position + 16)
        position += 16 + 8 * frames + sum(lengths)
        count += 1
    assert position == len(data), "the last message was cut"
    return count


def main() -> None:
    site = SCRATCH / "site"
    if not distributed.__file__.startswith(str(site)):
        # Pickled tracebacks name the files of Dask: they are imported by a path that every machine has.
        shutil.rmtree(SCRATCH, ignore_errors=True)
        SCRATCH.mkdir()
        site.symlink_to(Path(distributed.__file__).parent.parent)
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"PYTHONPATH": str(site)})
    prepare()
    connections: list[Connection] = []
    faulthandler.dump_traceback_later(TIME_MAX, exit=True)
    with dask.config.set(CONFIGURATION):
        asyncio.run(session(connections))
    write(connections)
    shutil.rmtree(SCRATCH, ignore_errors=True)


if __name__ == "__main__":
    main()

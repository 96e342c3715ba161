"""A crowd at the scheduler's door: 10,000 idle connections, 1,000 that send garbage, and readers that do not read.

Others must not notice: the latency of a task is measured before, during and after.
"""

import random
import resource
import select
import socket
import statistics
import struct
import threading
import time
from pathlib import Path

import msgpack
from cluster import Cluster, say

IDLE = 10_000
GARBAGE = 1_000
READERS = 50
EVENTS, EVENT_BYTES = 50, 100_000
HANDSHAKE = {"compression": None, "python": (3, 11, 7), "pickle-protocol": 5}
DEAF_SECONDS = 10  # how long a peer may take to shake hands, as the cluster sets it


def frame(message):
    """A message of one frame, as it goes over the wire."""
    body = msgpack.packb(message)
    return struct.pack("<QQQ", 16 + len(body), 1, len(body)) + body


def garbage(chance):
    """Something that is no message; the second says whether a handshake goes before."""
    return chance.choice(
        [
            (chance.randbytes(chance.randrange(64, 4096)), False),
            (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + b"x" * 64, False),
            (struct.pack("<QQQ", 1 << 62, 1, 1 << 62), False),
            (struct.pack("<QQ", 1 << 40, 1 << 50), True),
            (struct.pack("<QQQ", 16 + 5, 1, 5) + b"\xdd\xff\xff\xff\xff", True),
            (struct.pack("<QQQ", 16 + 3000, 1, 3000) + b"\x91" * 3000, True),
            (frame({"op": "no-such-request", "reply": True}) + chance.randbytes(100) + b"\xff" * 64, True),
            (frame([1, 2, 3]), True),
            (frame({"op": 7}), True),
        ]
    )


def connect(place):
    connection = socket.create_connection(place, timeout=30)
    connection.settimeout(None)
    return connection


def latency(client, what, count=200):
    """Seconds from submit to result: the median and the 99th of a hundred."""
    seconds = []
    for number in range(count):
        began = time.perf_counter()
        assert client.submit(abs, -number, pure=False).result(timeout=60) == number
        seconds.append(time.perf_counter() - began)
    median, worst = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
    say(f"{what}: {1000 * median:.1f} ms from submit to result, 99 of 100 within {1000 * worst:.1f} ms")
    return median


def is_closed(connection, seconds=0.0):
    """Whether the other side has closed; what it said before that is read and forgotten."""
    deadline = time.monotonic() + seconds
    readable = select.poll()
    readable.register(connection, select.POLLIN)
    while readable.poll(max(0.0, 1000 * (deadline - time.monotonic()))):
        try:
            if not connection.recv(1 << 16):
                return True
        except ConnectionError:
            return True
    return False


def send_garbage(place, outcome):
    """One after another; how many of them were not sent away is told."""
    chance, kept = random.Random(1), []
    for _ in range(GARBAGE):
        text, polite = garbage(chance)
        connection = connect(place)
        try:
            connection.sendall((frame(HANDSHAKE) if polite else b"") + text)
        except ConnectionError:
            pass
        kept.append((connection, text))
    deadline = time.monotonic() + DEAF_SECONDS + 10
    open_still = [text for connection, text in kept if not is_closed(connection, max(0, deadline - time.monotonic()))]
    outcome.update(asked=len(kept), open_still=open_still)
    for connection, _ in kept:
        connection.close()


def slow_reader(place, number):
    """A client that subscribes to a topic and never reads what is said there."""
    connection = connect(place)
    name = f"slow-{number}"
    hello = {"op": "register-client", "client": name, "versions": {}, "reply": False}
    ask = {"op": "subscribe-topic", "topic": "noise", "client": name}
    connection.sendall(frame(HANDSHAKE) + frame(hello) + frame([ask]))
    return connection


def resident(pid):
    """MiB that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    idle = min(IDLE, hard - 2000) if hard != resource.RLIM_INFINITY else IDLE
    with Cluster() as cluster, cluster.client() as client:
        cluster.worker("only")
        client.wait_for_workers(1, timeout=60)
        host, port = cluster.address.removeprefix("tcp://").rsplit(":", 1)
        place, pid = (host, int(port)), cluster.scheduler.pid
        latency(client, "warming up", 50)
        before, memory = latency(client, "alone"), resident(pid)

        began = time.monotonic()
        silent = [connect(place) for _ in range(idle // 2)]
        polite = [connect(place) for _ in range(idle // 2)]
        for connection in polite:
            connection.sendall(frame(HANDSHAKE))
        say(f"{idle:,} idle connections in {time.monotonic() - began:.1f} s, half of them without a handshake")
        amid = latency(client, "among idle connections")

        readers = [slow_reader(place, number) for number in range(READERS)]
        cluster.until(lambda: cluster.counts()["clients"] == READERS + 1, "the slow readers are clients")
        for _ in range(EVENTS):
            client.log_event("noise", "x" * EVENT_BYTES)
        unread = latency(client, f"with {READERS} readers that leave {EVENTS * EVENT_BYTES / 1e6:.0f} MB each unread")

        outcome = {}
        sender = threading.Thread(target=send_garbage, args=(place, outcome))
        sender.start()
        rubbish = latency(client, f"while {GARBAGE:,} send garbage")
        sender.join()
        assert outcome.get("asked") == GARBAGE, "the garbage was not sent"
        open_still = outcome["open_still"]
        say(f"{GARBAGE - len(open_still)} of {GARBAGE} were sent away; memory {memory:.0f} -> {resident(pid):.0f} MiB")
        assert not open_still, {text[:80] for text in open_still}

        cluster.until(lambda: all(map(is_closed, silent)), "those without a handshake are sent away", DEAF_SECONDS + 20)
        assert not any(map(is_closed, polite)), "an idle connection that had shaken hands was closed"
        say("those without a handshake were sent away, those with one were kept")
        for connection in [*silent, *polite, *readers]:
            connection.close()
        cluster.until(lambda: cluster.counts()["clients"] == 1, "the slow readers have left")
        after = latency(client, "alone again")
        say(f"memory {resident(pid):.0f} MiB")
        for median in (amid, unread, rubbish, after):
            assert median < 2 * before + 0.02, "the crowd slowed the others"


if __name__ == "__main__":
    main()

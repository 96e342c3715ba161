"""The Python that reads graphs is killed in the middle of one: that computation fails, everything else goes on."""

import os
import signal
import time
from pathlib import Path

from cluster import SCHEDULER, Cluster, say
from work import TOTAL, start, total


class Slow:
    """Takes its time to be unpickled."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __reduce__(self):
        return time.sleep, (self.seconds,)


def children(pid):
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def main():
    if SCHEDULER != "cenote":
        return say("skipped: Dask's scheduler has no such process")
    with Cluster() as cluster, cluster.client() as client, cluster.client() as other:
        cluster.workers(2)
        client.wait_for_workers(2, timeout=90)
        assert client.submit(abs, -1).result(timeout=60) == 1
        [executor] = children(cluster.scheduler.pid)

        running = other.map(lambda number: time.sleep(0.1) or number, range(50))
        cluster.until(lambda: any(future.done() for future in running), "another client works")
        doomed = client.submit(str, Slow(30), key="doomed")
        time.sleep(0.5)
        os.kill(executor, signal.SIGKILL)
        killed = time.monotonic()
        error = doomed.exception(timeout=20)
        say(
            f"its client was told after {time.monotonic() - killed:.2f} s: {type(error).__name__}: {str(error)[:100]!r}"
        )
        assert error is not None
        assert other.gather(running) == list(range(50))
        assert total(start(client, 0)) == TOTAL
        assert other.submit(abs, -2).result(timeout=60) == 2
        [again] = children(cluster.scheduler.pid)
        assert again != executor
        say("another one was started, and both clients go on")

        os.kill(again, signal.SIGKILL)
        time.sleep(1)
        assert client.submit(abs, -3).result(timeout=60) == 3
        say("killed while it was idle, nobody noticed")


if __name__ == "__main__":
    main()

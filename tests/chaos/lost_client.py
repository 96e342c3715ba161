"""A client disappears in the middle of its work: its tasks are forgotten, the work of others is not."""

import os
import subprocess
import sys

from cluster import Cluster, say
from work import TOTAL, start, total

OTHER = """
import sys, time
from distributed import Client
client = Client(sys.argv[1])
shared = client.submit(abs, -7, key="shared")
futures = client.map(lambda number: time.sleep(0.05), range(2000), key="lost")
shared.result()
print("working", flush=True)
time.sleep(1000)
"""


def main():
    with Cluster() as cluster, cluster.client() as client:
        cluster.workers(2)
        client.wait_for_workers(2, timeout=90)
        command = [sys.executable, "-c", OTHER, cluster.address]
        other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
        try:
            assert other.stdout.readline() == "working\n"
            shared = client.submit(abs, -7, key="shared")
            mine = start(client, 0)
            cluster.until(lambda: cluster.counts()["clients"] == 2 and cluster.counts()["tasks"] > 2000, "both work")
            say(f"two clients work; {cluster.counts()}")
        finally:
            other.kill()
            other.wait()
        cluster.until(lambda: cluster.counts()["clients"] == 1, "the lost client is noticed")
        say(f"one was killed; {cluster.counts()}")
        assert total(mine) == TOTAL
        del mine
        assert shared.result(timeout=30) == 7
        cluster.until(lambda: cluster.counts()["tasks"] <= 2, "its tasks are forgotten")
        say(f"the other's work is done, what nobody wants is forgotten; {cluster.counts()}")


if __name__ == "__main__":
    main()

"""The network between a worker and everybody else is cut without a word while it works; the others do its work.

It runs in a network namespace of its own, where that is permitted; the worker in another one.
"""

import os
import subprocess
import sys
import time

from cluster import Cluster, say
from work import TASKS, TOTAL, start, total

INSIDE = "CHAOS_INSIDE"
# The cable goes with the far worker, the scheduler's own address stays.
HERE, GATE, THERE = "10.78.0.1", "10.77.0.1", "10.77.0.2"
JOIN = f"""
ip link set lo up
until ip link show v1 >/dev/null 2>&1; do sleep 0.05; done
ip addr add {THERE}/24 dev v1
ip link set v1 up
ip route add {HERE}/32 via {GATE}
exec "$@"
"""


def enter():
    """Go on in a namespace; say so and stop where that is not permitted."""
    for flags in (["--net"], ["--net", "--user", "--map-root-user"]):
        command = ["unshare", *flags]
        probe = [*command, "sh", "-c", "ip link set lo up && ip link add v0 type veth peer name v1"]
        try:
            if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
                os.execvpe(command[0], [*command, sys.executable, *sys.argv], {**os.environ, INSIDE: "yes"})
        except FileNotFoundError:
            break
    say("skipped: network namespaces are not permitted here, or the command ip is missing")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def cut(worker):
    """From now on packets vanish."""
    subprocess.run(["nsenter", "--target", str(worker.pid), "--net", "ip", "link", "set", "v1", "down"], check=True)


def mend(worker):
    """Packets arrive again, if the worker has not given up."""
    if worker.poll() is None:
        subprocess.run(["nsenter", "--target", str(worker.pid), "--net", "ip", "link", "set", "v1", "up"], check=False)


def main():
    ip("link", "set", "lo", "up")
    ip("addr", "add", f"{HERE}/32", "dev", "lo")
    ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
    ip("addr", "add", f"{GATE}/24", "dev", "v0")
    ip("link", "set", "v0", "up")
    with Cluster(host=HERE, worker_ttl="5s") as cluster:
        far = cluster.worker("far", "--host", THERE, before=["unshare", "--net", "sh", "-c", JOIN, "sh"])
        time.sleep(0.5)
        ip("link", "set", "v1", "netns", str(far.pid))
        with cluster.client() as client:
            cluster.workers(2)
            client.wait_for_workers(3, timeout=90)
            futures = start(client, 0.001)
            cluster.until(lambda: cluster.counts()["memory"] > 5, "results are held")
            cut(far)
            cut_at = time.monotonic()
            say(f"the network is cut; {cluster.counts()}")
            cluster.until(lambda: cluster.counts()["workers"] == 2, "the far worker is taken for dead")
            say(f"it was taken for dead after {time.monotonic() - cut_at:.1f} s")
            assert total(futures) == TOTAL
            say(f"{TASKS:,} tasks: {TOTAL:,}")
            mend(far)
            assert sum(client.gather(client.map(abs, range(-100, 0)))) == sum(range(101))
            say(f"the network is whole again; {cluster.counts()['workers']} workers")


if __name__ == "__main__":
    if os.environ.get(INSIDE):
        main()
    else:
        enter()

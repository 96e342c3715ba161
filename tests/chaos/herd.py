"""Stock workers that are there as Dask's ``Adaptive`` wants them, and somebody who kills one now and then."""

import asyncio
import contextlib

from distributed import SpecCluster
from distributed.deploy.spec import ProcessInterface


class There(ProcessInterface):
    """The scheduler that runs already."""

    def __init__(self, address):
        super().__init__()
        self.address = address


class Worker(ProcessInterface):
    """A stock worker that the nursery forks.

    Parameters
    ----------
    scheduler : str
        Where it is to go; it goes to the cluster's.
    cluster : cluster.Cluster
        The processes.
    alive : dict
        All workers that are alive, by name.
    name : str
        Its own.
    """

    def __init__(self, scheduler, cluster, alive, name=None):
        super().__init__()
        self.cluster, self.alive, self.name = cluster, alive, name

    async def start(self):
        self.process = self.cluster.worker(self.name, nthreads=1)
        self.alive[self.name] = self.process
        await super().start()

    async def close(self):
        self.alive.pop(self.name, None)
        await asyncio.sleep(0.5)  # it is told to retire; this is for the one that does not
        self.process.kill()
        self.cluster.processes.pop(f"{self.name}-{self.process.pid}", None)
        await super().close()


@contextlib.contextmanager
def herd(cluster, **adaptive):
    """Workers that come and go as Adaptive finds right: those that are alive, by name."""
    alive = {}
    workers = SpecCluster(
        scheduler={"cls": There, "options": {"address": cluster.address}},
        worker={"cls": Worker, "options": {"cluster": cluster, "alive": alive}},
    )
    try:
        workers.adapt(**adaptive)
        yield alive
    finally:
        workers.close(timeout=10)


def kill_now_and_then(alive, chance, pause, done):
    """Kill one of the workers, if another one stays, after each pause; how many it were."""
    killed = 0
    while not done.wait(chance.uniform(*pause)):
        names = sorted(alive)
        if len(names) > 1:
            alive.pop(chance.choice(names)).kill()
            killed += 1
    return killed

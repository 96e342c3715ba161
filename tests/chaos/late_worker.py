"""Work comes before there is a worker; a worker joins, then another, and both work."""

import time

from cluster import Cluster, say


def where(number):
    from distributed import get_worker

    time.sleep(0.02)
    return number, get_worker().name


def main():
    with Cluster() as cluster, cluster.client() as client:
        futures = client.map(where, range(400))
        time.sleep(1)
        assert not any(future.done() for future in futures)
        say(f"400 tasks wait; {cluster.counts()}")
        cluster.worker("first")
        cluster.until(lambda: sum(future.done() for future in futures) > 20, "the first worker works")
        cluster.worker("second")
        results = client.gather(futures)
        assert [number for number, _ in results] == list(range(400))
        names = [name for _, name in results]
        say(f"the first did {names.count('first')} of them, the second {names.count('second')}")
        assert names.count("first") > 20 and names.count("second") > 20


if __name__ == "__main__":
    main()

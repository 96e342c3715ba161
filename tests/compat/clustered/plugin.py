"""pytest plugin: a stock client of a cluster wherever Dask looks for a function that runs graphs.

The asserts of Dask's and of xarray's tests ask for the synchronous scheduler; here every name of a scheduler is the
client's ``get``, and so is what a collection falls back to. How many tasks a test ran is asked of the scheduler, for a
test that computes nothing is no evidence.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import places
from clustered.cluster import Cluster

cluster: Cluster | None = None


def put() -> None:
    """Put the client's ``get`` into every place."""
    assert cluster is not None
    engines = dict.fromkeys(places.NAMES, cluster.client.get)
    places.put(engines)
    places.put_captured(engines)


def pytest_collection_finish(session: pytest.Session) -> None:
    global cluster
    if session.items and not session.config.option.collectonly:
        cluster = Cluster()
        put()


def pytest_unconfigure(config: pytest.Config) -> None:
    if cluster is not None:
        cluster.kill()


@pytest.fixture
def client():
    """The client of the cluster, for tests of our own."""
    assert cluster is not None
    return cluster.client


def ended(before: int, failed: bool) -> int:
    """How many tasks have ended since; a test that has hurt the cluster did run some, and the next gets another one."""
    assert cluster is not None
    try:
        ran = cluster.tasks() - before
    except Exception:
        ran, failed = 1, True
    if failed and not cluster.is_idle():
        cluster.renew()
        put()
    return ran


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    assert cluster is not None
    if cluster.become_default():
        put()
    before, failed = cluster.tasks(), True
    try:
        result = yield
        failed = False
        return result
    finally:
        item.user_properties.append(("cluster", ended(before, failed)))

"""pytest plugin: what a test gives to joblib runs on the cluster, unless the test says where it is to run."""

from __future__ import annotations

from collections.abc import Iterator

import joblib
import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with joblib.parallel_config(backend="dask", n_jobs=2):
        return (yield)

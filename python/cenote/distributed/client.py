"""The client of ``distributed`` that takes Cenote's graphs, and starts Cenote's scheduler."""

from __future__ import annotations

from typing import Any

import distributed

from cenote._dask_graph import graph_to_send
from cenote.distributed import shared_token
from cenote.distributed.local_cluster import LocalCluster


class Client(distributed.Client):
    """The client of ``distributed``, whose ``get`` takes every graph that Cenote knows.

    Parameters
    ----------
    *args, **kwargs
        As of ``distributed.Client``; first of all the address of the scheduler, such as ``"localhost:8786"``, or a
        cluster. Without either, a :class:`LocalCluster` is started, which gets the keywords that the client does not
        know and ends with the client.
    token : str, optional
        The secret that the scheduler wants to hear (``cenote scheduler --token-file``). It is said on all connections
        of this process from now on; see :mod:`cenote.distributed.shared_token`.

    Examples
    --------
    >>> from cenote.distributed import Client
    >>> with Client(n_workers=1, dashboard_address=None) as client:  # doctest: +SKIP
    ...     client.submit(sum, [1, 2, 3]).result()
    6
    """

    cluster: Any

    def __init__(self, *args: Any, token: str | bool | None = None, **kwargs: Any) -> None:
        if isinstance(token, str):
            shared_token.use(token)
        if token and not args and "address" not in kwargs and "scheduler_file" not in kwargs:
            kwargs["token"] = token  # for the cluster that it starts
        super().__init__(*args, **kwargs)

    async def _start(self, *args: Any, **kwargs: Any) -> Any:
        if self.cluster is None and self.scheduler_file is None and self._start_arg is None:
            self.cluster = await LocalCluster(loop=self.loop, asynchronous=self._asynchronous, **self._startup_kwargs)
        return await super()._start(*args, **kwargs)

    def get(self, dsk: Any, keys: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute keys of a graph on the cluster.

        Parameters
        ----------
        dsk
            A graph: a dict, layers, the graph of a Delayed, an expression.
        keys : key or nested list of keys
            What to compute.
        *args, **kwargs
            As of ``distributed.Client.get``.
        """
        return super().get(graph_to_send(dsk), keys, *args, **kwargs)

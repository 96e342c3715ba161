"""A secret that the processes of a cluster share, for Dask's own clients, workers and nannies.

A scheduler of Cenote that has a token (``cenote scheduler --token-file FILE``) lets in whoever says it. Importing this
module teaches the package ``distributed`` of this process to say it on every connection that it makes over TCP or TLS,
and to refuse whoever connects to it, to a worker for example, and does not say it. The token is that of
:func:`use`, of the variable ``CENOTE_TOKEN``, or in the file that ``CENOTE_TOKEN_FILE`` names. Without one nothing
changes.

Dask's own programs import it as a preload of each kind of process::

    dask worker … --preload cenote.distributed.shared_token --preload-nanny cenote.distributed.shared_token
    DASK_DISTRIBUTED__CLIENT__PRELOAD=cenote.distributed.shared_token python program.py

This file needs nothing of Cenote: where that is not installed, the path of a copy will do instead of the name.
"""

from __future__ import annotations

import hmac
import logging
import os
from pathlib import Path
from typing import Any

from distributed.comm import tcp
from distributed.comm.core import CommClosedError

__all__ = ["current", "use"]

logger = logging.getLogger("distributed.comm")
_used: str | None = None


def use(token: str | None) -> None:
    """Say this token from now on, whatever the environment says.

    Parameters
    ----------
    token : str or None
        The secret; ``None`` for that of the environment.
    """
    global _used
    _used = token


def current() -> str | None:
    """Return the token that is said and wanted, if there is one.

    Returns
    -------
    str or None
        Without the white space around it.

    Raises
    ------
    OSError
        The file that ``CENOTE_TOKEN_FILE`` names cannot be read.
    """
    token = _used or os.environ.get("CENOTE_TOKEN")
    if not token and (path := os.environ.get("CENOTE_TOKEN_FILE")):
        token = Path(path).read_text(encoding="utf-8")
    return (token or "").strip() or None


def _say(connector: type) -> None:
    """Make a class of connectors say the token."""
    connect = connector.connect  # type: ignore[attr-defined]

    async def connect_and_say(self: Any, *args: Any, **kwargs: Any) -> Any:
        comm = await connect(self, *args, **kwargs)
        if token := current():
            introduce = comm.handshake_info
            # Only this side of this connection says it: whoever has been connected to must not.
            comm.handshake_info = lambda: {**introduce(), "token": token}
        return comm

    connector.connect = connect_and_say  # type: ignore[attr-defined]


def _want(listener: type) -> None:
    """Make a class of listeners refuse whoever does not say the token."""
    on_connection = listener.on_connection  # type: ignore[attr-defined]

    async def check(self: Any, comm: Any, *args: Any, **kwargs: Any) -> Any:
        outcome = await on_connection(self, comm, *args, **kwargs)
        said = comm.remote_info.pop("token", None)
        token = current()
        if token and not hmac.compare_digest(str(said or "").encode(), token.encode()):
            logger.warning("%s is not let in: it says %s token", comm.peer_address, "another" if said else "no")
            comm.abort()
            raise CommClosedError("the token of this cluster is needed")
        return outcome

    listener.on_connection = check  # type: ignore[attr-defined]


if not hasattr(tcp, "_says_token"):  # a copy of this file may have been here before
    tcp._says_token = True
    _say(tcp.BaseTCPConnector)
    _want(tcp.BaseTCPListener)

"""``python -m cenote.distributed`` stands where a Python is expected that starts Dask's scheduler.

Some of Dask's tools start a scheduler on another machine by a command that cannot be chosen, only the Python in it:
``SSHCluster`` runs ``PYTHON -m distributed.cli.dask_spec --spec '{"cls": "distributed.Scheduler", ...}'``. With
``python -m cenote.distributed`` in the place of that Python, Cenote's scheduler is started instead. Every other
command, such as those that start workers, is Python's own.
"""

from __future__ import annotations

import json
import os
import runpy
import stat
import sys
from collections.abc import Sequence
from typing import Any

SPEC = ("distributed.cli.dask_spec",)
COMMAND = ("distributed.cli.dask_scheduler",)
SCHEDULERS = ("distributed.Scheduler", "distributed.scheduler.Scheduler", "dask.distributed.Scheduler")


def options_of(arguments: Sequence[str]) -> dict[str, Any] | None:
    """Return the keywords of the one scheduler that a command of ``dask spec`` asks for, if that is what it asks for.

    Examples
    --------
    >>> options_of(["--spec", '{"cls": "distributed.Scheduler", "opts": {"port": 0}}'])
    {'port': 0}
    >>> options_of(["tcp://10.0.0.1:8786", "--spec", '{"0": {"cls": "distributed.Nanny", "opts": {}}}'])
    """
    if len(arguments) != 2 or arguments[0] != "--spec":
        return None
    spec = json.loads(arguments[1])
    if spec.get("cls") not in SCHEDULERS:
        return None
    return spec.get("opts") or {}


def become_scheduler(arguments: Sequence[str], environment: dict[str, str]) -> None:
    """Become ``cenote scheduler``; it ends with whoever holds the other end of its standard input, if anybody does."""
    mode = os.fstat(0).st_mode
    ends = ["--until-input-ends"] if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else []
    os.execve(sys.executable, [sys.executable, "-m", "cenote", "scheduler", *ends, *arguments], environment)


def main(arguments: list[str]) -> None:
    """Run what the command line of a Python says, with another scheduler."""
    if len(arguments) < 2 or arguments[0] != "-m":
        os.execv(sys.executable, [sys.executable, *arguments])
    module, rest = arguments[1], arguments[2:]
    if module in COMMAND:
        become_scheduler(rest, dict(os.environ))
    if module in SPEC and (options := options_of(rest)) is not None:
        from cenote.distributed.scheduler_process import SchedulerProcess

        process = SchedulerProcess(**options)
        become_scheduler(process.arguments, process.environment())
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])

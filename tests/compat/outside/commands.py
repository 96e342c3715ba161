"""The commands that start a scheduler for tests: ours, and a stock one."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path


def scheduler_command(stock: bool) -> dict[str, str]:
    """The environment that tells plugins how to start a scheduler, and how to read its state."""
    if stock:
        return {
            "OUTSIDE_WARM": "scheduler",
            "SCHEDULER_CMD": f"{sys.executable} -m dask scheduler",
            "SCHEDULER_ARGS": "--no-dashboard --dashboard-address :0",
            "OUTSIDE_READS": "stock",
        }
    own = str(Path(sysconfig.get_path("scripts"), "cenote")) + " scheduler"
    return {
        "SCHEDULER_CMD": os.environ.get("SCHEDULER_CMD", own),
        "SCHEDULER_ARGS": os.environ.get("SCHEDULER_ARGS", "--inspect --no-dashboard --dashboard-address :0"),
        "OUTSIDE_READS": os.environ.get("OUTSIDE_READS", "inspect"),
        "OUTSIDE_WARM": os.environ.get("OUTSIDE_WARM", "executor"),
    }

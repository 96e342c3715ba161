"""pytest plugin: writes each test's outcome to a file as it ends, and can select a fixed share of the tests.

A line is ``node id <TAB> outcome <TAB> seconds <TAB> properties as JSON``; a test that began has a line ``node id <TAB>
started`` before it. The file is written line by line, so that a run that is killed still tells what it saw, and names
the test in which it died.

Environment
-----------
COMPAT_RECORD
    Path of the file. Without it nothing is written.
COMPAT_SHARE
    ``n``: run only those tests whose node id hashes to 0 modulo ``n``. The choice depends on the name alone, so it is
    the same on every machine and does not move when other tests come or go.
COMPAT_DONE
    Path of a file of node ids that are not run again: how a run goes on behind a test that killed it.
COMPAT_ONLY
    Path of a file of node ids: no others are run.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import pytest

SHARE = int(os.environ.get("COMPAT_SHARE", "1"))
RECORD = os.environ.get("COMPAT_RECORD", "")
DONE = os.environ.get("COMPAT_DONE", "")
ONLY = os.environ.get("COMPAT_ONLY", "")


def in_share(nodeid: str, share: int) -> bool:
    """Whether a test belongs to the fixed share of one in ``share``."""
    return zlib.crc32(nodeid.encode()) % share == 0


def outcome_of(report: pytest.TestReport) -> str:
    """The outcome of one phase: passed, failed, error, skipped, xfailed or xpassed."""
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.outcome == "skipped" else "xpassed"
    if report.outcome == "failed" and report.when != "call":
        return "error"
    return report.outcome


class Recorder:
    """Joins the phases of each test and writes one line when the test has been torn down."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("w", encoding="utf-8")
        self.open: dict[str, tuple[str, float]] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._write(f"{nodeid}\tstarted\n")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome, seconds = self.open.pop(report.nodeid, ("passed", 0.0))
        seconds += report.duration
        phase = outcome_of(report)
        if phase != "passed" and outcome not in ("failed", "error"):
            outcome = phase
        if report.when == "teardown":
            self._write(f"{report.nodeid}\t{outcome}\t{seconds:.3f}\t{json.dumps(dict(report.user_properties))}\n")
        else:
            self.open[report.nodeid] = outcome, seconds

    def _write(self, line: str) -> None:
        self.file.write(line)
        self.file.flush()


def pytest_configure(config: pytest.Config) -> None:
    if RECORD and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(Path(RECORD)), "compat_recorder")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    done = set(Path(DONE).read_text(encoding="utf-8").splitlines()) if DONE else set()
    only = set(Path(ONLY).read_text(encoding="utf-8").splitlines()) if ONLY else None

    def chosen(item: pytest.Item) -> bool:
        return in_share(item.nodeid, SHARE) and item.nodeid not in done and (only is None or item.nodeid in only)

    kept = [item for item in items if chosen(item)]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if not chosen(item)])
        items[:] = kept

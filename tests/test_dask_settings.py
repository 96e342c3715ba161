"""The manual's list of Dask's settings: complete, and each of its lines tried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed")

import distributed
import yaml

from test_cli import run

PAGE = Path(__file__).parent.parent / "docs" / "dask-settings.md"
SECTIONS = ("scheduler", "comm", "admin", "dashboard", "diagnostics")
#: Settings that hold values by names that the user chooses, or that Dask hands on to somebody else.
WHOLE = ("scheduler.default-task-durations", "scheduler.dashboard.bokeh-application")


def listed() -> dict[str, str]:
    """The verdicts of the page, by setting."""
    rows = re.findall(r"^\| (`.*?) \| ([a-z ]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: verdict for names, verdict in rows for name in re.findall(r"`([^`]+)`", names)}


def settings(tree: dict[str, Any], above: str = "") -> Iterator[str]:
    """The full names of the settings of a part of Dask's configuration."""
    for name, value in tree.items():
        full = f"{above}{name}"
        if isinstance(value, dict) and value and full not in WHOLE:
            yield from settings(value, f"{full}.")
        else:
            yield full


def test_every_setting_of_dask_has_a_line():
    file = Path(distributed.__file__).with_name("distributed.yaml")
    known = yaml.safe_load(file.read_text(encoding="utf-8"))["distributed"]
    assert set(listed()) == set(settings({section: known[section] for section in SECTIONS}))
    assert set(listed().values()) <= {"works", "others", "no effect"}


def variable(setting: str) -> str:
    return "DASK_DISTRIBUTED__" + setting.upper().replace(".", "__").replace("-", "_")


#: What a setting is given to see that it is read: of most, anything that is not of their kind.
UNFIT = {
    "scheduler.active-memory-manager.policies": "[{'class': 'mine.Policy'}]",
    "scheduler.dashboard.bokeh-application": "{'allow_websocket_origin': {'a': 1}}",
    "scheduler.dashboard.tls.ca-file": None,  # read only with a certificate
    "scheduler.dashboard.tls.key": None,
    "comm.default-scheme": "ucx",
    "comm.tls.ca-file": None,
    "comm.tls.ciphers": None,
    "comm.tls.min-version": None,
    "comm.tls.max-version": None,
}


@pytest.mark.parametrize("setting", [name for name, verdict in listed().items() if verdict == "works"])
def test_a_setting_that_works_is_read(setting):
    value = UNFIT.get(setting, "{'this': 'is', 'not': 'it'}")
    if value is None:
        pytest.skip("is tried with certificates, by test_tls.py")
    code, said = run("--port", "0", "--dashboard-address", ":0", environment={variable(setting): value})
    assert code in (1, 2) and f"distributed.{setting}" in said, said

"""The bugs of `make planted` still have their places in the sources: what is moved there moves here."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUGS = tomllib.loads((ROOT / "tests" / "planted" / "bugs.toml").read_text())["bug"]
MACHINE = ROOT / "crates" / "core" / "src" / "scheduler"


def test_every_bug_has_one_place():
    lost = []
    for bug in BUGS:
        within = bug.get("within", bug["before"])
        text = (MACHINE / bug["file"]).read_text()
        if text.count(within) != 1 or within.count(bug["before"]) != 1:
            lost.append(f"{bug['file']}: {bug['name']}")
    assert not lost

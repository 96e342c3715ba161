"""The lists of test names in the tree: what passes must go on passing, what cannot pass says why.

A list holds one node id a line; a line of the lists that excuse a test ends in ``  # reason``. ``*`` at the end of a
node id stands for all its parameters.

=====================  ==============================================================================================
``<suite>.passes``     drop-in: tests that pass on Cenote. Only grows.
``<suite>.excused``    tests that cannot apply, each with its reason: they are not part of the fair denominator
=====================  ==============================================================================================
"""

from __future__ import annotations

from pathlib import Path

LISTS = Path(__file__).parent / "lists"


class Names:
    """A list of node ids, with the reason that some lists give for each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reasons: dict[str, str] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                name, _, reason = line.partition("  # ")
                if name.strip() and not name.startswith("#"):
                    self.reasons[name.strip()] = reason.strip()

    def __contains__(self, nodeid: str) -> bool:
        return self.entry(nodeid) is not None

    def entry(self, nodeid: str) -> str | None:
        """The line that speaks of a test: its own, or the one that speaks of all its parameters."""
        for name in (nodeid, nodeid.partition("[")[0] + "*"):
            if name in self.reasons:
                return name
        return None

    def add(self, nodeids: set[str], reason: str = "") -> None:
        """Add names and write the list, sorted."""
        self.reasons.update((nodeid, reason) for nodeid in nodeids if nodeid not in self)
        self.write()

    def write(self) -> None:
        """Write the list, sorted, if it holds anything or did so before."""
        if self.reasons or self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lines = (f"{name}  # {reason}" if reason else name for name, reason in sorted(self.reasons.items()))
            self.path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


class Lists:
    """The lists of one suite."""

    def __init__(self, suite: str) -> None:
        self.passes = Names(LISTS / f"{suite}.passes")
        self.excused = Names(LISTS / f"{suite}.excused")

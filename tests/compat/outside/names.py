"""The lists of test names that the runs are held against, in ``tests/compat/lists``.

=================================  =================================================================================
``distributed.stock``              tests that a stock scheduler passes as an outside process, each with its tags:
                                   ``core`` for those without P2P shuffles, HTTP pages, Python in the scheduler and
                                   TLS, ``debian`` for those that pass with Debian's older files too
``distributed-<source>.passes``    tests that pass on our scheduler; only grows
``distributed.excused``            tests that cannot apply, each with its reason
=================================  =================================================================================
"""

from __future__ import annotations

from ratchet import LISTS, Names


class Scores:
    """The lists for one source of tests."""

    def __init__(self, source: str) -> None:
        tags = Names(LISTS / "distributed.stock").reasons
        self.stock = {test for test, tag in tags.items() if source != "debian" or "debian" in tag}
        self.core = {test for test in self.stock if "core" in tags[test]}
        self.passes = Passes(LISTS / f"distributed-{source}.passes")
        self.excused = Names(LISTS / "distributed.excused")


class Passes(Names):
    """A list of passes: what it holds can be iterated."""

    def __iter__(self):
        return iter(self.reasons)


__all__ = ["Names", "Scores"]

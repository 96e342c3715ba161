"""Which of Dask's suites run on Cenote, in which way, and what they are about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Suite:
    """One run of pytest over a part of Dask's tests.

    Parameters
    ----------
    name
        As the command line and the lists call it.
    path
        File or folder of the tests, from the folder that holds the package ``dask``.
    subject
        For a drop-in suite: the modules of Cenote that it is about (see ``api_alias``).
    keep
        For a drop-in suite: names that stay Dask's, because the tests reach through them into parts of Dask that
        Cenote does not replace.
    share
        How large a part of it the quick run takes: one test in ``share``.
    long
        Files that only the full run takes: they start clusters, on which no graph reaches a local engine.
    """

    name: str
    path: str
    subject: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    share: int = 1
    long: tuple[str, ...] = ()

    @property
    def large(self) -> bool:
        """Whether it is worth several processes."""
        return self.name in ("tests", "bag", "array", "dataframe")

    @property
    def drop_in(self) -> bool:
        """Whether the tests see Cenote as Dask (else: Dask sees Cenote as its scheduler)."""
        return bool(self.subject)


#: ``import cenote as dask``: the tests of the modules that Cenote offers.
DROP_IN = (
    Suite("test_delayed", "dask/tests/test_delayed.py", ("delayed",)),
    Suite("test_threaded", "dask/tests/test_threaded.py", ("threaded",)),
    Suite("test_local", "dask/tests/test_local.py", ("local", "threaded")),
    Suite("test_order", "dask/tests/test_order.py", ("order",)),
    Suite("test_optimization", "dask/tests/test_optimization.py", ("optimization",)),
    Suite("test_highgraph", "dask/tests/test_highgraph.py", ("highlevelgraph", "base")),
    Suite(
        "test_base",
        "dask/tests/test_base.py",
        subject=("base", "tokenize", "delayed", "threaded", "local"),
        # Subclasses of Dask's own collections are configured, and compare the type of their graphs, as Dask's.
        keep=("dask.config", "dask.highlevelgraph.HighLevelGraph"),
    ),
    Suite("test_callbacks", "dask/tests/test_callbacks.py", ("callbacks", "threaded", "local")),
    Suite("test_progress", "dask/diagnostics/tests/test_progress.py", ("diagnostics",)),
    Suite("test_graph_manipulation", "dask/tests/test_graph_manipulation.py", ("graph_manipulation",)),
    Suite("test_tokenize", "dask/tests/test_tokenize.py", ("tokenize",)),
    Suite("test_config", "dask/tests/test_config.py", ("config",)),
)

#: ``scheduler="cenote"``: unmodified Dask, whose graphs run on Cenote's engine.
SCHEDULER = (
    Suite("tests", "dask/tests", long=("dask/tests/test_distributed.py",)),
    Suite("diagnostics", "dask/diagnostics"),
    Suite("bytes", "dask/bytes"),
    Suite("bag", "dask/bag"),
    Suite("array", "dask/array", share=10),
    Suite(
        "dataframe",
        "dask/dataframe",
        share=10,
        long=(
            "dask/dataframe/dask_expr/tests/test_distributed.py",
            "dask/dataframe/dask_expr/io/tests/test_distributed.py",
        ),
    ),
)

GROUPS = {"drop-in": DROP_IN, "scheduler": SCHEDULER, "all": DROP_IN + SCHEDULER}


def named(names: list[str]) -> list[Suite]:
    """The suites that the command line names, by their own names or by a group's."""
    suites = {suite.name: suite for suite in GROUPS["all"]}
    chosen: dict[str, Suite] = {}
    for name in names or ["all"]:
        if name not in GROUPS and name not in suites:
            raise SystemExit(f"no suite {name!r}; there are {', '.join([*GROUPS, *suites])}")
        for suite in GROUPS.get(name) or (suites[name],):
            chosen[suite.name] = suite
    return list(chosen.values())

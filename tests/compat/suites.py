"""Which suites of Dask's and of others run on Cenote, in which way, and what they are about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Suite:
    """One run of pytest over a part of Dask's tests, or of another package's.

    Parameters
    ----------
    name
        As the command line and the lists call it.
    path
        File or folder of the tests, from the folder that holds the package ``dask``.
    plugins
        For tests that run on a cluster: the plugins that make it so.
    subject
        For a drop-in suite: the modules of Cenote that it is about (see ``api_alias``).
    keep
        For a drop-in suite: names that stay Dask's, because the tests reach through them into parts of Dask that
        Cenote does not replace.
    share
        How large a part of it the quick run takes: one test in ``share``.
    long
        Files that only the full run takes: they start clusters, on which no graph reaches a local engine.
    never
        Files of the folder that are never taken.
    """

    name: str
    path: str
    subject: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    share: int = 1
    long: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    never: tuple[str, ...] = ()

    @property
    def large(self) -> bool:
        """Whether it is worth several processes."""
        clustered = ("cluster-array", "cluster-dataframe", "cluster-xarray")
        return self.name in ("tests", "bag", "array", "dataframe", *clustered)

    @property
    def drop_in(self) -> bool:
        """Whether the tests see Cenote as Dask (else: Dask sees Cenote as its scheduler)."""
        return bool(self.subject)

    @property
    def clustered(self) -> bool:
        """Whether the tests run on a cluster, with our scheduler or a stock one."""
        return bool(self.plugins)

    @property
    def ours(self) -> bool:
        """Whether the tests stand in this folder."""
        return (HERE / self.path).exists()

    @property
    def path_entries(self) -> tuple[str, ...]:
        """Folders beside this one in which its plugins are found."""
        return ("outside",) if "plugin" in self.plugins else ()


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

#: A stock client of our scheduler and of stock workers; the quick run takes a share of what is listed as passing.
ON_CLIENT = ("clustered.plugin",)
CLUSTER = (
    Suite("cluster-programs", "clustered/programs", plugins=ON_CLIENT),
    Suite("cluster-bag", "dask/bag", plugins=ON_CLIENT, share=4),
    Suite("cluster-array", "dask/array", plugins=ON_CLIENT, share=50),
    Suite(
        "cluster-dataframe",
        "dask/dataframe",
        plugins=ON_CLIENT,
        share=160,
        # They start clusters of their own.
        never=(
            "dask/dataframe/dask_expr/tests/test_distributed.py",
            "dask/dataframe/dask_expr/io/tests/test_distributed.py",
        ),
    ),
    Suite(
        "cluster-xarray",
        "xarray/tests",
        plugins=ON_CLIENT,
        share=80,
        # They start clusters of their own, or draw.
        never=("xarray/tests/test_distributed.py", "xarray/tests/test_plot.py"),
    ),
    Suite(
        "cluster-sklearn",
        "sklearn/model_selection/tests/test_search.py",
        plugins=(*ON_CLIENT, "clustered.joblib_backend"),
        share=4,
    ),
    Suite("cluster-joblib", "joblib/test/test_dask.py", plugins=("distributed.utils_test", "plugin")),
)

GROUPS = {
    "drop-in": DROP_IN,
    "scheduler": SCHEDULER,
    "cluster": CLUSTER,
    "all": DROP_IN + SCHEDULER + CLUSTER,
}


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

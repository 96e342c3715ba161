"""How a suite is run: pytest in a process of its own, with the plugins, and what became of each test."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from outside.commands import scheduler_command
from recorder import in_share
from suites import Suite

HERE = Path(__file__).resolve().parent
DEATHS_MAX = 5

#: A test that Dask expects to fail, and that passes here, has passed.
PASSED = frozenset({"passed", "xpassed"})
GOOD = PASSED | frozenset({"skipped", "xfailed"})


@dataclass
class Outcome:
    """What became of one test."""

    outcome: str
    seconds: float = 0.0
    properties: dict[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the test passed, expected or not."""
        return self.outcome in PASSED

    @property
    def good(self) -> bool:
        """Whether there is nothing to complain of: it passed, or was skipped, or was expected to fail and did."""
        return self.outcome in GOOD

    @property
    def reached(self) -> bool:
        """Whether the test ran any code of ours: engine, scheduler, or the module that the suite is about."""
        return any(self.properties.get(name) for name in ("engine", "touched", "cluster"))


def read(path: Path) -> dict[str, Outcome]:
    """Read what the recorder wrote. A test that began and never ended has the outcome ``died``."""
    outcomes: dict[str, Outcome] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        nodeid, outcome, *rest = line.split("\t")
        if outcome == "started":
            outcomes[nodeid] = Outcome("died")
        else:
            outcomes[nodeid] = Outcome(outcome, float(rest[0]), json.loads(rest[1]))
    return outcomes


def dask_root() -> Path:
    """The folder that holds the package ``dask``."""
    spec = importlib.util.find_spec("dask")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("dask is not installed: pip install 'dask[array,dataframe,distributed]'")
    return Path(spec.submodule_search_locations[0]).parent


@dataclass(frozen=True)
class Runner:
    """Runs suites as the command line asks.

    Parameters
    ----------
    options
        The command line.
    folder
        Where outcomes and logs go.
    stock
        Whether to run stock Dask, with nothing of ours.
    only
        Run these tests of the suite and no others.
    extra
        Additions to the environment, for the negative controls.
    """

    options: argparse.Namespace
    folder: Path
    stock: bool = False
    only: Collection[str] = ()
    extra: tuple[tuple[str, str], ...] = ()
    k: str = ""

    def again(self, only: Collection[str], stock: bool = False) -> Runner:
        """A runner of a few tests once more, with a folder of its own."""
        folder = self.folder / ("stock" if stock else "again")
        folder.mkdir(exist_ok=True)
        return replace(self, only=frozenset(only), stock=stock, folder=folder)

    def listed(self, suite: Suite, names: Collection[str]) -> Runner:
        """For a suite on a cluster: the runner of the quick run, which takes a share of what is listed as passing."""
        share = self.options.share or suite.share
        if not suite.clustered or self.options.full or self.options.update or self.stock or share == 1:
            return self
        return replace(self, only=frozenset(name for name in names if in_share(name, share)))

    def environment(self, suite: Suite, record: Path, done: Path, only: Path) -> dict[str, str]:
        """The environment in which pytest and the plugins run."""
        options = self.options
        share = 1 if options.full or self.only else options.share or suite.share
        path = [str(Path(entry).resolve()) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
        own = {
            "COMPAT_RECORD": str(record),
            "COMPAT_DONE": str(done),
            "COMPAT_ONLY": str(only) if self.only else "",
            "COMPAT_SHARE": str(share),
            "COMPAT_SUBJECT": ",".join(suite.subject),
            "COMPAT_KEEP": ",".join(suite.keep),
            "COMPAT_SWAP_MODE": "off" if self.stock else options.mode,
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": os.pathsep.join([str(HERE), *(str(HERE / it) for it in suite.path_entries), *path]),
            "PYTHONPYCACHEPREFIX": os.environ.get(
                "PYTHONPYCACHEPREFIX", str(Path(tempfile.gettempdir(), "compat-pyc"))
            ),
        }
        if suite.clustered:
            own |= scheduler_command(self.stock)
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return inherited | own | dict(self.extra)

    def plugins(self, suite: Suite) -> list[str]:
        """The plugins with which the suite runs."""
        if suite.clustered:
            return ["recorder", *suite.plugins]
        if self.stock:
            return ["recorder"] if suite.drop_in else ["recorder", "scheduler_swap"]
        return ["recorder", "guard", "api_alias" if suite.drop_in else "scheduler_swap"]

    def command(self, suite: Suite) -> list[str]:
        """The command that runs the suite. Nothing is written into the package: no cache, and no compiled tests."""
        root, options = HERE if suite.ours else dask_root(), self.options
        k = self.k or options.k
        files = sorted({nodeid.partition("::")[0] for nodeid in self.only}) or [suite.path]
        ignored = suite.never if options.full or self.only else suite.never + suite.long
        # A client that waits in vain can be interrupted; an engine in threads cannot.
        method = "signal" if suite.clustered else "thread"
        return [
            *(sys.executable, "-m", "pytest", "-c", str(HERE / "pytest.ini"), f"--rootdir={root}", "-q"),
            *(word for plugin in self.plugins(suite) for word in ("-p", plugin)),
            *("-p", "no:asyncio", "-p", "no:cacheprovider", "-m", "not slow and not network and not gpu"),
            *(f"--timeout={options.timeout_s}", f"--timeout-method={method}", "--tb=short"),
            *(f"--ignore={root / path}" for path in ignored),
            *(("-k", k) if k else ()),
            *(("-n", str(options.n)) if options.n > 1 and suite.large and not self.only else ()),
            *(str(root / file) for file in files),
        ]

    def log(self, suite: Suite) -> Path:
        """Where pytest's own words go."""
        return self.folder / f"{suite.name}.log"

    def run(self, suite: Suite) -> dict[str, Outcome]:
        """Run a suite; if a test takes the whole process with it, note that and run the rest."""
        outcomes: dict[str, Outcome] = {}
        record, done, only = (self.folder / f"{suite.name}.{end}" for end in ("tsv", "done", "only"))
        only.write_text("\n".join(self.only), encoding="utf-8")
        with self.log(suite).open("wb") as output:
            for _ in range(DEATHS_MAX):
                done.write_text("\n".join(outcomes), encoding="utf-8")
                record.unlink(missing_ok=True)
                subprocess.run(
                    self.command(suite),
                    env=self.environment(suite, record, done, only),
                    cwd=self.folder,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
                ran = read(record)
                outcomes |= ran
                if not any(outcome.outcome == "died" for outcome in ran.values()):
                    break
        if not outcomes:
            print(self.log(suite).read_text(encoding="utf-8", errors="replace")[-4000:])
        return outcomes

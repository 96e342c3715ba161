"""Plants the bugs of bugs.toml inside a copy of the scheduler's machine, and lets the simulator find each.

All stand in one machine, each behind a switch, so that it is built once. A bug is found when a seed fails, or when the
seeds do not end. `make planted` runs all; words choose bugs whose names hold one of them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BUGS = Path(__file__).with_name("bugs.toml")
COPY = ROOT / "target" / "planted"
CORE = "crates/core/src"
COPIED = ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "crates"]
SEEDS_DEFAULT = 500
#: Seconds that the seeds of one bug may take: a machine that never ends is a bug that was found.
PATIENCE = 300
STOCK = f"{sys.executable} {ROOT / 'tests' / 'compat' / 'paired' / 'workers.py'}"
#: What the copy has and the machine has not.
SWITCH = """
/// Which bug is planted.
#[allow(missing_docs, clippy::disallowed_methods)]
mod planted {
    pub(crate) fn is(number: usize) -> bool {
        static PLANTED: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
        *PLANTED.get_or_init(|| std::env::var("CENOTE_PLANTED").ok()?.parse().ok()) == Some(number)
    }
}
"""


def copy_tree() -> Path:
    """Copies the sources. What was built of them before is kept."""
    tree = COPY / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name)
        elif source.exists():
            shutil.copy2(source, tree / name)
    return tree


def plant(tree: Path, bugs: list[dict[str, Any]]) -> None:
    """Puts all bugs into the copy, each behind its number. Several may stand in one place."""
    places: dict[tuple[str, str, str], list[int]] = {}
    for number, bug in enumerate(bugs, 1):
        place = (bug["file"], bug.get("within", bug["before"]), bug["before"])
        places.setdefault(place, []).append(number)
    for (file, within, before), numbers in places.items():
        path = tree / CORE / "scheduler" / file
        text = path.read_text()
        if text.count(within) != 1 or within.count(before) != 1:
            sys.exit(f"{bugs[numbers[0] - 1]['name']}: {file} has no one place that reads as it did: {before}")
        choices = [f"if crate::planted::is({number}) {{ {bugs[number - 1]['after']} }} else " for number in numbers]
        choice = f"{''.join(choices)}{{ {before} }}"
        is_statement = before.endswith((";", "}"))
        path.write_text(text.replace(within, within.replace(before, choice if is_statement else f"({choice})")))
    root = tree / CORE / "lib.rs"
    root.write_text(root.read_text() + SWITCH)


def build(tree: Path) -> str:
    """Builds the simulator of the copy, and says where it is."""
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(COPY / "build"),
        "CARGO_PROFILE_DEV_OPT_LEVEL": "1",
        "CARGO_PROFILE_DEV_DEBUG": "0",
        "RUSTFLAGS": "--allow warnings",
    }
    command = ["cargo", "test", "--no-run", "--message-format=json", "--package", "cenote-core", "--test", "sim"]
    built = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True)
    if built.returncode:
        messages = [json.loads(line).get("message") for line in built.stdout.splitlines()]
        sys.exit("".join(it["rendered"] for it in messages if isinstance(it, dict) and it["level"] == "error"))
    executables = [json.loads(line).get("executable") for line in built.stdout.splitlines()]
    return next(executable for executable in executables if executable)


def run(simulator: str, seeds: int, stock: bool = False, **settings: str) -> str | None:
    """What the simulator says that is wrong; nothing if all seeds end well."""
    environment = {**os.environ, "CENOTE_SIM_SEEDS": str(seeds), "CENOTE_SIM_STOCK": STOCK, **settings}
    command = [simulator, "stock_workers" if stock else "every_seed", "--nocapture"]
    try:
        ran = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return "CENOTE_SIM_SEED=0: the seeds do not end"
    return ran.stdout.decode(errors="replace") if ran.returncode else None


def find(simulator: str, seeds: int, number: int, bug: dict[str, Any]) -> str | None:
    """How a bug is found; nothing if it is not. One that leaves tasks stuck must be named by the watchdog as well."""
    settings = {"CENOTE_PLANTED": str(number)}
    found = first(run(simulator, seeds, bug.get("stock", False), **settings), "")
    if found and bug.get("stuck"):
        named = first(run(simulator, seeds, **settings, CENOTE_SIM_BLIND="1"), " is stuck: ")
        return named and f"{found}\n    the watchdog, {named}"
    return found


def first(said: str | None, looked_for: str) -> str | None:
    """The first seed that failed in the way that is looked for."""
    failures = re.findall(r"CENOTE_SIM_SEED=(\d+): (.*)", said or "")
    found = (f"seed {seed}: {text[:120]}" for seed, text in failures if looked_for in text)
    return next(found, None if looked_for or not said else said.strip()[-300:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="parts of the names of bugs")
    parser.add_argument("--seeds", type=int, default=SEEDS_DEFAULT, help="so many seeds look for a bug")
    options = parser.parse_args()
    bugs = tomllib.loads(BUGS.read_text())["bug"]
    tree = copy_tree()
    plant(tree, bugs)
    simulator = build(tree)
    if said := first(run(simulator, options.seeds), ""):
        sys.exit(f"without a planted bug: {said}")
    missed = total = 0
    for number, bug in enumerate(bugs, 1):
        if options.words and not any(word in bug["name"] for word in options.words):
            continue
        start = time.monotonic()
        found = find(simulator, options.seeds, number, bug)
        missed, total = missed + (found is None), total + 1
        print(f"{'found' if found else 'MISSED'} in {time.monotonic() - start:.0f} s: {bug['name']}")
        print(f"    {found or f'by none of {options.seeds} seeds'}", flush=True)
    print(f"{total - missed} of {total} bugs were found")
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()

"""What became of each test, read from the file that the plugin writes, and the table that tells it by file."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from names import Scores


@dataclass(frozen=True)
class Outcome:
    """The last that is known of one test."""

    outcome: str
    seconds: float = 0.0
    why: str = ""

    @property
    def passed(self) -> bool:
        """Whether it passed."""
        return self.outcome == "passed"

    @property
    def elsewhere(self) -> bool:
        """Whether the suite itself says that the test is for another Python."""
        return self.outcome == "skipped" and "Profiler disabled" in self.why


def read(record: Path) -> dict[str, Outcome]:
    """Read the file of outcomes. A test that began and never ended has died."""
    outcomes: dict[str, Outcome] = {}
    for line in record.read_text(encoding="utf-8").splitlines() if record.exists() else []:
        fields = json.loads(line)
        outcome = "died" if fields["outcome"] == "began" else fields["outcome"]
        outcomes[fields["test"]] = Outcome(outcome, fields.get("seconds", 0.0), fields.get("why", ""))
    return outcomes


def table(outcomes: dict[str, Outcome], scores: Scores, markdown: Path | None) -> str:
    """What passed by file, out of what stock passes; in full as Markdown if a path is given."""
    denominators = Counter(test.partition("::")[0] for test in scores.core)
    by_file: dict[str, dict[str, Outcome]] = defaultdict(dict)
    for test, outcome in sorted(outcomes.items()):
        by_file[test.partition("::")[0]][test] = outcome
    rows, failures = [], []
    for file, tests in by_file.items():
        counts = Counter(outcome.outcome for outcome in tests.values())
        core = sum(outcome.passed for test, outcome in tests.items() if test in scores.core)
        rest = ", ".join(f"{n} {name}" for name, n in sorted(counts.items()) if name != "passed")
        seconds = sum(outcome.seconds for outcome in tests.values())
        rows.append((file, core, denominators[file], counts["passed"] - core, rest, seconds))
        failures += [
            f"{outcome.outcome} {test}: {outcome.why}" for test, outcome in tests.items() if not outcome.passed
        ]
    core, more, out_of_all = (sum(row[place] for row in rows) for place in (1, 3, 2))
    lines = [
        f"{file}: {passed} / {out_of} of core"
        + (f", {beyond} beyond" if beyond else "")
        + (f"; {rest}" if rest else "")
        + f"; {seconds:.0f} s"
        for file, passed, out_of, beyond, rest, seconds in rows
    ]
    lines.append(f"together: {core} / {out_of_all} of core ({len(scores.core)} in all), {more} beyond")
    if markdown:
        header = "| file | passed | stock passes | beyond core | others |\n|---|---|---|---|---|\n"
        cells = "".join(f"| {row[0]} | {row[1]} | {row[2]} | {row[3]} | {row[4]} |\n" for row in rows)
        total = f"| **together** | **{core}** | **{len(scores.core)}** | **{more}** | |\n"
        markdown.write_text(header + cells + total, encoding="utf-8")
    return "\n".join([*failures, *lines])

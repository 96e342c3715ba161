"""How the manual is built: `make docs`."""

from pathlib import Path

from docutils.nodes import Node
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import cenote
from cenote.settings import SETTINGS, UNSET

project = "Cenote"
author = "The Cenote authors"
copyright = "2026, The Cenote authors"
release = version = cenote.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"Cenote {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# the tables of docs/benchmarks.md are put there by benchmarks/local.py, under headings of its own
suppress_warnings = ["myst.header"]

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autosummary_generate = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True


class SettingsTable(SphinxDirective):
    """The table of settings, from the table that the program reads."""

    def run(self) -> list[Node]:
        """Make the table."""
        rows = ["| setting | default | meaning |", "|---|---|---|"]
        for setting in SETTINGS:
            default = "" if setting.default is UNSET else f"`{setting.default!r}`".replace("|", r"\|")
            rows.append(f"| `{setting.name}` | {default} | {setting.meaning.replace('|', chr(92) + '|')} |")
        return self.parse_text_to_nodes("\n".join(rows))


class SuitesTable(SphinxDirective):
    """How many of Dask's own tests pass on Cenote, from the lists that `make compat` checks."""

    def run(self) -> list[Node]:
        """Make the table."""
        rows = ["| Dask's tests of | pass on Cenote | do not apply (a name may stand for several) |", "|---|---|---|"]
        for passes in sorted((Path(__file__).parent.parent / "tests" / "compat" / "lists").glob("*.passes")):
            suite = passes.stem.removeprefix("test_")
            rows.append(f"| `{suite}` | {entries(passes)} | {entries(passes.with_suffix('.excused'))} |")
        return self.parse_text_to_nodes("\n".join(rows))


def entries(path: Path) -> int:
    """How many tests a list names."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return sum(bool(line.strip()) and not line.startswith("#") for line in lines)


def setup(app: Sphinx) -> None:
    """Tell Sphinx of our directive."""
    app.add_directive("settings-table", SettingsTable)
    app.add_directive("suites-table", SuitesTable)

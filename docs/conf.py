"""How the manual is built: `make docs`."""

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


def setup(app: Sphinx) -> None:
    """Tell Sphinx of our directive."""
    app.add_directive("settings-table", SettingsTable)

"""The examples of the manual and of the README run, and print what is printed there.

A fence that says `pycon` is a session, one that says `python` a program; the fences of a page share their names. A
fence that says `py` needs what a test does not have (a cluster, say) and is only compiled.
"""

import ast
import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(pycon|python|py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    text = page.read_text()
    for fence in FENCE.finditer(text):
        language, code = fence.groups()
        line = text.count("\n", 0, fence.start(2))
        if language == "pycon":
            run_session(code, names, page, line)
        elif language == "python":
            exec(compile("\n" * line + code, page, "exec"), names)
        else:
            ast.parse(code)


def run_session(code, names, page, line):
    session = doctest.DocTestParser().get_doctest(code, {}, page.name, str(page), line)
    session.globs = names
    said = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(session, out=said.append, clear_globs=False)
    assert not runner.failures, "".join(said)

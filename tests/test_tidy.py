"""Python's share of tidiness: functions are short enough to see. The rest is checked by crates/core/tests/tidy."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDERS = ["python", "tests", "benchmarks", "examples", "docs"]
FUNCTION_LINES_MAX = 70

# Functions over the limit, as "path: name", with their present length: they may only shrink, and leave when they fit.
LONG_FUNCTIONS = {"tests/test_dask_compat.py: tried": 105}  # a table, a line for each method of a client


def test_functions_are_short():
    long = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for function, lines in functions(ast.parse(path.read_text())):
                if lines >= FUNCTION_LINES_MAX:
                    long[f"{path.relative_to(ROOT)}: {function}"] = lines
    assert long == LONG_FUNCTIONS


def functions(tree):
    """The functions of a module and their lines without the docstring."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = function.body[0] if ast.get_docstring(function, clean=False) is not None else None
            described = docstring.end_lineno - docstring.lineno + 1 if docstring else 0
            yield function.name, function.end_lineno - function.lineno + 1 - described


def test_a_docstring_does_not_count():
    source = 'def f():\n    """a\n    b\n    """\n    return 1\n'
    assert list(functions(ast.parse(source))) == [("f", 2)]

"""Every example runs as it is, and checks its own results."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NEEDS = {
    "tutorial": ["pandas", "distributed"],
    "blocked_matmul": ["numpy"],
    "cluster_tutorial": ["distributed", "numpy", "pandas", "pyarrow", "xarray"],
    "dask_array_on_cenote": ["dask", "numpy"],
    "xarray_on_cenote": ["dask", "xarray", "pandas"],
}
OTHERWISE = {"stock_cluster", "tutorial"}  # not a program; see the test of its own
NAMES = sorted({path.stem for path in EXAMPLES.glob("*.py")} - OTHERWISE)


def run(name, folder, *arguments):
    """What an example prints."""
    ran = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", str(EXAMPLES / f"{name}.py"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("name", NAMES)
def test_an_example_runs(name, tmp_path):
    for module in NEEDS.get(name, []):
        pytest.importorskip(module)
    assert run(name, tmp_path).strip()


def test_the_tutorial_writes_pictures_and_says_that_every_value_was_right(tmp_path):
    for module in NEEDS["tutorial"]:
        pytest.importorskip(module)
    printed = run("tutorial", tmp_path, str(tmp_path / "out"))
    assert printed.endswith("The whole tutorial ran, and every value was right.\n")
    starts = {"svg": b"<", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph"}
    pictures = [file for file in (tmp_path / "out").iterdir() if file.suffix[1:] in starts]
    assert len(pictures) == 5
    for picture in pictures:
        assert picture.read_bytes().lstrip().startswith(starts[picture.suffix[1:]])


def test_words_of_given_files_are_counted(tmp_path):
    (tmp_path / "a").write_text("one two two")
    (tmp_path / "b").write_text("two three")
    (tmp_path / "c").write_text("")
    printed = run("word_count", tmp_path, "a", "b", "c")
    assert printed.split()[:2] == ["3", "two"]

"""Where distributed's tests come from; its wheels carry none. None of them is ever part of this repository.

The folders named ``tests`` of a source are laid over a copy of the installed distributed, in ``target/outside``.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

TARGET = Path(__file__).resolve().parents[3] / "target" / "outside"
PACKAGE = "python3-distributed"
SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Unavailable(Exception):
    """The tests cannot be had on this machine."""


@dataclass(frozen=True)
class Source:
    """Tests, ready to be run from ``root``."""

    name: str
    root: Path
    plugins: tuple[str, ...] = ()


def debian_mirror() -> str:
    """The mirror that this machine takes its packages from."""
    for file in sorted(Path("/etc/apt").rglob("*.sources")) + sorted(Path("/etc/apt").rglob("*.list")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            words = [word for word in line.split() if word.startswith("http")]
            if words and line.startswith(("URIs:", "deb ")) and words[0].rstrip("/").endswith("/debian"):
                return words[0]
    return MIRROR


def download(folder: Path) -> Path:
    """Fetch Debian's package into ``folder``, with sources of its own, and tell its path."""
    if not all(shutil.which(tool) for tool in ("apt-get", "dpkg-deb")) or not KEYS.exists():
        raise Unavailable(f"only Debian packages distributed's tests ({PACKAGE}), and this system is not Debian's")
    sources = folder / "debian.sources"
    sources.write_text(f"Types: deb\nURIs: {debian_mirror()}\nSuites: {SUITE}\nComponents: main\nSigned-By: {KEYS}\n")
    for place in ("state/lists/partial", "cache/archives/partial"):
        (folder / place).mkdir(parents=True)
    options = [
        *("-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=/dev/null"),
        *("-o", f"Dir::State={folder}/state", "-o", f"Dir::Cache={folder}/cache", "-o", "APT::Sandbox::User=root"),
    ]
    for words in (["update"], ["download", PACKAGE]):
        done = subprocess.run(["apt-get", "-q", *options, *words], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise Unavailable(f"apt-get {' '.join(words)} fails: {done.stderr.strip()[-300:]}")
    return next(folder.glob(f"{PACKAGE}_*.deb"))


def installed() -> Path:
    """The folder of the installed package ``distributed``."""
    spec = importlib.util.find_spec("distributed")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("distributed is not installed: pip install distributed")
    return Path(spec.submodule_search_locations[0])


def apart() -> str:
    """What tells the folders of other environments from those of the first: their tests run there too."""
    name = Path(sys.prefix).name
    return "" if name in ("venv", ".venv-test") else name.replace(".venv", "")


def lay_over(tests: Path, root: Path) -> None:
    """Make ``root/distributed``: the installed package, with the folders named tests of another one."""
    shutil.rmtree(root, ignore_errors=True)
    package = root / "distributed"
    without = shutil.ignore_patterns("__pycache__", "tests")
    shutil.copytree(installed(), package, ignore=without)
    for folder in sorted(path for path in tests.rglob("tests") if path.is_dir()):
        shutil.copytree(folder, package / folder.relative_to(tests), dirs_exist_ok=True, ignore=without)
    if not any(package.rglob("tests/test_*.py")):
        raise Unavailable(f"{tests} holds no tests")


def origin(tests: Path | None) -> str:
    """What ``root`` is made of: for a checkout, with the time of its newest test."""
    newest = max((path.stat().st_mtime for path in tests.rglob("tests/*.py")), default=0) if tests else 0
    return f"{sys.executable} {installed()} {tests} {newest}"


def is_made(root: Path, tests: Path | None) -> bool:
    """Whether ``root`` was made before, of these tests: others may be running there."""
    mark = root / "made-of"
    return mark.exists() and mark.read_text(encoding="utf-8") == origin(tests)


def debian() -> Source:
    """The tests that Debian ships; downloaded once."""
    root = TARGET / f"debian{apart()}"
    if not is_made(root, None):
        with tempfile.TemporaryDirectory(prefix="outside-deb-") as scratch:
            folder = Path(scratch)
            subprocess.run(["dpkg-deb", "-x", download(folder), folder / "package"], check=True)
            lay_over(next((folder / "package").rglob("distributed/utils_test.py")).parent, root)
            (root / "made-of").write_text(origin(None), encoding="utf-8")
    return Source("debian", root, ("older_tests",))


def checkout(path: Path) -> Source:
    """The tests of a checkout of distributed."""
    if not (path / "distributed" / "utils_test.py").exists():
        raise Unavailable(f"{path} is not a checkout of distributed: name one in DISTRIBUTED_SRC")
    root = TARGET / f"checkout{apart()}"
    tests = path.resolve() / "distributed"
    if not is_made(root, tests):
        lay_over(tests, root)
        (root / "made-of").write_text(origin(tests), encoding="utf-8")
    return Source("checkout", root)

"""Makes the image of the scheduler without a container engine, and proves that a container of it would do its work.

::

    python tests/image/rehearse.py WHEEL [--keep FOLDER]

The last stage of ``deploy/image/Dockerfile`` is carried out in a clean Debian of ``mmdebstrap``, each step as an engine
would: as the image's user, with a container's rights, processes and mounts. Then the entry point is started as the user
without rights, and a client and a stock worker outside do work on it. What builds the wheel is not rehearsed: WHEEL
takes its place, and must be for Debian's Python. This needs root, and Debian's and Python's packages.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from distributed import Client
from dockerfile import Builder, Image, last_stage, this_machines

REPOSITORY = Path(__file__).resolve().parents[2]


def clean_root(folder: Path) -> Path:
    """A Debian with nothing but what every Debian has."""
    root, kept = folder / "root", folder / "base"
    if not kept.exists():
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", str(kept)], check=True)
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["cp", "-a", str(kept), str(root)], check=True)
    shutil.copy2("/etc/resolv.conf", root / "etc/resolv.conf")
    if os.environ.get("PIP_CERT"):  # registries that this machine reaches through somebody who signs anew
        (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
        shutil.copy2(os.environ["PIP_CERT"], root / "etc/ssl/own.crt")
    return root


def build(folder: Path, wheel: Path) -> Image:
    """The image, with a package of each kind as build arguments."""
    wheels = folder / "stage"
    shutil.rmtree(wheels, ignore_errors=True)
    (wheels / "wheels").mkdir(parents=True)
    shutil.copy2(wheel, wheels / "wheels")
    surroundings = this_machines()
    if "PIP_CERT" in surroundings:
        surroundings["PIP_CERT"] = "/etc/ssl/own.crt"
    import distributed

    arguments = {
        "DASK_VERSION": distributed.__version__,
        "EXTRA_APT_PACKAGES": "hello",
        "EXTRA_PIP_PACKAGES": "numpy pandas pyarrow",
    }
    builder = Builder(clean_root(folder), REPOSITORY, {"build": wheels}, arguments, surroundings)
    image = builder.build(last_stage((REPOSITORY / "deploy/image/Dockerfile").read_text()))
    image.env |= {name: value for name, value in surroundings.items() if name.startswith("PIP_")}
    return image


def free_port() -> int:
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def container(image: Image, command: list[str], env: dict[str, str] | None = None, user: str | None = None):
    """The entry point with a command, as a process; it ends with the block."""
    process = subprocess.Popen(image.inside([*image.entrypoint, *command], env, user), stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def child_of(pid: int) -> int:
    """The process that is the first one inside."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@contextlib.contextmanager
def worker(address: str):
    """A stock worker outside."""
    words = ["-m", "dask", "worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny", "--memory-limit", "0"]
    process = subprocess.Popen([sys.executable, *words], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def does_its_work(image: Image) -> None:
    """The scheduler runs as the user without rights under tini, works, is healthy, and ends when it is told to."""
    port = free_port()
    assert image.command[:2] == ["cenote", "scheduler"], image.command
    # The port and the host of the image are for a network of its own, which there is none of here.
    command = ["cenote", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--dashboard-address", ":8787"]
    with container(image, command) as process, worker(f"tcp://127.0.0.1:{port}"):
        with Client(f"tcp://127.0.0.1:{port}", timeout=60) as client:
            client.wait_for_workers(1, timeout=60)
            assert client.gather(client.map(lambda number: number + 1, range(100))) == list(range(1, 101))
            import dask.dataframe as dd
            import pandas as pd

            frame = dd.from_pandas(pd.DataFrame({"a": range(100)}), npartitions=4)
            assert client.compute(frame.a.sum()).result(timeout=60) == 4950
        first = child_of(process.pid)
        status = Path(f"/proc/{first}/status").read_text()
        assert Path(f"/proc/{first}/comm").read_text().strip() == "tini", status
        assert "Uid:\t1000\t1000" in status and "CapEff:\t0000000000000000" in status, status
        assert image.run(image.health).returncode == 0, "it is not healthy"
        os.kill(first, signal.SIGTERM)
        assert process.wait(30) in (0, 128 + signal.SIGTERM), process.returncode
    print("the scheduler does its work", flush=True)


def starts_with_packages(image: Image) -> None:
    """What the environment asks for is there when the command starts, or a line says why it cannot be."""
    found = image.run(["hello", "--version"], capture_output=True)
    assert "hello (GNU Hello)" in found.stdout, "the build argument EXTRA_APT_PACKAGES"
    say = ["python", "-c", "import os, cowsay; print(os.getuid(), cowsay.__name__)"]
    started = image.run([*image.entrypoint, *say], env={"EXTRA_PIP_PACKAGES": "cowsay"}, capture_output=True)
    assert started.stdout == "1000 cowsay\n", started
    refused = image.run([*image.entrypoint, "true"], env={"EXTRA_APT_PACKAGES": "sl"}, capture_output=True)
    assert refused.returncode == 1 and "EXTRA_APT_PACKAGES needs root" in refused.stderr, refused
    look = ["sh", "-c", "id -u; dpkg-query --show --showformat='${Status}\n' sl"]
    as_root = image.run([*image.entrypoint, *look], env={"EXTRA_APT_PACKAGES": "sl"}, user="0:0", capture_output=True)
    assert as_root.stdout == "1000\ninstall ok installed\n", as_root
    no_conda = image.run([*image.entrypoint, "true"], env={"EXTRA_CONDA_PACKAGES": "zlib"}, capture_output=True)
    assert no_conda.returncode == 1 and "there is no conda in this image" in no_conda.stderr, no_conda
    print("the variables bring packages", flush=True)


def is_extended(image: Image) -> None:
    """What a Dockerfile of a user's adds: FROM cenote-scheduler, RUN pip install, as the image's own user."""
    added = image.run(["/bin/sh", "-c", "pip install --quiet sortedcollections"], capture_output=True)
    assert added.returncode == 0, added.stderr
    assert image.run(["python", "-c", "import sortedcollections"]).returncode == 0
    print("an image made from it has more packages", flush=True)


def main() -> None:
    """Make it and prove it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--keep", type=Path, help="a folder that keeps the clean Debian for the next time")
    options = parser.parse_args()
    if os.getuid() != 0 or shutil.which("mmdebstrap") is None:
        sys.exit("this needs root and mmdebstrap: apt-get install mmdebstrap")
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cenote-image-")))
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        stack.callback(shutil.rmtree, folder / "root", ignore_errors=True)
        image = build(folder, options.wheel.resolve())
        megabytes = subprocess.run(["du", "-sm", str(image.root)], capture_output=True, text=True, check=True).stdout
        print(f"the image's files: {megabytes.split()[0]} MB", flush=True)
        does_its_work(image)
        starts_with_packages(image)
        is_extended(image)
    print(f"all is well: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()

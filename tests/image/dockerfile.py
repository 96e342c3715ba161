"""The last stage of a Dockerfile, read and carried out in a folder that holds a Debian.

Only the instructions that the image of the scheduler uses are known; any other is an error.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

#: What a container engine gives to a process that root starts.
CAPABILITIES = "chown,dac_override,fowner,fsetid,kill,setgid,setuid,setpcap,net_bind_service,sys_chroot,setfcap"
PLAIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Image:
    """A root file system, and how a container of it starts."""

    root: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": PLAIN_PATH})
    user: str = "0:0"
    folder: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def inside(self, words: list[str], env: dict[str, str] | None = None, user: str | None = None) -> list[str]:
        """The command that runs words in the root: in processes, mounts and rights of its own, with this network."""
        uid, _, gid = (user or self.user).partition(":")
        variables = [f"{name}={value}" for name, value in {**self.env, **(env or {})}.items()]
        rights = ",".join(["-all", *(f"+{name}" for name in CAPABILITIES.split(","))]) if uid == "0" else "-all"
        return [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child", f"--root={self.root}", "--mount-proc"),
            *("setpriv", f"--reuid={uid}", f"--regid={gid or '0'}", "--clear-groups", f"--bounding-set={rights}"),
            *("env", "--ignore-environment", f"--chdir={self.folder}", *variables, *words),
        ]

    def run(self, words: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        """Run words in the root to their end."""
        env, user = options.pop("env", None), options.pop("user", None)
        return subprocess.run(self.inside(words, env, user), text=True, stdin=subprocess.DEVNULL, **options)


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, each its name and what follows it."""
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def last_stage(text: str) -> list[tuple[str, str]]:
    """The instructions behind the last FROM."""
    found = instructions(text)
    return found[max(at for at, (name, _) in enumerate(found) if name == "FROM") + 1 :]


class Builder:
    """Carries out one instruction after another.

    Parameters
    ----------
    root, context
        The folder that holds a Debian; the folder that ``COPY`` takes files from.
    stages : dict of str to Path
        What stands for ``COPY --from=STAGE /``.
    arguments : dict of str to str
        Build arguments.
    surroundings : dict of str to str
        What every step finds in its environment, besides.
    """

    def __init__(
        self,
        root: Path,
        context: Path,
        stages: dict[str, Path],
        arguments: dict[str, str],
        surroundings: dict[str, str],
    ) -> None:
        self.image, self.context, self.stages = Image(root), context, stages
        self.given, self.arguments, self.surroundings = arguments, {}, surroundings

    def build(self, steps: list[tuple[str, str]]) -> Image:
        """Carry all of them out."""
        for name, rest in steps:
            print(f"-- {name} {rest}", flush=True)
            getattr(self, f"_{name.lower()}")(rest)
        return self.image

    def _arg(self, rest: str) -> None:
        name, _, default = rest.partition("=")
        self.arguments[name] = self.given.get(name, default.strip('"'))

    def _env(self, rest: str) -> None:
        for word in shlex.split(rest):
            name, _, value = word.partition("=")
            self.image.env[name] = value.replace("$PATH", self.image.env["PATH"])

    def _user(self, rest: str) -> None:
        self.image.user = "0:0" if rest == "root" else rest

    def _workdir(self, rest: str) -> None:
        self.image.folder = rest

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        origin = self.context
        if sources[0].startswith("--from="):
            origin = self.stages[sources.pop(0).removeprefix("--from=")]
        place = self.image.root / target.lstrip("/")
        for source in (origin / source.lstrip("/") for source in sources):
            if source.is_dir():
                shutil.copytree(source, place, dirs_exist_ok=True)
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, place / source.name)

    def _run(self, rest: str) -> None:
        env = {**self.surroundings, **self.arguments}
        self.image.run(["/bin/sh", "-c", rest], env=env, check=True)

    def _entrypoint(self, rest: str) -> None:
        self.image.entrypoint = json.loads(rest)

    def _cmd(self, rest: str) -> None:
        self.image.command = json.loads(rest)

    def _healthcheck(self, rest: str) -> None:
        self.image.health = json.loads(rest.partition("CMD ")[2])

    def _expose(self, rest: str) -> None:
        assert rest == "8786 8787"

    def _stopsignal(self, rest: str) -> None:
        assert rest == "SIGTERM"


def this_machines() -> dict[str, str]:
    """How this machine's package clients reach their registries, for those in the root."""
    names = ("http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "PIP_CERT")
    return {name: os.environ[name] for name in names if name in os.environ}

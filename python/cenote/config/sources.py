"""Where settings come from outside of the program: YAML files and environment variables."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from cenote.config.tree import assign, update

if TYPE_CHECKING:
    import pathlib

OWNERS = ("dask", "cenote")
"""Whose files and variables are read; later ones win."""


def owner_paths(owner: str) -> list[str]:
    """Return where YAML files of `owner` may lie, the most general place first."""
    upper = owner.upper()
    places = [
        os.getenv(f"{upper}_ROOT_CONFIG", f"/etc/{owner}"),
        os.path.join(sys.prefix, "etc", owner),
        *(os.path.join(prefix, "etc", owner) for prefix in site.PREFIXES),
        os.path.join(os.path.expanduser("~"), ".config", owner),
    ]
    if named := os.getenv(f"{upper}_CONFIG"):
        places.append(named)
    # the last mention of a place counts
    return list(dict.fromkeys(reversed(places)))[::-1]


def _load_file(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Read one YAML or JSON file; `None` if it is empty or cannot be opened."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError:
        return None
    if all(not line or line.startswith("#") for line in map(str.strip, text.splitlines())):
        return None  # a template with everything commented out, as most are: not worth importing yaml
    import yaml

    try:
        loaded = yaml.safe_load(text)
    except Exception as error:
        message = f"the configuration file {str(path)!r} is malformed: correct it; original error message: {error}"
        raise ValueError(message) from None
    if loaded is None or isinstance(loaded, dict):
        return loaded
    raise ValueError(
        f"the configuration file {str(path)!r} is malformed: it must have a dict at its top level, "
        f"and has a {type(loaded).__name__}"
    )


def _config_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[str | os.PathLike[str]]:
    """Yield the files among `paths`, and the YAML and JSON files in the folders among them in alphabetical order."""
    for path in paths:
        if not os.path.isdir(path):
            if os.path.exists(path):
                yield path
            continue
        try:
            names = sorted(os.listdir(path))
        except OSError:
            continue
        for name in names:
            if os.path.splitext(name)[1].lower() in (".json", ".yaml", ".yml"):
                yield os.path.join(path, name)


@overload
def collect_yaml(
    paths: Sequence[str | os.PathLike[str]], *, return_paths: Literal[False] = False
) -> Iterator[dict[str, Any]]: ...


@overload
def collect_yaml(
    paths: Sequence[str | os.PathLike[str]], *, return_paths: Literal[True]
) -> Iterator[tuple[pathlib.Path, dict[str, Any]]]: ...


def collect_yaml(
    paths: Sequence[str | os.PathLike[str]], *, return_paths: bool = False
) -> Iterator[dict[str, Any] | tuple[pathlib.Path, dict[str, Any]]]:
    """Yield the content of each YAML or JSON file in `paths` (files and folders), with its path if asked to.

    Files that cannot be opened are passed over.

    Raises
    ------
    ValueError
        If a file is not valid, or its top level is not a mapping.
    """
    for file in list(_config_files(paths)):
        content = _load_file(file)
        if content is not None and return_paths:
            import pathlib

            yield pathlib.Path(file), content
        elif content is not None:
            yield content


def collect_env(env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read `CENOTE_*` and `DASK_*` environment variables; the former win.

    The rest of the name becomes the setting, in lower case, a double underscore standing for the dot. Values are read
    as Python literals where they are such. Settings that a parent process serialized into
    ``CENOTE_INTERNAL_INHERIT_CONFIG`` come first.

    Examples
    --------
    >>> collect_env({"DASK_NUM_WORKERS": "4", "CENOTE_OPTIMIZATION__FUSE__ACTIVE": "false", "LANG": "C"})
    {'num_workers': 4, 'optimization': {'fuse': {'active': False}}}
    """
    result: dict[str, Any] = {}
    for owner in OWNERS:
        update(result, owner_env(owner, os.environ if env is None else env))
    return result


def owner_env(owner: str, env: Mapping[str, str]) -> dict[str, Any]:
    """Read the environment variables of `owner`."""
    prefix = f"{owner.upper()}_"
    inherited = env.get(f"{prefix}INTERNAL_INHERIT_CONFIG")
    result: dict[str, Any] = deserialize(inherited) if inherited else {}
    for name, value in env.items():
        if name.startswith(prefix) and name != f"{prefix}INTERNAL_INHERIT_CONFIG":
            setting = name.removeprefix(prefix).lower().replace("__", ".")
            assign(result, setting, interpret_value(value))
    return result


def interpret_value(value: str) -> Any:
    """Return what the text of an environment variable means.

    Examples
    --------
    >>> interpret_value("[1, 2]"), interpret_value("true"), interpret_value("/tmp")
    ([1, 2], True, '/tmp')
    """
    import ast

    try:
        return ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return {"none": None, "null": None, "false": False, "true": True}.get(value.lower(), value)


def serialize(data: Any) -> str:
    """Return settings as text that fits an environment variable.

    Examples
    --------
    >>> deserialize(serialize({"num_workers": 4}))
    {'num_workers': 4}
    """
    import base64
    import json

    return base64.urlsafe_b64encode(json.dumps(data).encode()).decode()


def deserialize(data: str) -> Any:
    """Return the settings that `serialize` made into text."""
    import base64
    import json

    return json.loads(base64.urlsafe_b64decode(data.encode()).decode())

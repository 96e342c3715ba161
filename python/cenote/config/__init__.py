"""Configuration: settings by dotted name, from code, environment and YAML files.

A value is looked for in this order, and the first that has it wins; mappings are merged instead:

1. what `set` was told in this process;
2. `CENOTE_*` environment variables, then YAML files in Cenote's folders (`/etc/cenote`, `etc/cenote` under the Python
   prefix, `~/.config/cenote`, the file or folder named by `CENOTE_CONFIG`);
3. `dask.config`, where Dask is loaded;
4. `DASK_*` environment variables, then YAML files in Dask's folders;
5. the defaults: the table in `cenote.settings`, and what `update_defaults` was given.

So a machine that is configured for Dask is configured for Cenote, and Cenote alone can be told otherwise. What
`cenote.config.set` sets, Dask's own code does not see: it reads `dask.config` only.

Configuration belongs to the process, not to a thread. Hyphens and underscores in names mean the same.
"""

from __future__ import annotations

import builtins
import os
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cenote import _dask
from cenote._dask import MISSING
from cenote.config.sources import (
    OWNERS,
    collect_env,
    collect_yaml,
    deserialize,
    interpret_value,
    owner_env,
    owner_paths,
    serialize,
)
from cenote.config.tree import assign, canonical_name, expand_environment_variables, look_up, merge, update
from cenote.settings import RENAMED
from cenote.settings import defaults as _default_settings
from cenote.typing import no_default

if TYPE_CHECKING:
    import pathlib

__all__ = [
    "PATH",
    "canonical_name",
    "check_deprecations",
    "collect",
    "collect_env",
    "collect_yaml",
    "config",
    "defaults",
    "deprecations",
    "deserialize",
    "ensure_file",
    "expand_environment_variables",
    "get",
    "global_config",
    "interpret_value",
    "merge",
    "paths",
    "paths_containing_key",
    "pop",
    "refresh",
    "rename",
    "serialize",
    "set",
    "update",
    "update_defaults",
]


def _get_paths() -> list[str]:
    """Return where YAML files are looked for, Dask's places before Cenote's."""
    return [place for owner in OWNERS for place in owner_paths(owner)]


paths: list[str] = _get_paths()
"""Where YAML files are looked for; later places win."""

PATH: str = os.getenv("CENOTE_CONFIG") or os.path.join(os.path.expanduser("~"), ".config", "cenote")
"""The user's own configuration folder."""

config: dict[str, Any] = {}
"""Every setting as Cenote alone sees it; change it through `set`."""

global_config = config

config_lock = threading.RLock()

defaults: list[Mapping[str, Any]] = []
"""The defaults given to `update_defaults`, oldest first."""

deprecations: dict[str, str | None] = dict(RENAMED)
"""Former names, spelled with hyphens, and what they are called now (`None`: they were removed)."""

_explicit: dict[str, Any] = {}
"""The part of `config` that goes before `dask.config`: what came from `set` and from sources of Cenote's own."""


def paths_containing_key(key: str, paths: Sequence[str | os.PathLike[str]] = paths) -> Iterator[pathlib.Path]:
    """Yield the YAML files that set `key`."""
    for path, content in collect_yaml(paths, return_paths=True):
        if look_up(key, content) is not MISSING:
            yield path


def collect(paths: Sequence[str | os.PathLike[str]] = paths, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read YAML files, then environment variables, into one dictionary; settings under former names are renamed.

    Warns
    -----
    FutureWarning
        Once for each former name, unless a source of higher priority has the present one.
    """
    return _join([*collect_yaml(paths), collect_env(env)])


def _join(sources: list[dict[str, Any]], warn: bool = True) -> dict[str, Any]:
    """Merge `sources`, the last of which wins, renaming what has a new name."""
    result: dict[str, Any] = {}
    warned: builtins.set[str] = builtins.set()
    for source in reversed(sources):
        for former, name in rename(deprecations, source).items():
            overridden = look_up(name or f"ignore-deprecated.{former}", result) is not MISSING
            if former in warned or overridden or not warn:
                continue
            warned.add(former)
            if name:
                advice = f"has been deprecated; please use {name!r} instead"
            else:
                advice = f"has been removed; set 'ignore-deprecated.{former}' to silence this warning"
            warnings.warn(f"configuration key {former!r} {advice}", FutureWarning, stacklevel=4)
        update(result, source, priority="old")
    return result


def refresh(
    config: dict[str, Any] | None = None,
    defaults: list[Mapping[str, Any]] = defaults,
    paths: Sequence[str | os.PathLike[str]] = paths,
    env: Mapping[str, str] | None = None,
) -> None:
    """Forget what was set, and read YAML files and environment variables again.

    Parameters
    ----------
    config : dict, optional
        What to fill anew, instead of the process's configuration.
    defaults, paths, env
        In place of the process's own.
    """
    config = global_config if config is None else config
    fresh: dict[str, Any] = {}
    for each in defaults:
        update(fresh, each, priority="old")
    update(fresh, collect(paths, env))
    with config_lock:
        config.clear()
        config.update(fresh)
        if config is global_config:
            of_dask = owner_paths("dask")
            files = collect_yaml([path for path in paths if path not in of_dask])
            _explicit.clear()
            _explicit.update(_join([*files, owner_env("cenote", os.environ if env is None else env)], warn=False))


def get(key: str, default: Any = no_default, config: Mapping[str, Any] | None = None, override_with: Any = None) -> Any:
    """Return the value of a setting.

    Parameters
    ----------
    key : str
        Its name, with dots between groups.
    default : optional
        What to return if nobody set it.
    config : mapping, optional
        Where to look, instead of the process's configuration.
    override_with : optional
        Returned as it is unless it is `None`: for arguments that fall back to a setting.

    Raises
    ------
    KeyError
        If it is not set and there is no `default`.

    Examples
    --------
    >>> get("optimization.fuse.ave-width")
    1
    >>> get("optimization.no-such-setting", default="none")
    'none'
    """
    if override_with is not None:
        return override_with
    found = _resolve(key) if config is None else look_up(key, config)
    if found is not MISSING:
        return found
    if default is no_default:
        raise KeyError(key)
    return default


def _resolve(key: str) -> Any:
    """Look in this process's configuration, and in Dask's where it is loaded."""
    theirs = _dask.config_value(key)
    if theirs is MISSING:
        return look_up(key, global_config)
    ours = look_up(key, _explicit)
    if ours is MISSING:
        ours, theirs = theirs, look_up(key, global_config)
        return merge(theirs, ours) if isinstance(ours, Mapping) and isinstance(theirs, Mapping) else ours
    if not isinstance(ours, Mapping):
        seen = look_up(key, global_config)  # where it was set too, and may have been updated since
        return ours if seen is MISSING else seen
    levels = [look_up(key, global_config), theirs, ours]
    return merge(*(level for level in levels if isinstance(level, Mapping)))


def pop(key: str, default: Any = no_default, config: dict[str, Any] = config) -> Any:
    """Remove a setting and return its value.

    Examples
    --------
    >>> settings = {"x": {"y": 1, "z": 2}}
    >>> pop("x.y", config=settings), settings
    (1, {'x': {'z': 2}})
    """
    if config is global_config:
        pop(key, None, _explicit)
    group, _, leaf = key.rpartition(".")
    place = look_up(group, config) if group else config
    try:
        return place.pop(canonical_name(leaf, place))
    except (AttributeError, TypeError, KeyError):
        if default is no_default:
            raise KeyError(key) from None
        return default


class set:
    """Set settings: for good, or within a ``with`` block.

    Parameters
    ----------
    arg : mapping, optional
        Names (with dots) and values.
    config : dict, optional
        What to change, instead of the process's configuration.
    lock : optional
        Held while changing it.
    **kwargs
        More settings, applied after `arg`; a double underscore in a name stands for the dot.

    Examples
    --------
    >>> with set({"optimization.fuse.ave-width": 4}, num_workers=2):
    ...     get("optimization.fuse.ave-width"), get("num_workers")
    (4, 2)
    >>> get("optimization.fuse.ave-width")
    1
    """

    config: dict[str, Any]

    def __init__(
        self,
        arg: Mapping[str, Any] | None = None,
        config: dict[str, Any] | None = None,
        lock: Any = config_lock,
        **kwargs: Any,
    ):
        self.config = global_config if config is None else config
        self._undo: list[tuple[dict[str, Any], str, Any]] = []
        settings = [*(arg or {}).items(), *((key.replace("__", "."), value) for key, value in kwargs.items())]
        with lock:
            for key, value in settings:
                key = check_deprecations(key)
                for store in self._stores():
                    self._undo.append(assign(store, key, value))

    def _stores(self) -> list[dict[str, Any]]:
        return [global_config, _explicit] if self.config is global_config else [self.config]

    def __enter__(self) -> dict[str, Any]:
        """Return the configuration that was changed."""
        return self.config

    def __exit__(self, *exc_info: object) -> None:
        """Put back what was there."""
        for place, name, value in reversed(self._undo):
            if value is MISSING:
                place.pop(name, None)
            else:
                place[name] = value


def update_defaults(
    new: Mapping[str, Any], config: dict[str, Any] = config, defaults: list[Mapping[str, Any]] = defaults
) -> None:
    """Add defaults, which stand below everything else that sets a value."""
    present = merge(*defaults)
    defaults.append(new)
    update(config, new, priority="new-defaults", defaults=present)


def ensure_file(
    source: str | os.PathLike[str], destination: str | os.PathLike[str] | None = None, comment: bool = True
) -> None:
    """Copy a configuration file into the user's folder, unless there is one already.

    Parameters
    ----------
    source : path
        The file to copy.
    destination : path, optional
        The folder; `PATH` if not given.
    comment : bool
        Whether to comment all its lines out.
    """
    import pathlib

    folder = pathlib.Path(PATH if destination is None else destination)
    target = folder / os.path.basename(source)
    if folder.is_file() or target.exists():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lines = pathlib.Path(source).read_text(encoding="utf-8").splitlines(keepends=True)
        if comment:
            lines = [f"# {line}" if line.strip() and not line.startswith("#") else line for line in lines]
        # written aside and renamed, so that no process reads half a file
        aside = target.with_name(f"{target.name}.tmp.{os.getpid()}")
        aside.write_text("".join(lines), encoding="utf-8")
        os.replace(aside, target)
    except OSError:
        pass  # a folder that cannot be written to is no reason to fail


def rename(
    deprecations: Mapping[str, str | None] = deprecations, config: dict[str, Any] = config
) -> dict[str, str | None]:
    """Move settings that have a former name to their present one, and return the pairs that applied.

    Examples
    --------
    >>> settings = {"colour_scheme": "dark"}
    >>> rename({"colour-scheme": "theme.name"}, settings), settings
    ({'colour-scheme': 'theme.name'}, {'theme': {'name': 'dark'}})
    """
    found = {}
    for former, name in deprecations.items():
        if look_up(former, config) is MISSING:
            continue
        value = pop(former, config=config)
        found[former] = name
        if name:
            assign(config, name, value)
    return found


def check_deprecations(key: str, deprecations: Mapping[str, str | None] = deprecations) -> str:
    """Return the present name of `key`.

    Raises
    ------
    ValueError
        If the setting was removed.

    Warns
    -----
    FutureWarning
        If it was renamed.

    Examples
    --------
    >>> check_deprecations("num_workers")
    'num_workers'
    """
    former = key.replace("_", "-")
    if former not in deprecations:
        return key
    name = deprecations[former]
    if name is None:
        raise ValueError(f"configuration key {key!r} has been removed")
    warnings.warn(
        f"configuration key {key!r} has been deprecated; please use {name!r} instead", FutureWarning, stacklevel=3
    )
    return name


update_defaults(_default_settings())
refresh()

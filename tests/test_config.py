"""Configuration: levels, context managers, environment, YAML, and what Dask says."""

import os
import subprocess
import sys
import textwrap
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cenote.config as config

names = st.text("abc", min_size=1, max_size=2)
trees = st.recursive(st.integers(), lambda inner: st.dictionaries(names, inner, max_size=3), max_leaves=8)
dicts = st.dictionaries(names, trees, max_size=3)


def run(program: str, **env: str) -> str:
    """The output of a program in a fresh interpreter."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DASK_", "CENOTE_"))} | env
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@given(dicts)
def test_merging_a_mapping_into_nothing_copies_it(d):
    merged = config.merge(d)
    assert merged == d and merged is not d


@given(dicts, dicts)
def test_merging_the_same_again_changes_nothing(a, b):
    once = config.merge(a, b)
    assert config.merge(once, b) == once


@given(dicts, dicts)
def test_leaving_a_set_block_restores_what_was_there(before, change):
    store = config.merge(before)
    with config.set(change, config=store):
        pass
    assert store == before


def test_settings_from_outside_are_found_by_either_spelling():
    with config.set({"my-group.my_leaf": 1}):
        assert config.get("my_group.my-leaf") == 1
    with pytest.raises(KeyError, match="my_group"):
        config.get("my_group.my-leaf")


def test_a_dictionary_given_as_a_value_stays_the_callers():
    cache = {"x": 1}
    with config.set(cache=cache):
        assert config.get("cache") is cache
        with config.set({"cache.y": 2}):
            assert cache == {"x": 1, "y": 2}
    assert cache == {"x": 1}


def test_set_replaces_a_value_by_a_group_and_back():
    with config.set({"theme": "dark"}):
        with config.set({"theme.name": "light"}):
            assert config.get("theme") == {"name": "light"}
        assert config.get("theme") == "dark"


def test_a_group_is_merged_from_all_levels():
    with config.set({"optimization.fuse.ave-width": 7}):
        fuse = config.get("optimization.fuse")
        assert fuse["ave-width"] == 7
        assert fuse["rename-keys"] is True


def test_set_is_seen_by_other_threads():
    seen = []
    with config.set(from_main=1):
        thread = threading.Thread(target=lambda: seen.append(config.get("from_main")))
        thread.start()
        thread.join()
    assert seen == [1]


def test_environment_variables_of_cenote_win_over_those_of_dask():
    program = "import cenote.config as c; print(c.get('num_workers'), c.get('scheduler'))"
    env = {"DASK_NUM_WORKERS": "2", "CENOTE_NUM_WORKERS": "3", "DASK_SCHEDULER": "sync"}
    assert run(program, **env) == "3 sync"


def test_yaml_files_of_cenote_win_over_those_of_dask(tmp_path):
    (tmp_path / "dask.yaml").write_text("num_workers: 2\nscheduler: sync")
    (tmp_path / "cenote.yaml").write_text("# comment\nnum_workers: 3")
    program = "import cenote.config as c; print(c.get('num_workers'), c.get('scheduler'))"
    env = {"DASK_CONFIG": str(tmp_path / "dask.yaml"), "CENOTE_CONFIG": str(tmp_path / "cenote.yaml")}
    assert run(program, **env) == "3 sync"


def test_a_malformed_file_is_named(tmp_path):
    (tmp_path / "bad.yaml").write_text("{")
    with pytest.raises(ValueError, match=r"bad\.yaml.*malformed"):
        config.collect([tmp_path], env={})


@pytest.mark.parametrize("first, second", [("dask", "cenote.config"), ("cenote.config", "dask")])
def test_what_is_set_in_dask_is_seen_and_what_is_set_here_wins(first, second):
    pytest.importorskip("dask")
    program = f"""
    import {first}, {second}
    import cenote.config as ours, dask.config as theirs
    with theirs.set({{"num_workers": 5, "tokenize.ensure-deterministic": True, "scheduler": "sync"}}):
        assert ours.get("num_workers") == 5
        assert ours.get("tokenize.ensure-deterministic") is True
        with ours.set(num_workers=6):
            assert (ours.get("num_workers"), theirs.get("num_workers")) == (6, 5)
        with ours.set({{"tokenize.ensure-deterministic": False}}):
            assert ours.get("tokenize.ensure-deterministic") is False
            ours.update(ours.config, {{"tokenize": {{"ensure-deterministic": True}}}})
            assert ours.get("tokenize.ensure-deterministic") is True
        assert ours.get("scheduler") == "sync"
    assert ours.get("scheduler", None) is None
    with theirs.set({{"optimization.fuse.ave-width": 3}}), ours.set({{"optimization.fuse.max-height": 4}}):
        fuse = ours.get("optimization.fuse")
        assert (fuse["ave-width"], fuse["max-height"], fuse["rename-keys"]) == (3, 4, True)
    """
    run(program)


def test_dask_is_not_imported_and_yaml_only_if_a_file_says_something(tmp_path):
    folder = tmp_path / ".config" / "dask"
    folder.mkdir(parents=True)
    (folder / "distributed.yaml").write_text("# distributed:\n#   version: 2\n")
    program = "import sys, cenote.config as c; c.get('x', 0); print('dask' in sys.modules, 'yaml' in sys.modules)"
    assert run(program, HOME=str(tmp_path)) == "False False"


def test_refresh_forgets_what_was_set():
    config.set(forgotten=1)
    config.refresh()
    assert config.get("forgotten", None) is None


def test_serialized_settings_reach_a_child_process():
    inherited = config.serialize({"theme": {"name": "dark"}})
    assert config.collect_env({"CENOTE_INTERNAL_INHERIT_CONFIG": inherited}) == {"theme": {"name": "dark"}}

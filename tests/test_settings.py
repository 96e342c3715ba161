"""The table of settings, from which the manual is made, names every setting that the program reads."""

import re
from pathlib import Path

import cenote
from cenote.settings import SETTINGS

READ = re.compile(r"""config\.get\(\s*["']([^"']+)["']""")
DASKS_OWN = frozenset({"collection_annotations", "distributed.worker.preload", "get"})


def test_every_setting_that_is_read_stands_in_the_table():
    read = {
        name.replace("_", "-")
        for path in Path(cenote.__file__).parent.rglob("*.py")
        for name in READ.findall(path.read_text())
    }
    names = {setting.name.replace("_", "-") for setting in SETTINGS}
    groups = {name.rsplit(".", 1)[0] for name in names if "." in name}
    assert read - names - groups - {name.replace("_", "-") for name in DASKS_OWN} == set()


def test_every_setting_has_a_meaning():
    assert all(setting.meaning and setting.meaning[-1] != "." for setting in SETTINGS)

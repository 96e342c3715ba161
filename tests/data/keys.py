"""Asks Dask for the prefix and the group of many keys, and writes them to ``keys.bin``: msgpack, a list of triples.

python tests/data/keys.py
"""

from __future__ import annotations

import random
from pathlib import Path

import msgpack
from dask.utils import key_split
from distributed.utils import key_split_group

WORDS = [
    "x",
    "inc",
    "sum",
    "aggregate",
    "abcdefab",
    "filtered",
    "ABCDEFGH",
    "from_delayed",
    "0",
    "1",
    "12ab",
    "_x",
    "(x",
    "'y'",
    "Ünïcode",
    "日本",
    "ⅷ",
    "x²",
    "naïve",
    "ae05086432ca935f6eba409a8ecd4896",
    "deadbeef",
    "z" * 8,
    "a" * 7,
    "",
    " ",
    "a b",
    "x,y",
    "\u0301a",
]
WHOLE = [
    "('x-2', 1)",
    '("x", 2)',
    "('a-b', 'c-d', 3)",
    "<module.submodule.myclass object at 0xdaf372>",
    "<a>",
    "<a-b c>",
    "<.>",
    "<x.y>-1",
    "_(x)",
    "x",
    "-",
    "--",
    "-x",
    "x-",
    "((x-1))",
    "ae05086432ca935f6eba409a8ecd4896",
    "AE05086432CA935F6EBA409A8ECD4896",
    "ae05086432ca935f6eba409a8ecd489-",
    "a-" * 16,
    "x-abcdefab-y",
    "read-parquet-fused-0123",
    "<  >",
    "<\x1cx>",
    "getitem,1-x",
]


def names(key: object) -> tuple | None:
    """What Dask says about a key; nothing where it fails."""
    try:
        return key, key_split(key), key_split_group(key)
    except (IndexError, UnicodeDecodeError):
        return None


def main() -> None:
    chance = random.Random(4)
    keys: list = [
        *WHOLE,
        *(text.encode() for text in WHOLE),
        1,
        -5,
        2**63,
        1.5,
        True,
        (1, 2),
        (b"x-1", 2),
        (("n-1", 1), 2),
    ]
    for _ in range(500):
        text = chance.choice(["-", "-", "-", ",", ".", " "]).join(chance.choices(WORDS, k=chance.randint(1, 4)))
        keys.append(text)
        others = (text, 1), ((text, 2), 0.5), text.encode(), f"('{text}', 1)", f"<{text}>", f"_{text}"
        keys.append(chance.choice(others))
    found = [named for named in map(names, keys) if named]
    packed = msgpack.packb(found, use_bin_type=True)
    (Path(__file__).parent / "keys.bin").write_bytes(packed)
    print(f"{len(found)} keys, {len(packed)} bytes")


if __name__ == "__main__":
    main()

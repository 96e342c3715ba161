"""Normal forms of pyarrow's tables and arrays."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from cenote.tokenize.builtin import hash_buffer
from cenote.tokenize.registry import items, normalize_token


def register() -> None:
    """Register handlers for pyarrow's types."""
    normalize_token.register(pa.Table, normalize_table)
    normalize_token.register(pa.RecordBatch, normalize_table)
    normalize_token.register(pa.ChunkedArray, normalize_chunked_array)
    normalize_token.register(pa.Array, normalize_array)
    normalize_token.register(pa.DictionaryArray, normalize_dictionary_array)

    @normalize_token.register(pa.Buffer)
    def normalize_buffer(buffer: Any) -> Any:
        return "pa.Buffer", hash_buffer(buffer)


def normalize_table(table: Any) -> Any:
    """Schema and columns."""
    return f"pa.{type(table).__name__}", normalize_token(table.schema), items(table.columns)


def normalize_chunked_array(array: Any) -> Any:
    """Type and items; how they are cut into chunks does not count."""
    chunks = array.chunks
    whole = pa.concat_arrays(chunks) if len(chunks) > 1 else chunks[0] if chunks else pa.array([], array.type)
    return "pa.ChunkedArray", normalize_token(whole)


def normalize_array(array: Any) -> Any:
    """Type, length, and the memory that counts."""
    # a slice shares the memory of the whole: joining it with nothing copies its own part
    try:
        array = pa.concat_arrays([array, array.slice(0, 0)])
        place: tuple[int, ...] = (len(array),)
    except pa.ArrowNotImplementedError:
        place = (len(array), array.offset)
    buffers = array.buffers()
    if buffers and array.null_count == 0:
        buffers[0] = None  # a bitmap that says "all valid" and none mean the same
    return "pa.Array", normalize_token(array.type), place, items(buffers)


def normalize_dictionary_array(array: Any) -> Any:
    """Indices and dictionary."""
    return (
        "pa.DictionaryArray",
        normalize_token(array.type),
        normalize_token(array.indices),
        normalize_token(array.dictionary),
    )

"""Chooses the columns of a Parquet or Arrow file that are read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from ....errors import SourceError
from ..columns import check_columns, listed, role_columns
from ..options import SourceOptions


@dataclass(frozen=True, slots=True)
class Selection:
    """What is read of a table.

    Attributes:
        names: The columns that are read.
        note: Which columns are not, because JSON has no such values; "" where there is none.
    """

    names: frozenset[str]
    note: str


def select_columns(schema: pa.Schema, options: SourceOptions) -> Selection:
    """Select the columns of the id, the title and the text, and those of the metadata that JSON has values for."""
    roles = role_columns(options, schema.names)
    names = {name for name in schema.names if name in roles}
    left_out: list[str] = []
    for field in cast("Iterator[pa.Field[Any]]", iter(schema)):
        if field.name in roles or not options.keeps(field.name):
            continue
        if _has_json_values(field.type):
            names.add(field.name)
        else:
            left_out.append(f"{field.name} ({field.type})"[:200])
    note = f"left out the columns {listed(left_out)}: metadata hold no bytes and no intervals" if left_out else ""
    return Selection(frozenset(names), note)


def check_table(path: Path, names: Sequence[str], options: SourceOptions) -> None:
    """Raise ``SourceError`` unless a table has the columns it needs, each of them once."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SourceError(f"{path} has more than one column named {twice!r}; rename one of them")
    check_columns(options, names, path)


def _has_json_values(kind: Any) -> bool:  # noqa: ANN401 - PyArrow's stubs leave half of its types unknown
    if isinstance(kind, pa.UuidType):
        return True
    if isinstance(kind, pa.BaseExtensionType):
        return _has_json_values(kind.storage_type)
    if isinstance(kind, pa.DictionaryType | pa.RunEndEncodedType):
        return _has_json_values(cast("Any", kind).value_type)
    types = pa.types
    if any(is_kind(kind) for is_kind in (types.is_binary, types.is_large_binary, types.is_binary_view)):
        return False
    if types.is_fixed_size_binary(kind) or types.is_interval(kind):
        return False
    return all(_has_json_values(kind.field(index).type) for index in range(kind.num_fields))

"""SegmentFields: the metadata of a segment, field by field, for filters.

Most fields are columns of ``metadata.arrow``. The others (of several types, nested, or beyond the first 256) are
collected from the documents when a filter first names them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from ..metadata import FieldColumns, columns_of_array, columns_of_values, first_keys, member, parse_json
from .metadata import MAX_COLUMNS, MAX_NAME, MAX_UNFILTERABLE, ROWS, UNFILTERABLE

_ARROW: Any = pc  # the stubs know no kernel that takes an array of any type


class SegmentFields:
    """The fields of a segment. Columns that were collected are kept, so that the next filter has them at once."""

    def __init__(
        self,
        columns: pa.RecordBatch,
        metadata: Callable[[], Iterable[Any]],
        ids: Callable[[], Any],
    ) -> None:
        """Keep the parts that fields are made from.

        Args:
            columns: What ``metadata.arrow`` holds.
            metadata: The metadata of all rows as JSON, in Arrow arrays of some rows each.
            ids: The ids of all rows, as one Arrow array.
        """
        self.rows = columns.num_rows
        self._columns: Any = columns
        self._metadata = metadata
        self._make_ids = ids
        self._reasons = cast("Mapping[str, str]", json.loads((columns.schema.metadata or {}).get(UNFILTERABLE, b"{}")))
        self._stored = set(columns.schema.names) - {ROWS}
        self._made: dict[str, FieldColumns] = {}

    def names(self) -> set[str]:
        """The names of the first fields of the segment, those of nested objects not among them."""
        left_out = {name for name, reason in self._reasons.items() if reason.startswith("it is not among")}
        return self._stored | (set(self._reasons) - left_out)

    def field(self, name: str) -> FieldColumns:
        """The values of a field; without any where the segment does not have it."""
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = self._make(name)
        return made

    def ids(self) -> FieldColumns:
        """The ids of the documents, as if they were a field."""
        return columns_of_array(self._make_ids().cast(pa.large_utf8()))

    def _make(self, name: str) -> FieldColumns:
        keys = first_keys(name)
        if not self._is_elsewhere(name, keys):
            return columns_of_array(self._columns.column(name)) if name in self._stored else FieldColumns(self.rows, {})
        is_too_much = "MiB" in self._reasons.get(name, "")
        return columns_of_values(self._values(name, keys), self.rows, keep=not is_too_much)

    def _is_elsewhere(self, name: str, keys: Iterable[str]) -> bool:
        """Whether the field may have values that are not in its column."""
        if any(key in self._reasons for key in keys):
            return True
        # Not every field that is left out is recorded.
        is_cut = len(self._reasons) >= MAX_UNFILTERABLE - MAX_COLUMNS
        return name not in self._stored and (is_cut or any(len(key) > MAX_NAME for key in keys))

    def _values(self, name: str, keys: Iterable[str]) -> Iterator[tuple[int, object]]:
        """The rows that may have the field, with its value."""
        quoted = [json.dumps(key) for key in keys]
        first_row = 0
        for texts in self._metadata():
            may_have = None
            for key in quoted:  # most documents without the field are not even parsed
                has_key = _ARROW.match_substring(texts, key)
                may_have = has_key if may_have is None else _ARROW.or_(may_have, has_key)
            for row in _ARROW.indices_nonzero(may_have).to_pylist():
                yield first_row + row, member(parse_json(texts[row].as_py()), name)
            first_row += len(texts)

"""Reads Excel files with openpyxl, row by row: a part for each sheet. Importing this module imports openpyxl."""

import warnings
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import IO, Any

from openpyxl import load_workbook

from ..budget import MAX_ROW_BYTES
from .parts import FileProblem, Limits, Part, open_zip

_MIDNIGHT = time()


def read_sheets(file: IO[bytes], limits: Limits) -> Iterator[Part]:
    """Yield the sheets that have values, with a line for each row: of formulas the value that was stored with them."""
    with open_zip(file) as archive:
        limits.check_zip(archive, tree=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what openpyxl does not know of a sheet, none of which is text
        workbook: Any = load_workbook(file, read_only=True, data_only=True)
    title = " ".join((workbook.properties.title or "").split())
    for sheet in workbook.worksheets:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = limits.spend("\n".join(_lines(sheet, limits)))
        if text.strip():
            yield Part(sheet.title, text, title, {"sheet": sheet.title})


def _lines(sheet: Any, limits: Limits) -> Iterator[str]:  # noqa: ANN401 - a sheet of openpyxl
    characters = 0
    for row in sheet.iter_rows(values_only=True):
        line = " | ".join(_shown(value) for value in row if value is not None)
        if not line:
            continue
        characters += len(line) + 1
        if characters > MAX_ROW_BYTES:
            reason = f"the sheet {sheet.title!r:.80} has more than the {MAX_ROW_BYTES:,} characters of one text"
            raise FileProblem("size", reason)
        limits.check_time()
        yield line


def _shown(value: object) -> str:
    match value:
        case datetime() if value.time() == _MIDNIGHT:
            return value.date().isoformat()
        case date() | time():
            return value.isoformat()
        case _:
            return " ".join(str(value).split())

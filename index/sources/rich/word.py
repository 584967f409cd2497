"""Reads Word files with python-docx: a part for each section under a heading. Importing this module imports docx."""

from collections import Counter
from collections.abc import Iterator
from typing import IO

import docx
from docx.table import Table
from docx.text.paragraph import Paragraph

from .parts import Limits, Part, open_zip


def read_word(file: IO[bytes], limits: Limits) -> Iterator[Part]:
    """Yield the sections that have text; what stands before the first heading is one, too."""
    with open_zip(file) as archive:
        limits.check_zip(archive, tree=True)
    document = docx.Document(file)
    about: dict[str, object] = {"language": said} if (said := document.core_properties.language) else {}
    title = " ".join(document.core_properties.title.split())
    heading, lines = "", list[str]()
    keys: Counter[str] = Counter()
    for block in document.iter_inner_content():
        if isinstance(block, Paragraph) and _is_title(block) and not title:
            title = " ".join(block.text.split())
        elif isinstance(block, Paragraph) and _is_heading(block):
            yield from _section(heading, lines, title, about, keys)
            heading, lines = " ".join(block.text.split()), []
        else:
            lines += [limits.spend(line) for line in _lines(block)]
    yield from _section(heading, lines, title, about, keys)


def _section(
    heading: str, lines: list[str], title: str, about: dict[str, object], keys: Counter[str]
) -> Iterator[Part]:
    text = "\n".join(lines)
    if not text.strip() and not heading:
        return
    keys[heading] += 1
    key = f"{heading or 'beginning'}" + (f" ({keys[heading]})" if keys[heading] > 1 else "")
    place = {"heading": heading} if heading else {}
    yield Part(key, f"{heading}\n{text}".strip(), title, {**place, **about})


def _lines(block: Paragraph | Table) -> Iterator[str]:
    if isinstance(block, Paragraph):
        yield block.text
        return
    for row in block.rows:
        yield " | ".join(cell.text for cell in row.cells)


def _style(paragraph: Paragraph) -> str:
    name = None if paragraph.style is None else paragraph.style.name
    return (name or "").lower()


def _is_heading(paragraph: Paragraph) -> bool:
    return _style(paragraph).startswith("heading") and bool(paragraph.text.strip())


def _is_title(paragraph: Paragraph) -> bool:
    return _style(paragraph) == "title" and bool(paragraph.text.strip())

"""Reads PowerPoint files with python-pptx: a part for each slide with notes. Importing this module imports pptx."""

from collections.abc import Iterable, Iterator
from typing import IO, Any

from pptx import Presentation

from .parts import Limits, Part, open_zip

_DEEPEST = 20
"""Of groups in groups."""


def read_slides(file: IO[bytes], limits: Limits) -> Iterator[Part]:
    """Yield the slides that have text."""
    with open_zip(file) as archive:
        limits.check_zip(archive, tree=True)
    presentation: Any = Presentation(file)
    title = " ".join((presentation.core_properties.title or "").split())
    if title == "PowerPoint Presentation":  # what the program writes by itself
        title = ""
    for number, slide in enumerate(presentation.slides, start=1):
        texts = list(_texts(slide.shapes))
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            texts.append(slide.notes_slide.notes_text_frame.text)
        text = limits.spend("\n".join(text for text in texts if text.strip()))
        shape = slide.shapes.title
        heading = " ".join(shape.text_frame.text.split()) if shape is not None else ""
        if text.strip():
            yield Part(f"slide={number}", text, title, {"slide": number, **({"heading": heading} if heading else {})})


def _texts(shapes: Iterable[Any], depth: int = 0) -> Iterator[str]:
    for shape in shapes:
        if hasattr(shape, "shapes") and depth < _DEEPEST:  # a group
            yield from _texts(shape.shapes, depth + 1)
        elif shape.has_text_frame:
            yield shape.text_frame.text
        elif getattr(shape, "has_table", False):
            for row in shape.table.rows:
                yield " | ".join(cell.text for cell in row.cells)

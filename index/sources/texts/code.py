"""Reads source code, and notebooks of Jupyter: their text and code, without what the code has printed."""

import json
from typing import cast

from .markdown import read_markdown
from .page import PageError, TextPage

LANGUAGES = {
    **dict.fromkeys((".py", ".pyi"), "Python"),
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx"), "JavaScript"),
    **dict.fromkeys((".ts", ".tsx"), "TypeScript"),
    **dict.fromkeys((".c", ".h"), "C"),
    **dict.fromkeys((".cc", ".cpp", ".cxx", ".hh", ".hpp"), "C++"),
    **dict.fromkeys((".sh", ".bash", ".zsh"), "Shell"),
    **dict.fromkeys((".kt", ".kts"), "Kotlin"),
    ".cs": "C#",
    ".go": "Go",
    ".hs": "Haskell",
    ".java": "Java",
    ".jl": "Julia",
    ".lua": "Lua",
    ".php": "PHP",
    ".pl": "Perl",
    ".r": "R",
    ".rb": "Ruby",
    ".rs": "Rust",
    ".scala": "Scala",
    ".sql": "SQL",
    ".swift": "Swift",
    ".tex": "TeX",
}
"""The endings of source code that are read, and the language that each stands for."""
NOTEBOOK = ".ipynb"


def read_notebook(content: str) -> TextPage:
    """Return the page. Its title is the first heading of the first level."""
    try:
        notebook: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise PageError("damaged", f"it is not a notebook: {error}") from None
    cells = list(_cells(notebook))
    text = "\n\n".join(source for _, source in cells)
    title = read_markdown("\n\n".join(source for kind, source in cells if kind == "markdown")).title
    language = _member(_member(_member(notebook, "metadata"), "kernelspec"), "language")
    return TextPage(text, title, {"language": language.capitalize()} if isinstance(language, str) and language else {})


def _cells(notebook: object) -> list[tuple[object, str]]:
    """Return the kind and the source of each cell, also of format 3, where they are in worksheets."""
    worksheets = _listed(_member(notebook, "worksheets"))
    cells = [cell for sheet in worksheets for cell in _listed(_member(sheet, "cells"))]
    cells += _listed(_member(notebook, "cells"))
    sources = [(_member(cell, "cell_type"), _source(cell)) for cell in cells]
    return [(kind, source) for kind, source in sources if source.strip()]


def _source(cell: object) -> str:
    source = _member(cell, "source") or _member(cell, "input")
    lines = [source] if isinstance(source, str) else _listed(source)
    return "".join(line for line in lines if isinstance(line, str)).encode("utf-8", "replace").decode()


def _member(value: object, name: str) -> object:
    return cast("dict[str, object]", value).get(name) if isinstance(value, dict) else None


def _listed(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []

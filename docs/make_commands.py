"""Write ``docs/commands.md``, the command reference, from what ``--help`` prints."""

import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import typer
from bicross.pipelines.commands.app import app, main

PAGE = Path(__file__).parent / "commands.md"
INTRODUCTION = """\
# Commands

This page is generated from what each command prints with `--help`; `make docs` writes it anew. Every command exits
with 0 after success, 1 after a failure, and 2 where it was used wrongly. Ctrl-C ends a command at once, whatever it is
doing, with 130, and SIGTERM with 143; it says what it leaves behind. `-h` is short for `--help`.
"""


def commands(command: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:  # noqa: ANN401 (click's)
    """The words after ``bicross`` that name each command and each group of commands, groups first."""
    command = command or typer.main.get_command(app)
    yield words
    names = command.list_commands(None) if hasattr(command, "list_commands") else []
    for name in names:
        inner = command.get_command(None, name)
        if not inner.hidden:  # as the former names of commands are
            yield from commands(inner, (*words, name))


def help_of(words: tuple[str, ...]) -> str:
    """What a command prints with ``--help``, 80 columns wide and without colours, wherever this runs."""
    before = {name: os.environ.get(name) for name in ("COLUMNS", "TERMINAL_WIDTH", "NO_COLOR")}
    os.environ.update(COLUMNS="80", TERMINAL_WIDTH="80", NO_COLOR="1")
    try:
        with redirect_stdout(StringIO()) as printed:
            main([*words, "--help"])
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return "\n".join(line.rstrip() for line in printed.getvalue().strip().splitlines())


def page() -> str:
    """The whole page."""
    sections = [INTRODUCTION]
    for words in commands():
        title = " ".join(("bicross", *words))
        sections.append(f"## {title}\n\n```text\n{help_of(words)}\n```\n")
    return "\n".join(sections)


if __name__ == "__main__":
    text = page()
    if not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:  # tests may read it at the same time
        PAGE.write_text(text, encoding="utf-8")

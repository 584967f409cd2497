"""Errors of the library name the parameters of Python; a command names its options instead."""

import re
from collections.abc import Iterable
from typing import Any

_BOTH = re.compile(r"(?<![\w'\"./-])[a-z_]+(?:='[a-z]+')? \((--[a-z-]+)\)")
"""A parameter with its option, as in ``on_error='skip' (--skip-errors)``, where their names differ."""


def with_option_names(text: str, commands: Iterable[Any]) -> str:
    """Replace the names of parameters in a message by the options of a command.

    A name with an underscore is a parameter wherever it stands, except in quotes, where it is a value. A plain word is
    one before an equals sign, ``overwrite=True`` becomes ``--overwrite`` and ``device='x'`` ``--device 'x'``, and where
    the message begins with what it must be: ``threshold must be``.
    Where a message names both, the option stays.

    Args:
        text: The message of an error.
        commands: The commands of click whose options are meant, and groups of them.
    """
    text = _BOTH.sub(r"\1", text)
    options = dict(_options(commands))
    names = sorted(options, key=len, reverse=True)
    if not names:
        return text
    words = "|".join(map(re.escape, names))
    parameter = re.compile(
        rf"(?<![\w'\"./-])(?P<name>{words})(?:(?P<set>=True\b)|(?P<equals>=(?=\S))|(?![\w'\"/(-]|\.\S))"
    )

    def option(match: re.Match[str]) -> str:
        name = match["name"]
        if match["equals"]:
            return f"{options[name]} "
        says_what_it_must_be = match.start() == 0 and text.startswith(" must ", match.end())
        if match["set"] or "_" in name or says_what_it_must_be:
            return options[name]
        return match[0]

    return parameter.sub(option, text)


def _options(commands: Iterable[Any]) -> Iterable[tuple[str, str]]:
    for command in commands:
        for parameter in command.params:
            long = [name for name in parameter.opts if name.startswith("--")]
            if long:
                yield parameter.name, long[0]
        yield from _options(getattr(command, "commands", {}).values())

"""Errors of the library name the parameters of Python; a command names its options instead, and none that it lacks."""

import re
from collections.abc import Iterable
from typing import Any

_BOTH = re.compile(r"(?<![\w'\"./-])[a-z_]+(?:='[a-z]+')? \((--[a-z-]+(?: [\w,=]+)?)\)")
"""A parameter with its option, as in ``on_error='skip' (--skip-errors)``, or with an example of its value."""
_OPTION = re.compile(r"(?<![\w`'\"-])--[a-z][a-z-]*")
_COMMAND_LINE = re.compile(r"`[^`]*`|bicross [a-z-]+(?: --[a-z-]+)+")
"""Another command with its own options, as in ``bicross index-terms --language de``."""
MEND = "mend it, or take it out of the file"
"""The remedy where a command cannot leave out what is bad."""


def said_of(error: Exception, commands: Iterable[Any], name: str) -> str:
    """Return the message of an error in the words of a command.

    Where it names an option that this command lacks, it says so; a remedy that needs one is replaced.

    Args:
        error: An error of the library.
        commands: The command of click that is run, or the group of it.
        name: The name of that command.
    """
    commands = list(commands)
    text, remedy = with_option_names(str(error), commands), getattr(error, "remedy", None)
    if not commands:
        return text
    options = {"--help", *(option for command in commands for option in _all_options(command))}
    said = with_option_names(remedy, commands) if isinstance(remedy, str) else ""
    if _named(said) - options:
        text = text.replace(said, MEND)
    lacking = sorted(_named(text) - options)
    if lacking:
        text += f". `bicross {name}` has no {' and no '.join(lacking)}; other commands have"
    return text


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


def _named(text: str) -> set[str]:
    """The options that a message tells its reader to use with the command that is run."""
    return set(_OPTION.findall(_COMMAND_LINE.sub("", text)))


def _all_options(command: Any) -> Iterable[str]:  # noqa: ANN401 - a command of click
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for own in getattr(command, "commands", {}).values():
        yield from _all_options(own)

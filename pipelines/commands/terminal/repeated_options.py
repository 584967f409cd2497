"""An option that is given twice: a list grows, conditions are joined, and anything else is an error.

Click lets the last value count and drops the others without a word.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import typer
from typer.core import TyperCommand

from ....errors import ArgumentError

_LIST_MARK = "[,"
"""What the metavar of an option has whose value is a list: ``NAME[,NAME]...``."""


class CommandGroup(typer.Typer):
    """Commands of which none drops a value of an option that is given more than once."""

    def command(self, name: str | None = None, **options: Any) -> Any:  # noqa: ANN401 - as typer has it
        """Return a decorator that adds a command."""
        return super().command(name, cls=_GivenOnce, **options)


class _GivenOnce(TyperCommand):
    """A command that drops no value of an option that is given more than once."""

    def make_parser(self, ctx: Any) -> Any:  # noqa: ANN401 - typer does not export its own copy of click
        """Return the parser of the command line, whose options look at what was given before."""
        parser: Any = super().make_parser(ctx)
        for option in {id(option): option for option in _options_of(parser)}.values():
            if option.action == "store":
                option.process = partial(_process, option, option.process)
        return parser


def _options_of(parser: Any) -> list[Any]:  # noqa: ANN401
    return [*parser._long_opt.values(), *parser._short_opt.values()]  # typer has no other way to them


def _process(option: Any, store: Callable[[Any, Any], None], value: Any, state: Any) -> None:  # noqa: ANN401
    if option.dest in state.opts:
        value = _joined(option.obj, state.opts[option.dest], value)
    store(value, state)


def _joined(parameter: Any, before: str, value: str) -> str:  # noqa: ANN401
    name = next((name for name in parameter.opts if name.startswith("--")), parameter.opts[0])
    if name == "--where":
        from ....index import join_conditions  # not for a command line without a second one

        return join_conditions(before, value)
    if _LIST_MARK in (parameter.metavar or ""):
        return f"{before},{value}"
    raise ArgumentError(f"{name} was given twice, as {before!r:.80} and as {value!r:.80}: give it once")

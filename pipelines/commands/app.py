"""The command line ``bicross``: its commands, each loaded when it is run, and its exit codes."""

import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from ...errors import ArgumentError, BicrossError

COMMANDS = {
    "index": ("index", "index"),
    "add": ("index", "add"),
    "delete": ("index", "delete"),
    "compact": ("index", "compact"),
    "rollback": ("index", "rollback"),
    "verify": ("index", "verify"),
    "retokenize": ("index", "retokenize_command"),
    "index-terms": ("index", "index_terms_command"),
    "lexical": ("index", "index_terms_command"),
    "search": ("search", "search_command"),
    "info": ("index", "info"),
    "evaluate": ("evaluate", "evaluate_command"),
    "tune": ("tune", "tune_command"),
    "train": ("train", "train_app"),
    "demo": ("demo", "demo_command"),
}
"""The module and the function of each command."""
FORMER_NAMES = {"lexical"}
"""Commands that still work and that no help names."""


class LazyCommands(TyperGroup):
    """A group that imports the module of a command when that command is asked for."""

    def list_commands(self, ctx: object) -> list[str]:
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: object, cmd_name: str) -> Any:  # noqa: ANN401 - a command of click, which typer brings
        """Return a command; None where there is none of that name."""
        return _load(cmd_name) if cmd_name in COMMANDS else None


app = typer.Typer(
    cls=LazyCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def bicross() -> None:
    """Search your own documents by meaning: a bi-encoder retrieves, a cross-encoder reranks."""


@cache
def _load(name: str) -> Any:  # noqa: ANN401 - a command of click, which typer brings
    module, function = COMMANDS[name]
    command: Any = getattr(import_module(f".{module}", __package__), function)
    if isinstance(command, typer.Typer):
        loaded: Any = typer.main.get_group(command)
        loaded.name = name
        return loaded
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    single.command(name, hidden=name in FORMER_NAMES)(command)
    return typer.main.get_command(single)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is success, 1 a failure, 2 a wrong use."""
    try:
        app(argv, prog_name="bicross")
    except SystemExit as finished:
        return finished.code if isinstance(finished.code, int) else 1
    except ArgumentError as error:
        return _fail(error, 2)
    except (BicrossError, OSError) as error:
        return _fail(error, 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return 0


def _fail(error: object, code: int) -> int:
    sys.stderr.write(f"bicross: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())

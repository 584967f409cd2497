"""The command line ``bicross``: its commands, each loaded when it is run, and its exit codes."""

import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ...errors import ArgumentError, BicrossError

COMMANDS = {
    "index": ("index", "index"),
    "add": ("index", "add"),
    "delete": ("index", "delete"),
    "sync": ("syncing", "sync_command"),
    "compact": ("index", "compact"),
    "rollback": ("index", "rollback"),
    "verify": ("index", "verify"),
    "publish": ("publish", "publish_command"),
    "fetch": ("publish", "fetch_command"),
    "retokenize": ("columns", "retokenize_command"),
    "index-terms": ("columns", "index_terms_command"),
    "lexical": ("columns", "index_terms_command"),
    "precompute": ("columns", "precompute_command"),
    "search": ("search", "search_command"),
    "answer": ("answers", "answer_command"),
    "info": ("index", "info"),
    "evaluate": ("evaluate", "evaluate_command"),
    "tune": ("tune", "tune_command"),
    "train": ("train", "train_app"),
    "score": ("pairs", "score_command"),
    "classify": ("pairs", "classify_command"),
    "duplicates": ("pairs", "duplicates_command"),
    "dedupe": ("pairs", "dedupe_command"),
    "cluster": ("pairs", "cluster_command"),
    "context": ("answers", "context_command"),
    "reply": ("answers", "reply_command"),
    "serve": ("serving", "serve_command"),
    "mcp": ("serving", "mcp_command"),
    "plan": ("plan", "plan_command"),
    "demo": ("demo", "demo_command"),
}
"""The module and the function of each command."""
FORMER_NAMES = {"lexical"}
"""Commands that still work and that no help names."""
GROUPS = {
    "Search": {
        "search": "Search an index",
        "serve": "Serve indexes to programs over HTTP, and to people by a page",
        "mcp": "Let agents search indexes, by the Model Context Protocol",
        "info": "Show what an index holds and which model made it",
        "demo": "Index the documentation of the installed Python, and search it",
    },
    "Build and change an index": {
        "index": "Build an index from a document collection",
        "add": "Add the documents of a collection to an index",
        "delete": "Delete documents by id, or by what their metadata say",
        "sync": "Make an index equal to a source: add what is new, replace what changed, delete what is gone, in one "
        "commit",
    },
    "Look after an index": {
        "compact": "Rewrite an index without what was deleted",
        "rollback": "Make an older generation the newest again",
        "verify": "Check every file of an index, and that its parts agree",
        "publish": "Publish an index to an object store, from where it can be searched by its URL",
        "fetch": "Copy a published index to a folder, where it can be changed and published again",
        "retokenize": "Keep the token ids of all passages for another reranker",
        "index-terms": "Keep the terms of all passages, for searches by BM25",
        "precompute": "Keep the token vectors of all passages, so that searches rerank faster",
    },
    "Compare and answer": {
        "score": "Score pairs of texts: how similar they are, or how probable a label is",
        "classify": "Find the label of each pair of texts, such as entailment, or of each document",
        "duplicates": "Find the documents of a file or an index that say the same, in groups",
        "dedupe": "Write a file without its duplicates; of each group of documents that say the same, one stays",
        "cluster": "Put the documents of a file or an index into clusters by what they are about, each with a label",
        "answer": "Answer questions with the words of an index's documents, or say that there is no answer",
        "context": "Print the passages that a language model should read for a question, with citations",
        "reply": "Find replies to a dialogue among past exchanges",
    },
    "Measure and improve": {
        "evaluate": "Measure how well an index answers judged queries, before and after reranking",
        "tune": "Find from judged queries whether and how deep to rerank, and with which blend, and store that in the "
        "index",
        "train": "Train models for your own collection",
        "plan": "Estimate the machines, memory, disk, hours and network that a collection needs",
    },
}
"""The commands under the headings of the help, each with the first sentence of its own help, which imports numpy."""
INTERRUPTED = 130
"""What typer makes of a ``KeyboardInterrupt``, and shells of Ctrl-C."""
HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class LazyCommands(TyperGroup):
    """A group that imports the module of a command when that command is asked for."""

    def list_commands(self, ctx: object) -> list[str]:
        """Return the names in the order of the help."""
        return [name for names in GROUPS.values() for name in names]

    def get_command(self, ctx: object, cmd_name: str) -> Any:  # noqa: ANN401 - a command of click, which typer brings
        """Return a command; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        _asked[:] = [cmd_name]
        return _load(cmd_name)

    def format_commands(self, ctx: object, formatter: Any) -> None:  # noqa: ANN401 - a formatter of click
        """Write the commands under their headings, each with the whole first sentence of its help."""
        for heading, summaries in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl(list(summaries.items()))


app = typer.Typer(
    cls=LazyCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=HELP_OPTIONS,
)


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it
    if asked:
        typer.echo(f"bicross {version('bicross')}")
        raise typer.Exit


@app.callback()
def bicross(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Search your own documents by meaning: a bi-encoder retrieves, a cross-encoder reranks."""


@cache
def _load(name: str) -> Any:  # noqa: ANN401 - a command of click, which typer brings
    from .terminal import CommandGroup

    module, function = COMMANDS[name]
    command: Any = getattr(import_module(f".{module}", __package__), function)
    if isinstance(command, typer.Typer):
        loaded: Any = typer.main.get_group(command)
        loaded.name = name
    else:
        single = CommandGroup(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        single.command(name, hidden=name in FORMER_NAMES, context_settings=HELP_OPTIONS)(command)
        loaded = typer.main.get_command(single)
    return loaded


_asked: list[str] = []
"""The command that is run: its options are what an error may name."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 is success, 1 a failure, 2 a wrong use.

    Without ``argv`` this is the program itself: an interrupt ends the process at once, whatever its threads compute,
    with 130 after Ctrl-C and 143 after SIGTERM, or with the code of the command once that is done.
    """
    if argv is not None or threading.current_thread() is not threading.main_thread():
        return _run(argv)
    from .terminal import ending_process  # not for a program that calls main with arguments

    code = None
    try:
        with ending_process() as heard:
            try:
                code = _run(None)
            except Exception:
                if heard.number is None:
                    raise
                code = 1
            if heard.number is not None and code not in (0, INTERRUPTED):
                code = _interrupted()  # where a library is interrupted, it may raise an error of its own
            with suppress(OSError):  # Python tries again, and says so
                sys.stdout.flush()
            if heard.number is not None:  # threads that compute would hold the exit
                os._exit(128 + heard.number if code else 0)
            heard.code = code
    except KeyboardInterrupt as interrupt:  # in the few instructions before or after the command
        if code is None:
            _interrupted()
            return 128 + getattr(interrupt, "number", signal.SIGINT)
    return code


def _run(argv: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        # A terminal whose encoding lacks a character shows a question mark, where Python would raise.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    try:
        app(argv, prog_name="bicross")
    except SystemExit as finished:
        code = finished.code if isinstance(finished.code, int) else 1
        return _interrupted() if code == INTERRUPTED else code
    except KeyboardInterrupt:
        return _interrupted()
    except ArgumentError as error:
        return _fail(error, 2)
    except (BicrossError, OSError) as error:
        return _fail(error, 1)
    return 0


def _interrupted() -> int:
    from .terminal import said_on_interrupt, write_interrupted

    write_interrupted(said_on_interrupt())
    return INTERRUPTED


def _fail(error: Exception, code: int) -> int:
    from .terminal import said_of

    text = str(error)
    if isinstance(error, BicrossError) and _asked:
        [name] = _asked
        text = said_of(error, [_load(name)], name)
    sys.stderr.write("\n".join([f"bicross: {text}", *getattr(error, "__notes__", ())]) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())

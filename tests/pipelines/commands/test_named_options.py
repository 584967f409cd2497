"""No error names an option that the command does not have without saying so, and no text one that no command has."""

import ast
import re
from pathlib import Path

import pytest
import typer
from bicross.pipelines.commands.app import COMMANDS, app
from helpers.commands import run
from helpers.fakes import HashEncoder

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"(?<![\w'\"-])--[a-z][a-z-]*")
OTHER_PROGRAMS = {"--force-reinstall", "--head"}  # of pip, of ray
BAD_FILES = {
    "broken.jsonl": b'{"id": "a", "text": "b"}\n{"id": \n',
    "empty-row.jsonl": b'{"id": "a", "text": "b"}\n{"id": "c", "text": ""}\n',
    "columns.csv": b"a;b\n1;2\n",
    "quote.csv": b'id,text\na,b\nc,"not closed\n',
    "fields.csv": b"id,text\na,b\nc,d,e\n",
    "latin.csv": b"id,text\na,caf\xe9\n",
    "bytes.jsonl.gz": b"\x1f\x8b\x08\x00",
    "rows.unknown": b"a",
    "folder": None,
}
COMMAND_LINES = {
    "index": "index {} -o new",
    "duplicates": "duplicates {}",
    "dedupe": "dedupe {0} new{1}",
    "cluster": "cluster {}",
    "classify": "classify {} --labels a,b --model nowhere",
}


def options_of(command):
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for own in getattr(command, "commands", {}).values():
        yield from options_of(own)


@pytest.fixture(scope="module")
def options():
    group = typer.main.get_command(app)
    return {name: {"--help", "--version", *options_of(group.get_command(None, name))} for name in COMMANDS}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for module in ("commands.index", "pairs.sources"):
        monkeypatch.setattr(f"bicross.pipelines.{module}.load_encoder", lambda *_, **__: HashEncoder())
    for name, content in BAD_FILES.items():
        if content is None:
            Path(name).mkdir()
        else:
            Path(name).write_bytes(content)


@pytest.mark.parametrize("command", COMMAND_LINES)
def test_an_error_names_options_of_the_command_alone(capsys, options, command):
    named = set()
    for file in BAD_FILES:
        line = COMMAND_LINES[command].format(file, Path(file).suffix)
        code, out, err = run(capsys, *line.split())
        assert (code in (1, 2), out) == (True, ""), file
        own, _, lacking = err.partition(f". `bicross {command}` has no ")
        foreign = set(NAMED.findall(re.sub("`[^`]*`", "", own))) - options[command]
        assert foreign == set(NAMED.findall(lacking)), file
        named |= set(NAMED.findall(own)) - foreign
    assert len(named) >= 2  # the remedies are still there


def test_a_row_that_cannot_be_left_out_is_to_be_mended(capsys):
    assert run(capsys, "index", "broken.jsonl", "-o", "new")[2].endswith(
        "; --skip-errors leaves out what is bad, and lists it\n"
    )
    for command in ("duplicates", "cluster"):
        err = run(capsys, command, "broken.jsonl")[2]
        assert err.endswith("; mend it, or take it out of the file\n")
        assert "--skip-errors" not in err


def test_every_option_that_a_text_names_is_one_of_a_command(options):
    every = set().union(*options.values()) | OTHER_PROGRAMS
    texts = [
        (path, node.value)
        for package in ("errors", "index", "inference", "pipelines", "rerank", "retrieval", "training")
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    wrong = {(path.name, option) for path, text in texts for option in NAMED.findall(text) if option not in every}
    assert not wrong

"""An argument or option with bytes that are not UTF-8 is answered or refused with a message, in every command."""

import json
from pathlib import Path

import pytest
import typer
from bicross.index import Document
from bicross.pipelines import build_index
from bicross.pipelines.commands.app import app
from helpers.commands import run
from helpers.fakes import HashEncoder, OverlapReranker

NO_TEXT = "\udcff"
"""What Python makes of the byte 255 of a command line."""
RIGHT = {"path": "index", "queries": "text", "ids": "1", "judged": "judged", "data": "judged", "output": "out"}
OF_MODELS = ("encoder", "reranker", "model", "device")
"""Options that load models; here every name of an encoder is a fake."""


def commands(command, *names):
    """Every command with the words that call it."""
    if hasattr(command, "list_commands"):
        for name in command.list_commands(None):
            yield from commands(command.get_command(None, name), *names, name)
    elif names != ("demo",):  # whose documents are those of Python
        yield names, command


COMMANDS = {" ".join(names): command for names, command in commands(typer.main.get_command(app))}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for module in ("pipelines.models", "pipelines.commands.index"):
        for function in ("load_encoder", "open_encoder"):
            monkeypatch.setattr(f"bicross.{module}.{function}", lambda *_, **__: HashEncoder())
    monkeypatch.setattr("bicross.pipelines.search.opening.open_reranker", lambda *_, **__: OverlapReranker())
    documents = [Document(str(number), f"text number {number}") for number in range(3)]
    build_index(documents, "index", encoder=HashEncoder(), reranker=None, lexical=True)
    rows = [{"id": str(number), "text": f"text {number}"} for number in range(3)]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("judged").mkdir()


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_bytes_that_are_no_text_are_an_error_with_a_message(name, capsys):
    """It is answered where the option changes nothing, such as the file of bad rows where no row is bad."""
    parameters = COMMANDS[name].params
    required = [p for p in parameters if p.required or p.name in ("queries", "ids", "source", "sources")]
    for wrong in parameters:
        if wrong.is_eager or getattr(wrong, "is_flag", False) or wrong.name in OF_MODELS:
            continue
        words = name.split()
        for parameter in parameters:
            if parameter in required or parameter is wrong:
                value = NO_TEXT if parameter is wrong else RIGHT.get(parameter.name, "rows.jsonl")
                words += [value] if parameter.param_type_name == "argument" else [parameter.opts[-1], value]
        code, _, err = run(capsys, *words)
        assert code in (0, 1, 2), words
        assert code == 0 or err.strip(), words
        assert "Traceback" not in err

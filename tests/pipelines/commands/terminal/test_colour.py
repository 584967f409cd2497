"""Commands use colour in a terminal that has it, and nowhere else."""

import os
import re
import sys

import pytest
from bicross.index import Document
from bicross.pipelines import build_index
from bicross.pipelines.commands import main
from helpers.commands import replace_models, run
from helpers.fakes import HashEncoder

ENCODER = HashEncoder()
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d|10\d)(?:;\d+)*m")
ESCAPE = "\x1b"


@pytest.fixture(autouse=True)
def no_real_models(monkeypatch):
    replace_models(monkeypatch, ENCODER)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("colour") / "index"
    document = Document("owl", "an owl hunts mice", "Owls", {"page": 3})
    build_index([document], path, encoder=ENCODER, reranker=None)
    return path


def in_terminal(index, monkeypatch, *, kind="xterm-256color", no_colour=None):
    """What `bicross search` writes to a terminal of this kind."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", kind)
    if no_colour is not None:
        monkeypatch.setenv("NO_COLOR", no_colour)
    master, slave = os.openpty()
    try:
        with os.fdopen(slave, "w", encoding="utf-8") as terminal, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            assert main(["search", str(index), "owl"]) == 0
            terminal.flush()
            return os.read(master, 1 << 16).decode()
    finally:
        os.close(master)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_a_terminal_shows_results_in_colour(index, monkeypatch):
    shown = in_terminal(index, monkeypatch)
    assert COLOUR.search(shown)
    assert re.search(r"\x1b\[36mowl", shown), "the id of a document is cyan"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
@pytest.mark.parametrize(("kind", "no_colour"), [("xterm-256color", "1"), ("dumb", None)])
def test_there_is_no_colour_where_the_user_or_the_terminal_has_none(index, monkeypatch, kind, no_colour):
    shown = in_terminal(index, monkeypatch, kind=kind, no_colour=no_colour)
    assert "Owls" in shown
    assert not COLOUR.search(shown)


def test_a_pipe_gets_no_escape_sequences(index, capsys, monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    code, out, err = run(capsys, "search", index, "owl")
    assert (code, "Owls" in out, ESCAPE in out + err) == (0, True, False)

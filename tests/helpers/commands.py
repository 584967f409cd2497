"""Runs a command of bicross in this process."""

from collections.abc import Sequence
from typing import Any

import pytest
from bicross.pipelines.commands import main
from bicross.rerank import Reranker
from bicross.retrieval import Encoder

from helpers.fakes import OverlapReranker


def replace_models(monkeypatch: pytest.MonkeyPatch, encoder: Encoder, reranker: Reranker | None = None) -> None:
    """Make the commands that search open these models, whatever they name; no reranker where they want none."""
    reranker = OverlapReranker() if reranker is None else reranker
    monkeypatch.setattr("bicross.pipelines.models.open_encoder", lambda index, name, device, dtype: encoder)
    monkeypatch.setattr(
        "bicross.pipelines.search.opening.open_reranker", lambda name, device, dtype: reranker if name else None
    )


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str, str]:
    """Its exit code, and what it wrote to standard output and to standard error."""
    code = main([str(argument) for argument in arguments])
    output = capsys.readouterr()
    return code, output.out, output.err


def replaced(options: Sequence[str], more: Sequence[str]) -> list[str]:
    """Options with a value each, but those that ``more`` gives; a command refuses a second value."""
    pairs = zip(options[::2], options[1::2], strict=True)
    return [part for name, value in pairs if name not in more for part in (name, value)] + [*more]

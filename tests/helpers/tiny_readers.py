"""Extractive readers: tiny random ones of every architecture, and a fake that answers with capitalised words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bicross.rerank import UNCALIBRATED
from bicross.rerank.readers import Span

from helpers import tiny_architectures


def save_reader(folder: Path, name: str = "bert", *, outputs: int = 2, seed: int = 0) -> Path:
    """A reader as transformers saves it."""
    from transformers import AutoModelForQuestionAnswering

    model, tokenizer = tiny_architectures.new_model(
        name, AutoModelForQuestionAnswering, seed, **({} if outputs == 2 else {"num_labels": outputs})
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


class CapitalReader:
    """Answers with the words that begin with a capital letter, the longer the surer; "..." has no answer."""

    calibration = UNCALIBRATED
    no_answer_below = 0.5

    def __init__(self) -> None:
        self.calls: list[list[tuple[str, str]]] = []

    def read(
        self, pairs: Sequence[tuple[str, str]], *, spans: int = 1, max_answer_tokens: int = 30
    ) -> list[list[Span]]:
        self.calls.append(list(pairs))
        return [self._spans(passage)[:spans] for _, passage in pairs]

    @staticmethod
    def _spans(passage: str) -> list[Span]:
        spans, at = [], 0
        for word in passage.split():
            start = passage.index(word, at)
            at = start + len(word)
            bare = word.rstrip(".,")
            if bare[:1].isupper():
                spans.append(Span(bare, start, start + len(bare), len(bare) - 4.0))
        return sorted(spans, key=lambda span: -span.score)

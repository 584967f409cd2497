"""The command ``bicross answer``."""

import re
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ....models import DEFAULT_READER, DEFAULT_RERANKER
from ..options import (
    AsJson,
    Device,
    FirstStageName,
    IndexEncoder,
    IndexPlace,
    ModelName,
    Precision,
    Rerank,
    RetrieveK,
    Where,
)

if TYPE_CHECKING:
    from rich.text import Text

    from ...answers import Answer

_AROUND = 200
"""Characters of a passage that are shown before and after an answer, where its sentence is longer."""
_BORDER = re.compile(r"[.!?]\s|[。！？\n]")
_END = re.compile(r"[.!?](?=\s|$)|[。！？\n]")


def answer_command(
    path: IndexPlace,
    questions: Annotated[list[str], typer.Argument(metavar="QUESTION...", help="One question or several.")],
    *,
    top_k: Annotated[int, typer.Option(help="The most answers to a question.")] = 3,
    read_k: Annotated[
        int | None, typer.Option(help="Passages that are read, the best after reranking; default: 10.")
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            help="Leave out answers of less confidence, a number from 0 to 1; default: what the reader was tuned to."
        ),
    ] = None,
    first_stage: FirstStageName = None,
    retrieve_k: RetrieveK = None,
    reader: ModelName = DEFAULT_READER,
    rerank: Rerank = None,
    reranker: ModelName = DEFAULT_RERANKER,
    encoder: IndexEncoder = None,
    where: Where = None,
    device: Device = None,
    dtype: Precision = "float32",
    as_json: AsJson = False,
) -> None:
    """Answer questions with the words of an index's documents, or say that there is no answer.

    Example: bicross answer my-index "who wrote the first program?"
    """
    from ....index import Index  # not for --help
    from ...answers import AnswerOptions, AnswerPipeline
    from ...search import SearchOptions, check_queries

    # Mistakes first: to load models takes seconds.
    check_queries(questions)
    options = AnswerOptions(top_k=top_k, read_k=read_k, min_confidence=min_confidence)
    search = SearchOptions(
        first_stage=first_stage,
        retrieve_k=retrieve_k,
        rerank=rerank or None,  # without a reranker, --no-rerank changes nothing
    )
    options.passages_of(search.candidates)
    index = Index.open(path)
    documents = len(index) if where is None else index.count(where)
    from ...progress import doing

    with doing("Loading the models", shown=not as_json and sys.stderr.isatty()):
        pipeline = AnswerPipeline.open(
            index,
            encoder=encoder,
            reranker=None if rerank is False else reranker,
            reader=reader,
            device=device,
            dtype=dtype,
            search=search,
            options=options,
        )
    with pipeline:
        answers = dict(zip(questions, pipeline.answer_batch(questions, where=where), strict=True))
        settings = pipeline.settings
    from ..output import print_json, write_settings

    if as_json:
        for question in questions:
            records = [answer.to_dict() for answer in answers[question]]
            print_json({"question": question, "answers": records, "settings": settings.to_dict()})
        return
    from rich.console import Console

    console = Console(highlight=False)
    for line in (line for question in questions for line in _shown(question, answers[question], documents)):
        console.print(line, soft_wrap=True)
    write_settings(settings)


def _shown(question: str, answers: "Sequence[Answer]", documents: int) -> "Iterator[Text]":
    """Yield the lines for a question."""
    from ..terminal import plain

    title = plain(question)
    title.stylize("bold")
    yield title
    if not answers:
        reason = "the reader is sure of none" if documents else "there are no documents to read"
        yield plain(f"No answer: {reason}.")
    for answer in answers:
        yield from _lines(answer)


def _lines(answer: "Answer") -> "Iterator[Text]":
    """Yield what is shown of an answer: its sentence with the answer highlighted, then its sources."""
    from ..terminal import plain

    before, after = in_sentence(answer.document.text, answer.start, answer.end)
    number = plain(f"{answer.rank}. ({answer.confidence:.2f}) ")
    highlighted = plain(answer.text)
    highlighted.stylize("bold reverse")
    yield number + plain(before) + highlighted + plain(after)
    documents = [source.document for source in answer.sources]
    names = [f"{document.title} ({document.id})" if document.title else document.id for document in documents]
    named = plain(f"   {'; '.join(dict.fromkeys(names))}")
    named.stylize("cyan")
    yield named


def in_sentence(text: str, start: int, end: int) -> tuple[str, str]:
    """Return what stands before and after an answer in its sentence, on one line, cut where that is long.

    Args:
        text: The document's text.
        start: The first character of the answer.
        end: The one after its last.
    """
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    borders = [match.end() for match in _BORDER.finditer(before)]
    border = _END.search(after)
    left = before[borders[-1] :] if borders else ("... " if start > _AROUND else "") + before
    right = after[: border.end()] if border else after + (" ..." if end + _AROUND < len(text) else "")
    return _one_line(left.lstrip()), _one_line(right.rstrip())


def _one_line(text: str) -> str:
    return "".join(" " if character.isspace() else character for character in text)

"""The command ``bicross classify``."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from ....errors import ArgumentError
from ....index import Document, read_documents
from ....inference import Dtype
from ....rerank import PairLabel, PairScorer, classify_texts
from ....rerank.pairs import TEMPLATE, entailment_of, hypotheses_of
from ...training.pair_files import PairColumns, TextPair
from ..options import AsJson, Device
from ..output import print_json
from ..terminal import part_written, plain, saying, snippet
from .collections import say_left_out
from .cut_texts import CutTexts
from .options import FirstColumn, Format, SecondColumn, in_parts, pairs_of


@saying(part_written)
def classify_command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="[SOURCE]",
            help="A file of pairs, or with --labels a file or folder of documents; - is standard input, and the "
            "default.",
        ),
    ] = "-",
    *,
    model: Annotated[
        str | None,
        typer.Option(
            help="A model that knows labels: a hub id or a folder. None is bundled; `bicross train pairs` trains one."
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Find which of these labels each document has, by entailment.", metavar="LABEL[,LABEL]..."),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(
            help=f"With --labels: what is said of a document, with {{}} in the place of a label; default: {TEMPLATE}"
        ),
    ] = None,
    several: Annotated[
        bool, typer.Option("--several", help="With --labels: a document may have several of them, or none.")
    ] = False,
    entailment_label: Annotated[
        str | None, typer.Option(help="With --labels: the label by which the model says entailment; default: found.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="The probability from which on a pair has the label that says yes; default: 0.5."),
    ] = None,
    first_column: FirstColumn = None,
    second_column: SecondColumn = None,
    text_column: Annotated[str | None, typer.Option(help="With --labels: where texts stand; default: text.")] = None,
    format: Format = None,  # noqa: A002 - the word that every user knows
    device: Device = None,
    dtype: Annotated[Dtype, typer.Option(help="What the model calculates in.")] = "float32",
    as_json: AsJson = False,
) -> None:
    """Find the label of each pair of texts, such as entailment, or of each document.

    Example: bicross classify pairs.csv --model my-entailment
    """
    if model is None:
        raise ArgumentError(
            "name a model with --model: for entailment and --labels one of natural language inference, such as "
            "cross-encoder/nli-MiniLM2-L6-H768; for pairs any cross-encoder. `bicross train pairs` trains one"
        )
    for_documents = {"template": template, "several": several or None} | {
        "entailment_label": entailment_label,
        "text_column": text_column,
    }
    for_pairs = {"first_column": first_column, "second_column": second_column}
    _refuse(for_documents if labels is None else for_pairs, with_labels=labels is None)
    if labels is None:
        pairs = pairs_of(source, PairColumns(first_column, second_column), format)
        _classify_pairs(pairs, lambda: PairScorer(model, device=device, dtype=dtype), threshold, as_json=as_json)
        return
    names = [name.strip() for name in labels.split(",")]
    template = TEMPLATE if template is None else template
    hypotheses = hypotheses_of(names, template, several=several)
    least = _least(threshold, several=several)
    documents = read_documents(source, format=format, text_column=text_column)
    parts = in_parts(iter(documents))
    scorer = PairScorer(model, device=device, dtype=dtype)
    entailment_of(scorer.labels, model, entailment_label)
    console, cut_texts = Console(), CutTexts(scorer, "document")
    for part in parts:
        texts = [document.passage for document in part]
        cut = cut_texts.of([[(text, hypothesis) for hypothesis in hypotheses] for text in texts])
        labels_of_texts = classify_texts(
            texts,
            names,
            scorer,
            template=template,
            several=several,
            entailment_label=entailment_label,
        )
        for document, label, is_cut in zip(part, labels_of_texts, cut, strict=True):
            if as_json:
                print_json(_document_record(document, label, least) | {"is_cut": is_cut})
            else:
                console.print(_line(document, label, least), soft_wrap=True)
    cut_texts.say()
    say_left_out(documents)


def _refuse(options: Mapping[str, object], *, with_labels: bool) -> None:
    """Refuse options that would change nothing."""
    for name, value in options.items():
        if value is not None:
            needed = "documents, with --labels" if with_labels else "pairs, without --labels"
            raise ArgumentError(f"--{name.replace('_', '-')} is for {needed}: leave it out")


def _classify_pairs(
    pairs: Iterator[TextPair], open_scorer: Callable[[], PairScorer], threshold: float | None, *, as_json: bool
) -> None:
    parts = in_parts(pairs)
    scorer, console = open_scorer(), Console()
    cut_texts = CutTexts(scorer, "pair")
    for part in parts:
        texts = [(pair.first, pair.second) for pair in part]
        cut = cut_texts.of([[pair] for pair in texts])
        for (first, second), label, is_cut in zip(texts, scorer.classify(texts, threshold=threshold), cut, strict=True):
            if as_json:
                print_json({"first": first, "second": second, **_record(label), "is_cut": is_cut})
            else:
                console.print(plain(f"{label.label} {label.score:.4f}  {first} | {second}"), soft_wrap=True)
    cut_texts.say()


def _least(threshold: float | None, *, several: bool) -> float | None:
    """The probability from which on a document has a label; None where it has the most probable one."""
    if threshold is not None and not several:
        raise ArgumentError("threshold is for pairs, or for --several: without them the most probable label counts")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ArgumentError(f"threshold must be a number from 0 to 1, not {threshold}")
    return (0.5 if threshold is None else threshold) if several else None


def _chosen(label: PairLabel, least: float | None) -> list[str]:
    """The labels that a document has."""
    return [label.label] if least is None else [name for name, score in label.scores.items() if score >= least]


def _document_record(document: Document, label: PairLabel, least: float | None) -> dict[str, object]:
    return {"id": document.id, **_record(label), **({} if least is None else {"labels": _chosen(label, least)})}


def _line(document: Document, label: PairLabel, least: float | None) -> Text:
    shown = ", ".join(f"{name} {label.scores[name]:.4f}" for name in _chosen(label, least)) or "none"
    return plain(f"{shown}  {document.id}  {snippet(document.title or document.text)}")


def _record(label: PairLabel) -> dict[str, object]:
    return {"label": label.label, "score": label.score, "scores": label.scores}

"""The options that several commands share, with their names and help texts."""

from pathlib import Path
from typing import Annotated

import typer

from ...errors import ArgumentError
from ...inference import Dtype
from ..choices import FirstStage, LongQueries, PassageScoring

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; by default the fastest there is.")]
Devices = Annotated[
    str | None, typer.Option(help="As for search; several share the work: cuda:0,cuda:1.", metavar="DEVICE[,DEVICE]...")
]
Precision = Annotated[
    Dtype,
    typer.Option(
        "--dtype",
        help="What models calculate in. auto: bfloat16, which is faster, where the hardware has it, else float32. "
        "int8: for reranking, on a CPU.",
    ),
]
Where = Annotated[
    str | None, typer.Option(help="Only documents whose metadata match, as in \"year >= 2020 and source == 'pubmed'\".")
]
Language = Annotated[
    str | None,
    typer.Option(
        help="The language of the terms for BM25: en, de, zh, th, hi, ...; any suits "
        "several languages in one index. Default: en.",
        metavar="CODE",
    ),
]
AnalyzerName = Annotated[
    str | None,
    typer.Option(
        "--analyzer",
        help="In place of --language, the analyzer's own name: unicode-1, snowball-german-1.",
        metavar="NAME",
    ),
]
IndexPath = Annotated[Path, typer.Argument(metavar="INDEX", help="The folder of the index.")]
IndexPlace = Annotated[str, typer.Argument(metavar="INDEX", help="The folder of the index, or its URL in a store.")]
ModelName = Annotated[str, typer.Option(help="A hub id, a folder or a bundled name.")]
IndexEncoder = Annotated[str | None, typer.Option(help="Default: the one that built the index.")]
Rerank = Annotated[
    bool | None,
    typer.Option("--rerank/--no-rerank", help="Rerank or not; default: as tuned, else rerank."),
]
FirstStageName = Annotated[
    FirstStage | None,
    typer.Option(help="How candidates are found; default: as tuned, else as set when the index was built, else dense."),
]
OldFirstStageName = Annotated[FirstStage | None, typer.Option("--stage-one", hidden=True)]
"""The former name of ``--first-stage``."""
FeedbackFlag = Annotated[
    bool | None,
    typer.Option(
        "--feedback/--no-feedback",
        help="Pseudo-relevance feedback: the best document moves the query's vector, and near candidates share scores; "
        "default: as tuned, else as set when the index was built, else not.",
    ),
]
RetrieveK = Annotated[
    int | None,
    typer.Option(
        help="Documents that the first stage retrieves; default: as tuned, else 100, and never fewer than are shown or "
        "reranked."
    ),
]
Passages = Annotated[
    PassageScoring,
    typer.Option(
        help="What the reranker scores of a document: its best passage by the first stage, its first, "
        "or its best 3, of which the highest score or the mean counts."
    ),
]
Adaptive = Annotated[bool, typer.Option("--adaptive", help="Score documents that are near to good candidates, too.")]
CascadeStages = Annotated[
    str | None,
    typer.Option(
        "--cascade",
        help="Score only the best candidates to the end: 3:30,4:10 keeps 30 after layer 3 of the reranker, and 10 "
        "after layer 4. Its model needs exits there (`bicross train exits`).",
        metavar="LAYER:CANDIDATES[,...]",
    ),
]
LateInteraction = Annotated[
    bool | None,
    typer.Option(
        "--late-interaction/--no-late-interaction",
        help="Sort the candidates by token vectors first, of which the reranker reads the best 10; default: where the "
        "index keeps them (`bicross precompute`), unless it was tuned.",
    ),
]
LongQuery = Annotated[
    LongQueries,
    typer.Option(
        "--long-queries",
        help="What becomes of a query that is too long for the reranker: an error, cut to its beginning, or skip it.",
    ),
]
JudgedSource = Annotated[
    str | None, typer.Argument(metavar="[SOURCE]", help="A BEIR folder, or ir_datasets:ID; or see --topics.")
]
Topics = Annotated[Path | None, typer.Option(help="Queries: id, tab, text; JSON Lines; TREC's <top>; XML.")]
QrelsFile = Annotated[Path | None, typer.Option(help="Judgments: TREC's four columns, or BEIR's three.")]


def chosen_analyzer(language: str | None, analyzer: str | None) -> str | None:
    """Return the name of the analyzer that --language or --analyzer chooses; None without them."""
    from ...retrieval import LANGUAGES, analyzer_named  # not for --help

    if language is not None and analyzer is not None:
        raise ArgumentError(f"--language {language} chooses the analyzer, and so does --analyzer {analyzer}: give one")
    if language is not None and language not in LANGUAGES:
        languages = ", ".join(sorted(LANGUAGES))
        raise ArgumentError(
            f"--language has no {language!r}: give 'any', which suits every language, or one of {languages}"
        )
    chosen = language or analyzer
    return None if chosen is None else analyzer_named(chosen).name

"""What does relevance mean where nothing was tuned? Measures its calibration error, and what unrelated texts get.

Usage: python benchmarks/calibration.py FOLDER... [--queries N] [--scores FOLDER] [--scratch FOLDER] [--output FILE]
       python benchmarks/calibration.py DATA --fit ADAPTER [--queries N] [--scores FOLDER] [--scratch FOLDER]

Each FOLDER is a BEIR folder; its test queries are searched as in a new index, with 100 candidates reranked. Documents
without a judgment count as not relevant. The error is the expected calibration error in 15 bins, over all candidates
and over the first ten results, for the sigmoid of the logits, for the curve that the reranker brings along, and for
what a search makes of it. Beside it stand the highest relevance that texts get which have nothing to do with the query.

With --fit, DATA holds the collections of CALIBRATED_ON in parts/judged.py. The curve is fitted to their training
queries, of each collection as many pairs, and written into the settings in ADAPTER, the folder of a bundled reranker.
"""

import argparse
import random
import string
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from bicross.index import Chunking
from bicross.inference import LATE_INTERACTION, AdapterSettings
from bicross.pipelines import Judged, SearchPipeline
from bicross.pipelines.progress import counting
from bicross.pipelines.search import SearchResult, query_slices
from bicross.rerank import (
    UNCALIBRATED,
    Calibration,
    IdentifiedReranker,
    Pair,
    calibration_of,
    expected_calibration_error,
    fit_calibration,
)
from bicross.rerank.late_interaction import read_late_interaction, write_late_interaction
from numpy.typing import NDArray
from parts.judged import CALIBRATED_ON, Part, measured_part
from parts.quality_bench import Bench, add_options, first_stage_of_new, opened
from parts.report_file import header, write
from parts.tables.relevance import calibration_table, unrelated_table

DEPTH, FIRST = 100, 10
PAIRS_OF_A_KIND = 50
QUERY_CHARACTERS = 20
"""Of the queries that are no sentence of the collection."""
FOREIGN = (
    "Der Hund schläft heute den ganzen Tag vor dem warmen Ofen.",
    "La bibliothèque municipale ferme ses portes à dix-huit heures.",
    "El mercado abre temprano los domingos de verano.",
    "Il treno per la costa parte ogni mattina alle sette.",
    "Библиотека закрыта по воскресеньям и праздничным дням.",
    "図書館は日曜日に閉まっています。",
    "المكتبة مغلقة يوم الأحد.",
    "도서관은 일요일에 문을 닫습니다.",
)
"""Sentences of everyday life in eight languages."""
HOW = (
    "Searches as in a new index: vectors and words, feedback, 100 candidates reranked, passages of bicross's default "
    "size. Documents without a judgment count as not relevant. The error is the expected calibration error in 15 bins "
    "(Guo et al. 2017). The curve of the bundled reranker was fitted to questions about other articles of squad-dev "
    "that it was not trained on; no query that is measured took part, and nothing of other collections did."
)


@dataclass(frozen=True, slots=True)
class Row:
    """How well relevance is calibrated on the queries of one collection.

    Attributes:
        collection: The name of the BEIR folder.
        queries: How many were searched.
        curve: "sigmoid", "curve alone" for the reranker's own, or "calibrated" for what a search makes of that: in a
            query whose median candidate would be relevant, all logits are lowered.
        error: The expected calibration error over all candidates.
        error_first: The same over the first ten results.
        relevant: The share of the candidates that is judged relevant.
        relevant_first: The same of the first ten results.
    """

    collection: str
    queries: int
    curve: str
    error: float
    error_first: float
    relevant: float
    relevant_first: float


@dataclass(frozen=True, slots=True)
class Unrelated:
    """The relevance of pairs that have nothing to do with each other.

    Attributes:
        collection: Where the queries are from.
        kind: What the passages, or the queries, were replaced by.
        pairs: How many were scored.
        sigmoid: The highest relevance by the sigmoid.
        calibrated: The highest by the reranker's own curve.
        middle: The median by that curve.
    """

    collection: str
    kind: str
    pairs: int
    sigmoid: float
    calibrated: float
    middle: float


def default_pipeline(bench: Bench, collection: Path, curve: Calibration | None) -> SearchPipeline:
    """Return the search of a new index with all candidates as results; ``curve`` None is the reranker's own."""
    retriever = first_stage_of_new(bench.index(collection, Chunking()), bench.encoder)
    return SearchPipeline(retriever, bench.reranker, retrieve_k=DEPTH, rerank_k=DEPTH, top_k=DEPTH, calibration=curve)


def answers_of(pipeline: SearchPipeline, judged: Judged) -> list[tuple[str, list[SearchResult]]]:
    """Search all queries, and return the results of each with its id."""
    ids = sorted(judged.judged_ids)
    answers: list[tuple[str, list[SearchResult]]] = []
    with counting("Searching", shown=True) as count:
        for some in query_slices(ids):
            found = pipeline.search_batch([judged.queries[query_id] for query_id in some])
            answers += zip(some, found, strict=True)
            count(len(answers), len(ids))
    return answers


def row_of(collection: str, curve: str, answers: Sequence[tuple[str, list[SearchResult]]], judged: Judged) -> Row:
    """Compute the calibration errors of the answers to the queries of one collection."""
    relevance = [result.relevance for _, results in answers for result in results]
    relevant = [judged.qrels[id_].get(result.document.id, 0) > 0 for id_, results in answers for result in results]
    first = [result.rank <= FIRST for _, results in answers for result in results]
    p, y, of_first = np.array(relevance), np.array(relevant), np.array(first)
    return Row(
        collection,
        len(answers),
        curve,
        expected_calibration_error(p, y),
        expected_calibration_error(p[of_first], y[of_first]),
        float(y.mean()),
        float(y[of_first].mean()),
    )


def rows_of(bench: Bench, collection: Path) -> tuple[list[Row], list[Unrelated]]:
    """Measure one collection: its judged queries, and pairs that are not related."""
    judged = measured_part(collection.name).read(collection.parent, bench.options.queries)
    own = calibration_of(bench.reranker)
    alone = {} if own is None else {"curve alone": own}  # a curve that is given is used as it is
    rows = [
        row_of(collection.name, name, answers_of(default_pipeline(bench, collection, curve), judged), judged)
        for name, curve in {"sigmoid": UNCALIBRATED, **alone, "calibrated": None}.items()
    ]
    return rows, unrelated_of(bench, collection, judged)


def unrelated_of(bench: Bench, collection: Path, judged: Judged) -> list[Unrelated]:
    """Score queries with passages that have nothing to do with them."""
    queries = [judged.queries[query_id] for query_id in sorted(judged.judged_ids)]
    passages = [document.text for document in bench.index(collection, Chunking()).documents()]
    return [
        unrelated_row(bench.reranker, (collection.name, kind), pairs)
        for kind, pairs in unrelated_pairs(queries, passages).items()
    ]


def unrelated_pairs(queries: Sequence[str], passages: Sequence[str]) -> Mapping[str, list[Pair]]:
    """Return pairs by kind: documents drawn at random, noise on either side, and other languages.

    Args:
        queries: Queries of a collection.
        passages: The texts of its documents, of which few answer a query that was not drawn for them.
    """
    chance = random.Random(0)
    drawn = [chance.choice(queries) for _ in range(PAIRS_OF_A_KIND)]
    texts = [chance.choice(passages)[:1000] for _ in drawn]
    return {
        "a document drawn at random": list(zip(drawn, texts, strict=True)),
        "a passage of random letters": [(query, noise(chance, 40)) for query in drawn],
        "a query of random letters": [(noise(chance, 4)[:QUERY_CHARACTERS], text) for text in texts],
        "a passage in another language": [(query, chance.choice(FOREIGN)) for query in drawn],
        "a query in another language": [(chance.choice(FOREIGN)[:QUERY_CHARACTERS], text) for text in texts],
    }


def noise(chance: random.Random, words: int) -> str:
    """Return words of two to nine random letters."""
    return " ".join("".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 9))) for _ in range(words))


def unrelated_row(reranker: IdentifiedReranker, named: tuple[str, str], pairs: Sequence[Pair]) -> Unrelated:
    """Score pairs, and return what relevance both curves give them; ``named`` is the collection and the kind."""
    logits = reranker.score(pairs)
    calibrated = (calibration_of(reranker) or UNCALIBRATED).apply(logits)
    highest = float(UNCALIBRATED.apply(logits).max())
    return Unrelated(*named, len(pairs), highest, float(calibrated.max()), float(np.median(calibrated)))


def fitting_pairs(bench: Bench, part: Part, data: Path) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the logits of the candidates of training queries, and which of them are relevant."""
    judged = part.read(data, bench.options.queries)
    answers = answers_of(default_pipeline(bench, data / part.collection, UNCALIBRATED), judged)
    results = [(query_id, result) for query_id, of_query in answers for result in of_query]
    relevant = [judged.qrels[query_id].get(result.document.id, 0) > 0 for query_id, result in results]
    return np.array([result.logit for _, result in results], np.float64), np.array(relevant)


def fitted(bench: Bench, data: Path) -> Calibration:
    """Fit the curve to as many pairs of each of ``CALIBRATED_ON``; fewer than asked for are taken several times."""
    parts = [fitting_pairs(bench, part, data) for part in CALIBRATED_ON]
    most = max(len(logits) for logits, _ in parts)
    rows = [np.resize(np.arange(len(logits)), most) for logits, _ in parts]
    logits, relevant = (
        np.concatenate([part[side][chosen] for part, chosen in zip(parts, rows, strict=True)]) for side in (0, 1)
    )
    return fit_calibration(logits, relevant)


def write_curve(folder: Path, curve: Calibration) -> None:
    """Write a curve into the settings of a bundled reranker: of an adapter, or of a late-interaction reranker."""
    if (folder / LATE_INTERACTION).is_file():
        settings, projection = read_late_interaction(folder)
        write_late_interaction(folder, replace(settings, calibration=curve.to_dict()), projection)
    else:
        replace(AdapterSettings.read(folder), calibration=curve.to_dict()).write(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--fit", type=Path, metavar="ADAPTER", help="fit the curve, and write it into this folder")
    arguments = parser.parse_args()
    rows, unrelated = list[Row](), list[Unrelated]()
    with opened(parser, arguments) as bench:
        if arguments.fit is not None:
            [data] = arguments.folders
            curve = fitted(bench, data.resolve())
            write_curve(arguments.fit, curve)
            print(curve)
            return
        for collection in arguments.folders:
            measured, pairs = rows_of(bench, collection.resolve())
            rows, unrelated = rows + measured, unrelated + pairs
            lines, texts = [asdict(row) for row in rows], [asdict(row) for row in unrelated]
            print(f"\n{calibration_table(lines)}\n\n{unrelated_table(texts)}", flush=True)
            own = calibration_of(bench.reranker)
            curves = {"calibration": None if own is None else own.to_dict()}
            report = header(arguments, how=HOW) | curves | {"results": lines, "unrelated": texts}
            write(arguments.output, report)  # after each: the next one may take an hour


if __name__ == "__main__":
    main()

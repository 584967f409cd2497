"""Which weight should the reranker have? Measures weights by searches of whole collections, on no test query.

Usage: python benchmarks/reranker_blend.py DATA [--queries 200] [--scratch FOLDER] [--scores FOLDER]

DATA is the folder of the collections. For each weight, and each number of candidates that are read, nDCG@10 of every
collection, and the mean with the paired 95 % bootstrap interval of its difference to the first stage.
"""

import argparse
from dataclasses import dataclass

import numpy as np
from bicross.index import Chunking
from bicross.pipelines import Run, SearchPipeline
from bicross.pipelines.evaluation import per_query
from bicross.pipelines.search import SearchResult, final_scores
from late_interaction_blend import PARTS, Floats, difference
from parts.judged import NDCG, Part
from parts.quality_bench import Bench, add_options, first_stage_of_new, opened
from parts.report_file import header, write
from parts.tables.relevance import weights_table

MORE = (Part("covid-qa", "train"), Part("fool-me-twice", "train"))
"""Collections that the reranker was not trained on."""
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
DEPTHS = (10, 20, 50, 100)
RETRIEVED = 100
HOW = (
    "Searches as in a new index, 100 candidates, of which the first 10 to 100 are reranked with each weight. "
    "Intervals are of 10,000 bootstrap draws within each collection."
)


@dataclass(frozen=True, slots=True)
class Setting:
    """How much the reranker counts, and how many candidates it reads."""

    weight: float
    depth: int


FIRST_STAGE = Setting(0.0, 10)
SETTINGS = [Setting(weight, depth) for depth in DEPTHS for weight in WEIGHTS]


def values(bench: Bench, part: Part) -> dict[Setting, Floats]:
    """Return nDCG@10 of every query by setting; each pair is scored once."""
    data = bench.options.folders[0]
    index, judged = bench.index(data / part.collection, Chunking()), part.read(data, bench.options.queries)
    retriever = first_stage_of_new(index, bench.encoder)
    pipeline = SearchPipeline(retriever, bench.reranker, retrieve_k=RETRIEVED, rerank_k=RETRIEVED)
    runs: dict[Setting, Run] = {setting: {} for setting in SETTINGS}
    for number, query_id in enumerate(judged.judged_ids, start=1):
        results = pipeline.search(judged.queries[query_id], top_k=RETRIEVED)
        candidates = sorted(results, key=lambda result: result.retrieval_rank)
        for setting, run in runs.items():
            run[query_id] = ranked(candidates, setting)
        print(f"{part.collection}: {number} of {len(judged.judged_ids)} queries", end="\r", flush=True)
    found: dict[Setting, Floats] = {}
    for setting, run in runs.items():
        of_query = per_query([NDCG], judged.qrels, run)[NDCG]
        found[setting] = np.array([of_query[query_id] for query_id in judged.judged_ids])
    return found


def ranked(candidates: list[SearchResult], setting: Setting) -> list[tuple[str, float]]:
    """Return the candidates, which come in the order of the first stage, best first; the scores only fall."""
    read = candidates[: setting.depth]
    logits = np.array([result.logit for result in read], np.float64)
    first = np.array([result.retrieval_score for result in read], np.float64)
    order = np.argsort(-final_scores(logits, first, setting.weight), kind="stable").tolist()
    ids = [read[row].document.id for row in order] + [result.document.id for result in candidates[setting.depth :]]
    return [(id_, float(-rank)) for rank, id_ in enumerate(ids)]


def rows_of(by_part: dict[str, dict[Setting, Floats]]) -> list[dict[str, object]]:
    """Return the figures of each setting."""
    return [
        {
            "weight": setting.weight,
            "depth": setting.depth,
            "means": {name: float(of_part[setting].mean()) for name, of_part in by_part.items()},
            "mean": float(np.mean([of_part[setting].mean() for of_part in by_part.values()])),
            "difference": difference([(of_part[setting], of_part[FIRST_STAGE]) for of_part in by_part.values()]),
        }
        for setting in SETTINGS
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    arguments = parser.parse_args()
    with opened(parser, arguments) as bench:
        by_part = {part.collection: values(bench, part) for part in (*PARTS, *MORE)}
    rows = rows_of(by_part)
    counts = {name: len(of_part[FIRST_STAGE]) for name, of_part in by_part.items()}
    write(arguments.output, header(arguments, how=HOW) | {"queries": counts, "rows": rows})
    print(weights_table(rows))


if __name__ == "__main__":
    main()

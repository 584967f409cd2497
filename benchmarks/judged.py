"""Judged queries and measures as lists for ir-measures, for the benchmarks of speed. Knows no model and no index."""

from pathlib import Path

import ir_measures
from bicross.pipelines import read_judged
from ir_measures import RR, Qrel, R, ScoredDoc, nDCG

MEASURES = [nDCG @ 10, RR @ 10, R @ 100]
QUERIES_AT_ONCE = 8


def read_queries(folder: Path, split: str) -> tuple[dict[str, str], list[Qrel]]:
    """The texts of the queries with a relevant document, and their judgments."""
    judged = read_judged(folder, split=split)
    queries = {query_id: judged.queries[query_id] for query_id in sorted(judged.judged_ids)}
    return queries, [
        Qrel(query_id, id_, grade) for query_id in queries for id_, grade in judged.qrels[query_id].items()
    ]


def measure(qrels: list[Qrel], run: list[ScoredDoc]) -> tuple[dict[str, float], dict[str, float]]:
    """Means by measure, and nDCG@10 by query."""
    means = {str(m): value for m, value in ir_measures.calc_aggregate(MEASURES, qrels, run).items()}
    by_query = {metric.query_id: metric.value for metric in ir_measures.iter_calc([nDCG @ 10], qrels, run)}
    return means, by_query

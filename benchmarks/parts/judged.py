"""Judged queries and nDCG@10, for the benchmarks of speed."""

from pathlib import Path

import numpy as np
from bicross.pipelines import Run, read_judged
from bicross.pipelines.evaluation import per_query
from bicross.pipelines.evaluation.judgments import Qrels

NDCG = "nDCG@10"
QUERIES_AT_ONCE = 8


def read_queries(folder: Path, split: str) -> tuple[dict[str, str], Qrels]:
    """Return the texts of the queries that have a relevant document, and their judgments."""
    judged = read_judged(folder, split=split)
    queries = {query_id: judged.queries[query_id] for query_id in sorted(judged.judged_ids)}
    return queries, {query_id: judged.qrels[query_id] for query_id in queries}


def mean_ndcg(qrels: Qrels, run: Run) -> float:
    """Return the mean nDCG@10 over all judged queries."""
    return float(np.mean(list(per_query([NDCG], qrels, run)[NDCG].values())))

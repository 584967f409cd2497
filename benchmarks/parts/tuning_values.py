"""nDCG@10 of each setting of tune's grid for judged queries, computed once and kept in a folder.

The scores of pairs are kept as they are made, so that a run that was stopped goes on where it was.
"""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bicross.index import Index
from bicross.inference import whole_file
from bicross.pipelines import Judged
from bicross.pipelines.tuning import Configuration
from bicross.pipelines.tuning.grid import evaluate_grid
from bicross.pipelines.tuning.scores import QueryScores, Scored, score_candidates
from bicross.rerank import Pair, Reranker
from bicross.retrieval import Encoder, Feedback, NormalisedSum, ReciprocalRank, TermShare
from numpy.typing import NDArray

from parts.judged import Part, measured_part

PARTS = {
    "scifact": (Part("scifact", "test"), Part("scifact", "train")),
    "nfcorpus": (Part("nfcorpus", "test"), Part("nfcorpus", "dev")),
    "pubmedqa": (Part("pubmedqa", "train"),),
    "covid-qa": (Part("covid-qa", "train"),),
    "fool-me-twice": (Part("fool-me-twice", "train"),),
}
"""The queries of each collection, none of which the bundled reranker was trained on; of others the measured part."""
CHUNK = 8
"""Queries that are scored between two looks at the clock."""
FUSIONS = {fusion.__name__: fusion for fusion in (NormalisedSum, ReciprocalRank, TermShare)}
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """nDCG@10 of the settings.

    Attributes:
        collection: The name of the collection.
        queries: Ids of queries.
        configurations: The settings.
        ndcg: Shape (settings, queries).
    """

    collection: str
    queries: tuple[str, ...]
    configurations: tuple[Configuration, ...]
    ndcg: Floats


class NoReranker:
    """Stands for a reranker where only settings without one are evaluated."""

    blend = 1.0

    def score(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """Return zeros."""
        return np.zeros(len(pairs), np.float32)


def read_queries(folder: Path, limit: int | None = None) -> Judged:
    """Read at most ``limit`` judged queries of a BEIR folder, in a fixed random order over all of its parts."""
    parts = [part.read(folder.parent) for part in PARTS.get(folder.name, (measured_part(folder.name),))]
    queries = {query_id: text for part in parts for query_id, text in part.queries.items()}
    qrels = {query_id: grades for part in parts for query_id, grades in part.qrels.items()}
    ids = sorted(qrels)
    random.Random(0).shuffle(ids)
    return Judged(folder.name, queries, qrels).only(ids[:limit])


def compute_values(
    index: Index, judged: Judged, *, encoder: Encoder, reranker: Reranker | None, k: int, seconds: float = np.inf
) -> Values:
    """Evaluate the grid on as many queries as ``seconds`` allow.

    Args:
        index: The index of the collection, with postings.
        judged: The queries.
        encoder: The encoder of the index.
        reranker: The reranker; None evaluates the settings without one.
        k: Candidates of each retriever.
        seconds: When to stop.
    """
    ends, scored = time.monotonic() + seconds, list[QueryScores]()
    ids = list(judged.judged_ids)
    for start in range(0, len(ids), CHUNK):
        if time.monotonic() >= ends:
            break
        texts = {query_id: judged.queries[query_id] for query_id in ids[start : start + CHUNK]}
        part = score_candidates(index, texts, encoder=encoder, reranker=reranker or NoReranker(), k=k)
        scored += part.queries
        print(f"{judged.name}: {len(scored)} of {len(ids)} queries scored", end="\r", flush=True)
    grid = evaluate_grid(Scored(k, tuple(scored)), judged)
    rows = [row for row, setting in enumerate(grid.configurations) if reranker is not None or not setting.depth]
    settings = tuple(grid.configurations[row] for row in rows)
    return Values(judged.name, tuple(query.query_id for query in scored), settings, grid.ndcg[rows])


def write_values(path: Path, values: Values) -> None:
    """Write values to a file, and replace an older file atomically."""
    described = {
        "collection": values.collection,
        "queries": values.queries,
        "configurations": [_record(setting) for setting in values.configurations],
    }
    with whole_file(path) as file:
        np.savez(file, known=np.frombuffer(json.dumps(described).encode(), np.uint8), ndcg=values.ndcg)


def read_values(path: Path) -> Values:
    """Read the values of a file that ``write_values`` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        described = json.loads(arrays["known"].tobytes())
        settings = tuple(_setting(**record) for record in described["configurations"])
        return Values(described["collection"], tuple(described["queries"]), settings, arrays["ndcg"])


def _record(setting: Configuration) -> dict[str, object]:
    fusion = None if setting.fusion is None else {"name": type(setting.fusion).__name__, **asdict(setting.fusion)}
    feedback = None if setting.feedback is None else asdict(setting.feedback)
    return {"fusion": fusion, "depth": setting.depth, "blend": setting.blend, "feedback": feedback}


def _setting(
    fusion: dict[str, Any] | None, depth: int, blend: float, feedback: dict[str, Any] | None = None
) -> Configuration:
    values = dict(fusion or {})
    made = FUSIONS[values.pop("name")](**values) if values else None
    return Configuration(made, depth, blend, Feedback(**feedback) if feedback else None)

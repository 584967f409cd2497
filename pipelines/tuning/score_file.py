"""Stores the scores of a tuning in a file, so that the next tuning need not score the candidates again.

The file has arrays in NumPy's own format, and a JSON text of what the scores depend on: the index and its generation,
both models, k, and the queries. A tuning ignores scores that depend on anything else.
"""

import hashlib
import json
import logging
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from ...errors import ArgumentError
from ...index import Index
from ...inference import whole_file
from .first_stages import WITH_FEEDBACK, FirstStageSetting
from .latency import Latency
from .scores import Floats, QueryScores, Scored

logger = logging.getLogger("bicross")

VERSION = 2
OLDER_VERSION = 1
"""It has no limits of lexical scores and no feedback: first stages that need these are not tried."""


@dataclass(frozen=True, slots=True)
class ScoresKey:
    """Everything that scores depend on. ``queries`` is a digest of their ids and texts."""

    index: str
    generation: int
    encoder: str
    reranker: str
    lexical: str
    k: int
    queries: str
    version: int = VERSION

    @classmethod
    def of(cls, index: Index, reranker: str, k: int, queries: Mapping[str, str]) -> "ScoresKey":
        """Make the key of a tuning on one index; ``reranker`` is its fingerprint."""
        digest = hashlib.sha256(json.dumps(list(queries.items())).encode()).hexdigest()
        model = index.model.weights_sha256
        return cls(index.info().uuid, index.generation, model, reranker, index.analyzer, k, digest)

    def moved(self, generation: int) -> "ScoresKey":
        """Return the key of another generation with the same documents."""
        return replace(self, generation=generation)


def write_scores(path: Path, key: ScoresKey, scored: Scored, latencies: Sequence[Latency]) -> None:
    """Write the scores to a file, and replace an older file atomically."""
    queries = scored.queries
    description: dict[str, object] = {
        "key": asdict(key),
        "latencies": [asdict(latency) for latency in latencies],
        "documents": {query.query_id: query.documents for query in queries},
    }
    lexical = [query.lexical for query in queries if query.lexical is not None]
    if scored.has_limits:
        description["limits"] = [query.lexical_limit for query in queries]
    with whole_file(path) as file:
        np.savez(
            file,
            known=np.frombuffer(json.dumps(description).encode(), np.uint8),
            dense=_joined([query.dense for query in queries]),
            lexical=_joined(lexical if scored.hybrid else []),
            logits=_joined([query.logits for query in queries]),
            feedback=_joined_feedback(scored),
        )


def read_scores(path: Path, key: ScoresKey) -> tuple[Scored, list[Latency]] | None:
    """Read the scores of a file.

    Args:
        path: The file.
        key: What the scores must depend on.

    Returns:
        The scores and the latencies; None where there is no file, or where its key is another one.

    Raises:
        ArgumentError: The file holds no scores. It might be anything, and is not overwritten.
    """
    if not path.exists():
        return None
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            description = json.loads(arrays["known"].tobytes())
            version = description["key"]["version"]
            if description["key"] | {"version": VERSION} != asdict(key) or version not in (OLDER_VERSION, VERSION):
                logger.info("%s has scores of another index, model or set of queries: they are made anew", path)
                return None
            columns = {name: np.asarray(arrays[name], np.float64) for name in ("dense", "lexical", "logits")}
            if not key.lexical:
                del columns["lexical"]
            feedback = np.asarray(arrays["feedback"], np.float64) if version == VERSION else np.empty((0, 2, 0))
        latencies = [Latency(**latency) for latency in description["latencies"]]
        scored = _scored(key.k, description["documents"], columns)
        return _completed(scored, description.get("limits"), feedback), latencies
    except (EOFError, KeyError, OSError, TypeError, ValueError, zipfile.BadZipFile) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ArgumentError(f"{path} holds no scores of a tuning ({reason:.200}); name another file") from None


def _scored(k: int, documents: Mapping[str, Sequence[str]], columns: Mapping[str, Floats]) -> Scored:
    ends = np.cumsum([len(ids) for ids in documents.values()])
    if not all(column.shape == (ends[-1],) for column in columns.values()):
        raise ValueError("its columns have other lengths than its lists of documents")
    parts = {name: np.split(column, ends[:-1]) for name, column in columns.items()}
    queries = [
        QueryScores(
            query_id,
            tuple(ids),
            parts["dense"][number],
            parts["lexical"][number] if "lexical" in parts else None,
            parts["logits"][number],
        )
        for number, (query_id, ids) in enumerate(documents.items())
    ]
    return Scored(k, tuple(queries))


def _completed(scored: Scored, limits: Sequence[float | None] | None, feedback: Floats) -> Scored:
    """Add what version 1 has not."""
    ends = np.cumsum([len(query.documents) for query in scored.queries])
    if feedback.size and feedback.shape != (len(WITH_FEEDBACK), 2, ends[-1]):
        raise ValueError("its scores with feedback have another shape than its lists of documents")
    parts = np.split(feedback, ends[:-1], axis=2) if feedback.size else [None] * len(scored.queries)
    return Scored(
        scored.k,
        tuple(
            replace(query, lexical_limit=limit, feedback={} if part is None else _by_first_stage(part))
            for query, limit, part in zip(scored.queries, limits or [None] * len(parts), parts, strict=True)
        ),
    )


def _by_first_stage(scores: Floats) -> dict[FirstStageSetting, tuple[Floats, Floats]]:
    return {first_stage: (part[0], part[1]) for first_stage, part in zip(WITH_FEEDBACK, scores, strict=True)}


def _joined_feedback(scored: Scored) -> Floats:
    """Return the scores with feedback, shape (first stages, 2, candidates); empty where there are none."""
    if not scored.has_feedback or not any(query.documents for query in scored.queries):
        return np.empty((0, 2, 0))
    parts = [
        np.array([query.feedback[first_stage] for first_stage in WITH_FEEDBACK])
        for query in scored.queries
        if query.documents
    ]
    return np.concatenate(parts, axis=2)


def _joined(parts: Sequence[Floats]) -> Floats:
    return np.concatenate([*parts, np.empty(0)])

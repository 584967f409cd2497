"""cluster_documents: the documents of a collection in clusters, each with a label."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from ....errors.arguments import checked_count, checked_flag, checked_number
from ....index import DocumentsLike, Index, Predicate
from ....index.vectors import pair_products
from ....retrieval import ANALYZER, Analyzer, Encoder, analyzer_named, analyzer_of
from ...models import Devices
from ...progress import counting
from ..collecting import Collected
from ..sources import source_of
from .linkage import Linkage
from .records import Cluster, Clusters
from .terms import DOCUMENTS_READ, Labels

CLUSTER_THRESHOLD = 0.3
"""Of the paragraphs of 48 articles (all 2,067 of squad-dev) it made clusters with a V-measure of 0.92 against the
articles, 0.25 of 0.94, 0.2 of 0.92 and 0.4 of 0.84; k-means that was told their number, of 0.91."""
NEIGHBOURS = 20
BATCH_SIZE = 512
OTHERS_READ = 1000
"""Documents in no cluster whose words are counted, so that the words of all do not name a cluster."""
_AT_ONCE = 1 << 13


def cluster_documents(  # noqa: PLR0913 - each argument has a default
    documents: DocumentsLike | Index | str | Path,
    *,
    threshold: float = CLUSTER_THRESHOLD,
    min_size: int = 2,
    where: Predicate | None = None,
    language: str | None = None,
    encoder: str | Path | Encoder | None = None,
    device: Devices = None,
    batch_size: int = BATCH_SIZE,
    progress: bool = False,
) -> Clusters:
    """Find the documents that are about the same, by the vectors of their texts.

    Documents are joined by average linkage: two clusters become one as long as the mean cosine of the pairs between
    them is at least ``threshold``, the nearest first. Each is compared with its nearest others alone, so time grows
    little faster than the number of documents; documents and vectors are kept in temporary files. The order of the
    documents changes nothing.

    Args:
        documents: What ``build_index`` takes, an index, or the path of an index, a file or a folder of files. Each has
            an id of its own; of those without ids, "ID (2)" is the second with the same title and text.
        threshold: The least mean cosine, from 0 to 1: a higher one makes more and narrower clusters.
        min_size: How many documents a cluster has at least; the others are ``unclustered``.
        where: Only documents of an index whose metadata match, as for a search: ``"year >= 2020"``.
        language: Which words are told apart for the labels, as for ``analyzer_named``: "en", "de", "any". None takes
            the analyzer of an index, and English for other documents.
        encoder: A hub id, a folder or an encoder; None takes the default. An index has its vectors already.
        device: Where a model that is given by name runs.
        batch_size: How many documents are embedded together.
        progress: Show progress bars on standard error.

    Returns:
        The clusters, the largest first.

    Raises:
        ArgumentError: An argument is not valid.
        DocumentError: A document is not valid, or two have the same id.
        SourceError: A file cannot be read.
        ModelError: A model is not available.

    Example:
        >>> for cluster in cluster_documents("my-index", min_size=3):
        ...     print(len(cluster), cluster.label, cluster.medoid.title)
    """
    threshold = checked_number(threshold, "threshold", 0, 1)
    min_size = checked_count(min_size, "min_size")
    batch_size = checked_count(batch_size, "batch_size")
    checked_flag(progress, "progress")
    analyzer = None if language is None else analyzer_named(language)
    source = source_of(documents, encoder, where=where, device=device)
    if analyzer is None:
        analyzer = Analyzer(ANALYZER) if source.index is None else analyzer_of(source.index)
    with source.collected(batch_size=batch_size, progress=progress) as collected, TemporaryFile() as means_file:
        counts = collected.texts.counts()
        linkage = Linkage(collected.vectors, collected.vector_rows, counts, means_file)
        with counting("Comparing", shown=progress) as watch:
            linkage.join(threshold=threshold, top_k=NEIGHBOURS, watch=watch)
        groups = _found(collected, linkage)
        by_size = sorted(groups, key=lambda group: (-group.size, collected.ids[group.first_row(collected)]))
        return _clusters(collected, by_size, min_size, analyzer, progress=progress)


@dataclass(frozen=True, slots=True)
class _Found:
    """A cluster: its texts, the medoid first, then by their cosine with it; that cosine; and what it has."""

    texts: NDArray[np.int64]
    scores: NDArray[np.float32]
    size: int
    similarity: float

    def first_row(self, collected: Collected) -> int:
        """The row of the medoid's document."""
        return int(collected.texts.rows[self.texts[0]])


def _found(collected: Collected, linkage: Linkage) -> Iterator[_Found]:
    heads = linkage.heads()
    order = np.argsort(heads, kind="stable")
    starts = np.flatnonzero(np.diff(heads[order], prepend=-1))
    stops = np.append(starts[1:], len(order))
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True) if len(order) else ():
        texts = order[start:stop]
        head = int(heads[texts[0]])
        mean, size = linkage.means[head].astype(np.float64), int(linkage.weights[head])
        rows = collected.vector_rows[texts]
        parts = [collected.vectors[rows[part : part + _AT_ONCE]] @ mean for part in range(0, len(rows), _AT_ONCE)]
        medoid = int(np.argmax(np.concatenate(parts).round(6)))
        scores = pair_products(collected.vectors, np.full_like(rows, rows[medoid]), rows)
        scores = scores.clip(-1, 1).astype(np.float32)
        scores[medoid] = 1.0
        ids = [collected.ids[row] for row in collected.texts.rows[texts].tolist()]
        ranked = sorted(range(len(texts)), key=lambda row: (row != medoid, -float(scores[row]), ids[row]))
        pairs = size * (size - 1)
        similarity = 1.0 if pairs == 0 else (size * size * float(mean @ mean) - size) / pairs
        yield _Found(texts[ranked], scores[ranked], size, round(min(1.0, similarity), 6))


def _clusters(
    collected: Collected, by_size: Sequence[_Found], min_size: int, analyzer: Analyzer, *, progress: bool
) -> Clusters:
    large = [cluster for cluster in by_size if cluster.size >= min_size]
    alone = [cluster for cluster in by_size if cluster.size < min_size]
    labels = Labels(analyzer)
    with counting("Naming", shown=progress) as watch:
        for number, cluster in enumerate(large, start=1):
            labels.add(collected.passages(cluster.texts[:DOCUMENTS_READ].tolist()), cluster.size)
            watch(number, len(large))
        others = alone[:: 1 + len(alone) // OTHERS_READ]
        labels.add(collected.passages([int(cluster.texts[0]) for cluster in others]), len(alone))
    clusters = tuple(_cluster(collected, cluster, terms) for cluster, terms in zip(large, labels.terms(), strict=False))
    unclustered = sorted(id_ for cluster in alone for id_, _ in _members(collected, cluster))
    return Clusters(clusters, tuple(unclustered), len(collected.ids))


def _cluster(collected: Collected, cluster: _Found, terms: tuple[str, ...]) -> Cluster:
    [medoid] = collected.documents.get([cluster.first_row(collected)])
    ids, scores = zip(*_members(collected, cluster), strict=True)
    return Cluster(terms, medoid, ids, scores, cluster.similarity)


def _members(collected: Collected, cluster: _Found) -> Iterator[tuple[str, float]]:
    scores: list[float] = cluster.scores.tolist()
    for text, score in zip(cluster.texts.tolist(), scores, strict=True):
        for row in collected.texts.copies(text):
            yield collected.ids[row], score

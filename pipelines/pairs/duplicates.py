"""find_duplicates: the groups of documents that say the same."""

from pathlib import Path
from typing import Literal, TypeAlias

from ...errors import ArgumentError
from ...errors.arguments import checked_choice, checked_count, checked_flag, checked_number, described
from ...index import DocumentsLike, Index, Predicate
from ...index.vectors import near_pairs
from ...rerank import CrossEncoderReranker, PairScorer
from ...retrieval import Encoder
from ..models import Devices, require_one_device
from ..progress import counting
from .collecting import Collected
from .comparison import Comparison, TextPairScorer
from .grouping import AlikePairs, TextGroup, groups_by_chain, groups_by_medoid
from .records import DuplicateGroup, Duplicates, SimilarPair
from .sources import source_of

DEFAULT_THRESHOLD = 0.95
"""Of pairs with such a cosine, people called 97 % a paraphrase (MRPC), and 87 % at least mostly the same (STS-B)."""
DEFAULT_TOP_K = 20
BATCH_SIZE = 512
Grouping: TypeAlias = Literal["medoids", "chains"]
_GROUPINGS = {"medoids": groups_by_medoid, "chains": groups_by_chain}


def find_duplicates(  # noqa: PLR0913 - each argument has a default
    documents: DocumentsLike | Index | str | Path,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    top_k: int = DEFAULT_TOP_K,
    reranker: str | Path | TextPairScorer | None = None,
    reranker_threshold: float = 0.5,
    grouping: Grouping = "medoids",
    where: Predicate | None = None,
    encoder: str | Path | Encoder | None = None,
    device: Devices = None,
    batch_size: int = BATCH_SIZE,
    progress: bool = False,
) -> Duplicates:
    """Find the documents that say the same: equal texts, and texts whose vectors are close.

    Texts that are equal but for white space and the normal form NFC are found whatever else is given. The others are
    compared by the cosine of their vectors; that of a long document is the mean of its passages' vectors. Up to 20,000
    different texts, all pairs are compared; of more, a few are missed. Documents and vectors are kept in temporary
    files. The order of the documents changes nothing.

    Args:
        documents: What ``build_index`` takes, an index, or the path of an index, a file or a folder of files. Each has
            an id of its own; of those without ids, "ID (2)" is the second with the same title and text.
        threshold: The least cosine, from 0 to 1.
        top_k: How many nearest others of each text are compared with it.
        reranker: A model of pairs that must agree: its name, or a ``PairScorer``. It scores both orders of each pair,
            of which the mean counts, and reads the beginning of a long document. None takes the cosine alone: the
            bundled reranker, which was trained for search, adds nothing to it.
        reranker_threshold: The least score of the reranker, from 0 to 1.
        grouping: "medoids" makes groups in which each document is like the representative. "chains" joins all that are
            connected: a document may be like another alone that is like the representative.
        where: Only documents of an index whose metadata match, as for a search: ``"year >= 2020"``.
        encoder: A hub id, a folder or an encoder; None takes the default. An index has its vectors already.
        device: Where models that are given by name run.
        batch_size: How many documents are embedded together.
        progress: Show progress bars on standard error.

    Returns:
        The groups, the largest first.

    Raises:
        ArgumentError: An argument is not valid.
        DocumentError: A document is not valid, or two have the same id.
        SourceError: A file cannot be read.
        ModelError: A model is not available.

    Example:
        >>> for group in find_duplicates("questions.jsonl", threshold=0.9):
        ...     print(group.representative.id, [document.id for document in group.duplicates])
    """
    threshold = checked_number(threshold, "threshold", 0, 1)
    top_k = checked_count(top_k, "top_k")
    least_verified = checked_number(reranker_threshold, "reranker_threshold", 0, 1)
    groups_of = _GROUPINGS[checked_choice(grouping, "grouping", tuple(_GROUPINGS))]
    batch_size = checked_count(batch_size, "batch_size")
    checked_flag(progress, "progress")
    source = source_of(documents, encoder, where=where, device=device)
    scorer = _scorer(reranker, device)
    with source.collected(batch_size=batch_size, progress=progress) as collected:
        comparison = Comparison(
            collected.vectors, collected.vector_rows, threshold, scorer, least_verified, collected.passages
        )
        pairs = _alike(comparison, top_k, progress=progress)
        groups = groups_of(pairs, collected.texts.counts(), comparison)
        return _duplicates(collected, pairs, groups, verifies=scorer is not None)


def _scorer(reranker: str | Path | TextPairScorer | None, device: Devices) -> TextPairScorer | None:
    if reranker is None:
        return None
    if isinstance(reranker, str | Path):
        require_one_device(device)
        scorer = PairScorer(reranker, device=device if isinstance(device, str) else None, cache_size=0)
        scorer.score([("a", "b")])  # a model of several labels, of which none is the score, is refused now
        return scorer
    if isinstance(reranker, CrossEncoderReranker) or not callable(getattr(reranker, "score", None)):
        raise ArgumentError(
            f"reranker must be the name of a model, a PairScorer or None, not {described(reranker)}; what it scores is"
            " from 0 to 1"
        )
    return reranker


def _alike(comparison: Comparison, top_k: int, *, progress: bool) -> AlikePairs:
    with counting("Comparing", shown=progress) as watch:
        near = near_pairs(
            comparison.vectors, threshold=comparison.threshold, top_k=top_k, order=comparison.rows, watch=watch
        )
    with counting("Verifying", shown=progress and comparison.scorer is not None) as watch:
        judged = comparison.verify(near.first, near.second, near.scores, watch)
    same = judged.is_same
    return AlikePairs(near.first[same], near.second[same], near.scores[same], judged.verified[same])


def _duplicates(collected: Collected, pairs: AlikePairs, groups: list[TextGroup], *, verifies: bool) -> Duplicates:
    grouped = {text for group in groups for text in (group.medoid, *group.members)}
    groups = [*groups, *(TextGroup(text) for text in collected.texts.repeated() if text not in grouped)]
    made = [_group(collected, group, verifies=verifies) for group in groups]
    made.sort(key=lambda group: (-len(group), group.representative.id))
    rows: list[int] = collected.texts.rows.tolist()
    ids = [collected.ids[row] for row in rows]
    similar: list[SimilarPair] = []
    for first, second, score, verified in pairs:
        low, high = sorted((ids[first], ids[second]))
        similar.append(SimilarPair(low, high, min(1.0, score), verified if verifies else None))
    similar.sort(key=lambda pair: (-pair.score, pair.first, pair.second))
    return Duplicates(tuple(made), tuple(similar), len(collected.ids), len(collected.texts))


def _group(collected: Collected, group: TextGroup, *, verifies: bool) -> DuplicateGroup:
    own = collected.texts.copies(group.medoid)
    members = [
        (-score, collected.ids[row], row, score, verified)
        for text, score, verified in zip(group.members, group.scores, group.verified, strict=True)
        for row in collected.texts.copies(text)
    ]
    members.sort()
    rows = [*own, *(member[2] for member in members)]
    scores = [*([1.0] * len(own)), *(min(1.0, member[3]) for member in members)]
    verified = [*([1.0] * len(own)), *(member[4] for member in members)]
    documents = tuple(collected.documents.get(rows))
    return DuplicateGroup(documents, tuple(scores), tuple(verified) if verifies else None, len(own))

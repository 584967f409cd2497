"""PassageRetriever: passages as candidates of their own, where a search has documents with their best passage."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from ...errors import ArgumentError
from ...index import Hit, Index, PassageHit, Predicate
from ...retrieval import DenseRetriever, HybridRetriever, IndexRetriever, Retriever, has_index, pinned
from ..search import SearchOptions, SearchPipeline, tokenizer_fingerprint


class PassageRetriever:
    """Retrieves passages: several of a document, each as a hit.

    The best ``k`` passages by vectors belong to the best ``k`` documents, so none is missed: what a retriever of
    documents finds, with up to ``k`` passages of each, holds them all.

    Args:
        retriever: The retriever of documents. It has to give the further passages in ``Hit.others``; without them a
            document has its best passage alone, as in a search by terms.
    """

    def __init__(self, retriever: Retriever) -> None:
        self.documents = retriever

    @property
    def tokenizer(self) -> str:
        """The fingerprint of the tokenizer that made the token ids of the hits; empty where they have none."""
        return tokenizer_fingerprint(self.documents)

    @property
    def encoder(self) -> object:
        """The encoder; None where the retriever has none."""
        return getattr(self.documents, "encoder", None)

    def pinned(self) -> Retriever:
        """Return the same retriever over the generation of this moment, which it never leaves."""
        return of_passages(pinned(self.documents))

    def retrieve(self, queries: Sequence[str], k: int, *, where: Predicate | None = None) -> list[list[Hit]]:
        """Return at most ``k`` passages for each query, best first."""
        return [as_passages(hits)[:k] for hits in self.documents.retrieve(queries, k, where=where)]


class IndexPassageRetriever(PassageRetriever):
    """A ``PassageRetriever`` over an index, which can move to another generation."""

    def __init__(self, retriever: IndexRetriever) -> None:
        super().__init__(retriever)
        self._over_index = retriever

    @property
    def index(self) -> Index:
        """The index that it searches."""
        return self._over_index.index

    def over(self, index: Index) -> "IndexPassageRetriever":
        """Return the same retriever over another generation of the index."""
        return IndexPassageRetriever(self._over_index.over(index))


def of_passages(retriever: Retriever, *, passages: int | None = None) -> PassageRetriever:
    """Return a retriever of passages.

    Args:
        retriever: A retriever of documents.
        passages: The most passages of a document; None leaves it to the retriever. Only ``DenseRetriever`` and
            ``HybridRetriever`` can be told.
    """
    if passages is not None and type(retriever) is DenseRetriever:
        retriever = DenseRetriever(retriever.index, retriever.encoder, passages=passages, feedback=retriever.feedback)
    elif passages is not None and type(retriever) is HybridRetriever:
        retriever = HybridRetriever(
            retriever.index,
            retriever.encoder,
            fusion=retriever.fusion,
            weights=retriever.weights,
            passages=passages,
            feedback=retriever.feedback,
        )
    return IndexPassageRetriever(retriever) if has_index(retriever) else PassageRetriever(retriever)


class PassageSearch:
    """A search for documents, and the search for their passages that belongs to it.

    Args:
        documents: The search for documents; it is closed with this one.
    """

    def __init__(self, documents: SearchPipeline) -> None:
        self.documents = documents
        self.passages = _passage_pipeline(documents)

    def refresh(self) -> bool:
        """Move to the newest generation of the index; return whether there was one."""
        moved = self.documents.refresh()
        if moved:
            self.passages = _passage_pipeline(self.documents)
        return moved

    def close(self) -> None:
        """Close the index and release the models. Closing twice is fine."""
        self.documents.close()
        self.passages.close()


def require_every_passage(options: SearchOptions, why: str) -> None:
    """Raise ``ArgumentError``, which says ``why``, for options that choose or sort the passages that are scored."""
    named = [name for name in ("adaptive", "late_interaction") if getattr(options, name)]
    if options.passages != "best":
        named.append(f"passages={options.passages!r}")
    if named:
        raise ArgumentError(f"search has {named[0]}: {why}; leave it out")


def _passage_pipeline(search: SearchPipeline) -> SearchPipeline:
    settings = search.settings
    depth = settings.options.candidates
    settings = replace(settings, given=replace(settings.given, top_k=depth))
    retriever = of_passages(search.retriever, passages=depth)
    return SearchPipeline(retriever, search.reranker, options=settings, cache=search.cache)


def as_passages(hits: Sequence[Hit]) -> list[Hit]:
    """Return every passage of the hits as a hit, best first.

    The order by dense scores is exact. Where something else orders the documents, as in a hybrid search, a further
    passage gets the rank that its dense score has among those of the documents, but none before its own document's best
    passage; its score is then that of the document of this rank.

    Args:
        hits: Documents, best first, with their passages.
    """
    if not any(hit.others for hit in hits):
        return list(hits)
    descending = sorted(-hit.dense_score for hit in hits if hit.dense_score is not None)
    placed = [(rank, False, 0.0, hit) for rank, hit in enumerate(hits)]
    for rank, hit in enumerate(hits):
        for other in hit.others:
            after = max(rank, bisect_left(descending, -other.score) - 1)
            score = other.score if hit.score == hit.dense_score else hits[after].score
            placed.append((after, True, -other.score, _as_hit(hit, other, score)))
    return [hit for *_, hit in sorted(placed, key=lambda item: item[:3])]


def _as_hit(hit: Hit, other: PassageHit, score: float) -> Hit:
    return replace(
        hit,
        passage=other.passage,
        tokens=other.tokens,
        token_vectors=other.token_vectors,
        score=score,
        dense_score=other.score,
        lexical_score=None,
        others=(),
        stages=(),
    )

"""BicrossRetriever: both stages of bicross as a retriever of LlamaIndex."""

import asyncio
from pathlib import Path

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

from ....errors.arguments import checked_choice, checked_count
from ....index import Index, Predicate
from ....rerank import DEFAULT_RERANKER, Reranker
from ....retrieval import Encoder
from ...search import SearchOptions, SearchPipeline, SearchResult
from ..searching import IndexSearcher


class BicrossRetriever(BaseRetriever):
    """Searches an index: the first stage finds candidates, the reranker orders them.

    The index is opened, with its models, when the retriever is made. A search sees what was written before it. The
    score of a node is its relevance, from 0 to 1; its source node is the document.

    Args:
        index: The folder of an index, an ``Index``, or a ``SearchPipeline`` of your own.
        top_k: How many nodes are returned.
        where: Restricts every search, as for ``SearchPipeline.search``.
        content: What the text of a node is: the "passage" that was found, or the whole "document". A title stands in
            the metadata.
        encoder: A model or its name; None is the one that built the index.
        reranker: A model or its name; None searches with the first stage alone.
        device: Where models given by name run.
        options: How to search; what is left open is as tuned, else the default.

    Example:
        >>> BicrossRetriever("my-index", top_k=5).retrieve("how do vaccines work?")
    """

    def __init__(  # noqa: PLR0913 - each argument has a default
        self,
        index: str | Path | Index | SearchPipeline,
        *,
        top_k: int = 10,
        where: Predicate | None = None,
        content: str = "passage",
        encoder: str | Path | Encoder | None = None,
        reranker: str | Path | Reranker | None = DEFAULT_RERANKER,
        device: str | None = None,
        options: SearchOptions | None = None,
    ) -> None:
        self._top_k = checked_count(top_k, "top_k")
        self._where = where
        self._content = checked_choice(content, "content", ("passage", "document"))
        self._searcher = IndexSearcher(index, encoder=encoder, reranker=reranker, device=device, options=options)
        super().__init__()  # pyright: ignore[reportUnknownMemberType]

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        results = self._searcher.search(query_bundle.query_str, top_k=self._top_k, where=self._where)
        return [_node(result, whole=self._content == "document") for result in results]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


def _node(result: SearchResult, *, whole: bool) -> NodeWithScore:
    """Return a node; that of a whole document has the document's id, and that of a passage the place too."""
    document, passage = result.document, result.passage
    metadata = dict(document.metadata)
    if document.title:
        metadata.setdefault("title", document.title)
    is_whole = whole or len(passage.text) == len(document.text)
    node = TextNode(
        id_=document.id if is_whole else f"{document.id}:{passage.start}-{passage.end}",
        text=document.text if is_whole else passage.text,
        metadata=metadata,
        start_char_idx=0 if is_whole else passage.start,
        end_char_idx=len(document.text) if is_whole else passage.end,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=document.id)},
    )
    return NodeWithScore(node=node, score=result.relevance)

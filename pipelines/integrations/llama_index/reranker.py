"""BicrossReranker: a cross-encoder as a node postprocessor of LlamaIndex."""

from typing import Any

from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle
from pydantic import ConfigDict, PrivateAttr

from ....errors import QueryError
from ....errors.arguments import checked_count
from ....rerank import DEFAULT_RERANKER
from ..reranking import TextReranker


class BicrossReranker(BaseNodePostprocessor):
    """Reranks the nodes that any retriever found, by a cross-encoder that scores each together with the query.

    The nodes come best first, with their relevance, from 0 to 1, as score. What is scored is the text of a node with
    the metadata that LlamaIndex gives to embeddings.

    Attributes:
        model: A reranker or its name; it is loaded when the first nodes come.
        top_n: The most nodes that are returned; None returns all.
        device: Where a model given by name runs.

    Example:
        >>> BicrossReranker(top_n=3).postprocess_nodes(nodes, query_str="how do vaccines work?")
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    model: Any = DEFAULT_RERANKER
    top_n: int | None = None
    device: str | None = None
    _reranker: TextReranker = PrivateAttr()

    def __init__(self, **values: Any) -> None:  # noqa: ANN401 - the fields
        # What a validator of pydantic raises would no longer be an error of bicross.
        super().__init__(**values)
        if self.top_n is not None:
            checked_count(self.top_n, "top_n")
        self._reranker = TextReranker(self.model, device=self.device)

    @classmethod
    def class_name(cls) -> str:
        """The name in what LlamaIndex writes."""
        return "BicrossReranker"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: "QueryBundle | None" = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise QueryError("a reranker needs the query: postprocess_nodes(nodes, query_str=...)")
        texts = [node.node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes]
        ranked = self._reranker.rank(query_bundle.query_str, texts, self.top_n)
        return [NodeWithScore(node=nodes[text.place].node, score=text.relevance) for text in ranked]

"""What the servers of each dialect are sent to score texts, and how their answers are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...inference.remote import Dialect, field_of, in_order


@dataclass(frozen=True, slots=True)
class RerankShape:
    """A route that scores texts for a query.

    Attributes:
        path: The route.
        texts: The field of the texts.
        others: Further fields.
        results: The field of the answer's list; empty where the answer is the list.
        score: The field of a score.
        logits: Whether scores are logits, and not numbers from 0 to 1.
        named: Whether the request names the model.
    """

    path: str
    texts: str = "documents"
    others: Mapping[str, object] | None = None
    results: str = "results"
    score: str = "relevance_score"
    logits: bool = False
    named: bool = True

    def body(self, query: str, texts: Sequence[str], model: str) -> Mapping[str, object]:
        """Return the request."""
        named = {"model": model} if self.named and model else {}
        return {"query": query, self.texts: list(texts), **(self.others or {}), **named}

    def read(self, answer: Any, count: int, source: str) -> list[Any]:  # noqa: ANN401 - JSON
        """Return the scores in the order of the texts.

        Args:
            answer: The JSON of the answer.
            count: The number of texts.
            source: The address of the route.

        Raises:
            ModelError: There is not a score for each text.
        """
        listed = field_of(answer, self.results, source) if self.results else answer
        return [field_of(row, self.score, source) for row in in_order(listed, count, source)]


SHAPES: Mapping[Dialect, RerankShape] = {
    "bicross": RerankShape("/v1/rerank", others={"raw_scores": True}, logits=True, named=False),
    "tei": RerankShape(
        "/rerank",
        texts="texts",
        others={"raw_scores": True, "truncate": True},
        results="",
        score="score",
        logits=True,
        named=False,
    ),
    "openai": RerankShape("/v1/rerank"),
    "jina": RerankShape("/v1/rerank", others={"return_documents": False}),
    "cohere": RerankShape("/v2/rerank"),
    "voyage": RerankShape("/v1/rerank", others={"truncation": True}, results="data"),
}
"""OpenAI has no route to rerank; servers with its other routes, such as vLLM, have Jina's."""

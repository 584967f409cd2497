"""ColumnMakers: what makes the values that an index stores for each passage besides its vector."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ....index import Index, TokenVectors
from ....inference import Dtype, TextTokenizer, TokenIds
from ....rerank import LateInteractionReranker, TokenVectorReranker
from ....retrieval import Analyzer, BiEncoder, Encoder
from ...fast_reranker import open_fast_reranker
from .tokenising import token_ids, tokenizer_of


@dataclass(frozen=True, slots=True)
class ColumnMakers:
    """What makes the columns of an index besides vectors; None for a column that it does not store.

    Attributes:
        tokenizer: Makes token ids.
        analyzer: Makes terms.
        fast_reranker: Makes token vectors.
    """

    tokenizer: TextTokenizer | None = None
    analyzer: Analyzer | None = None
    fast_reranker: TokenVectorReranker | None = None

    @property
    def tokenizer_fingerprint(self) -> str:
        """The sha256 of the tokenizer; empty for none."""
        return self.tokenizer.fingerprint if self.tokenizer else ""

    @property
    def analyzer_name(self) -> str:
        """The name of the analyzer; empty for none."""
        return self.analyzer.name if self.analyzer else ""

    @property
    def late_interaction_fingerprint(self) -> str:
        """The fingerprint of the model of the token vectors; empty for none."""
        return self.fast_reranker.late_interaction_fingerprint if self.fast_reranker else ""

    def token_ids(self, texts: list[str]) -> list[TokenIds] | None:
        """Return the token ids of each text; None if they are not stored."""
        return None if self.tokenizer is None else token_ids(texts, self.tokenizer)

    def terms(self, texts: list[str]) -> list[list[str]] | None:
        """Return the terms of each text; None if they are not stored."""
        return None if self.analyzer is None else self.analyzer(texts)

    def encoded(self, encoder: Encoder, texts: Sequence[str]) -> tuple[NDArray[np.float32], list[TokenVectors] | None]:
        """Embed texts, and make their token vectors; None if they are not stored.

        Where the fast reranker reads texts as the encoder does, its layers are those of the encoder, and run once.
        """
        fast = self.fast_reranker
        if fast is None:
            return encoder.encode_documents(texts), None
        if isinstance(encoder, BiEncoder) and isinstance(fast, LateInteractionReranker) and _read_alike(encoder, fast):
            vectors, tapped = encoder.encode_documents_tapped(texts, fast.tap)
            return vectors, fast.token_vectors_of(tapped)
        return encoder.encode_documents(texts), fast.token_vectors(texts)


def _read_alike(encoder: BiEncoder, fast_reranker: LateInteractionReranker) -> bool:
    return encoder.can_tap(fast_reranker.tap.layer) and encoder.reading == fast_reranker.reading


class RunsAs(TypedDict):
    """Where a model runs, and in which number format."""

    device: str | None
    dtype: Dtype


def runs_as(encoder: Encoder) -> RunsAs:
    """Return how an encoder runs, for the fast reranker: only in the same way can both run as one."""
    reading = encoder.reading if isinstance(encoder, BiEncoder) else None
    if reading is None:
        return RunsAs(device=None, dtype="float32")
    return RunsAs(device=reading.device, dtype=reading.dtype)


def makers_of(
    index: Index, encoder: Encoder, *, reranker: str | Path | None, analyzer: Analyzer | None
) -> ColumnMakers:
    """Load what makes the columns of an index, for documents that are added.

    Args:
        index: The index.
        encoder: What makes the vectors of these documents.
        reranker: A reranker with the tokenizer of the stored token ids; None tries those that are known.
        analyzer: What makes the terms; None if the index stores none.

    Raises:
        IndexModelMismatch: Something that made a column is not on this machine.
        ArgumentError: A reranker is named, and the index stores no token ids.
    """
    return ColumnMakers(tokenizer_of(index, reranker), analyzer, open_fast_reranker(index, **runs_as(encoder)))

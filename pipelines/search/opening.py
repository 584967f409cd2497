"""Opening an index for searching: its models, and the options that were tuned for them."""

import logging
from pathlib import Path

from ...errors import ArgumentError
from ...index import Index
from ...inference import Dtype
from ...rerank import Reranker, is_identified, same_reranker
from ...retrieval import Encoder, Fusion, Retriever, has_index
from ..choices import FirstStage
from ..models import open_reranker, open_retriever, require_one_device
from .defaults import index_defaults
from .options import SearchOptions
from .scoring import passages_needed
from .settings import Settings
from .tuned import Tuned, stored

logger = logging.getLogger("bicross")

Stages = tuple[Retriever, Reranker | None, Settings]
"""The retriever, the reranker and the settings for one generation of an index."""


class StagesFromIndex:
    """Opens both stages of an index with its tuned settings; models are loaded once.

    Tuned settings hold only for the reranker that they were tuned with; a warning is logged if it is another one.
    Without a reranker the first stage is still the tuned one.

    Args:
        options: How to search; values left open are taken from the tuned settings, else from the defaults.
        encoder: A model or its name; None is the model that built the index, if it is on this machine.
        reranker: A model or its name; None searches with the first stage alone.
        device: Where models given by name run; None is the fastest one available.
        dtype: The number format in which models given by name calculate.
    """

    def __init__(
        self,
        options: SearchOptions,
        *,
        encoder: str | Path | Encoder | None,
        reranker: str | Path | Reranker | None,
        device: str | None = None,
        dtype: Dtype = "float32",
    ) -> None:
        require_one_device(device)
        self._options = options
        self._encoder = encoder
        self._reranker = reranker
        self._device = device
        self._dtype: Dtype = dtype

    def __call__(self, index: Index) -> Stages:
        """Open both stages for one generation of an index.

        Raises:
            ArgumentError: The first stage needs postings, and the index has none.
            IndexCorrupt: The index keeps search settings that cannot be used.
            IndexModelMismatch: The encoder is not the model that built the index.
        """
        tuned = stored(index)
        defaults = index_defaults(index)
        require_postings(index, self._options.first_stage or "dense")  # before a model is loaded
        self._reranker = reranker = open_reranker(self._reranker, device=self._device, dtype=self._dtype)
        if tuned is not None and reranker is not None and not tuned_with(tuned, reranker):
            logger.warning(
                "%s was tuned with another reranker (%.12s...), and what was stored is not used; "
                "`bicross tune` tunes this one",
                index.path,
                tuned.reranker,
            )
            tuned = None
        settings = Settings.of_reranker(self._options, reranker, tuned=tuned, defaults=defaults)
        if reranker is not None and not settings.reranks:
            logger.info(
                "tuning found %s no better with the reranker: it is used only where rerank_k is given", index.path
            )
        return self._retriever(index, settings.options, settings.fusion), reranker, settings

    def _retriever(self, index: Index, options: SearchOptions, fusion: Fusion | None) -> Retriever:
        first_stage: FirstStage = options.first_stage or "dense"
        require_postings(index, first_stage)
        retriever = open_retriever(
            index,
            self._encoder,
            first_stage=first_stage,
            fusion=fusion,
            device=self._device,
            dtype=self._dtype,
            passages=passages_needed(options.passages),
            feedback=options.strengths,
        )
        self._encoder = getattr(retriever, "encoder", self._encoder)  # loaded once, and kept for later generations
        return retriever


def newest_generation(retriever: Retriever) -> Index:
    """Open the newest generation of a retriever's index; searches of the retriever stay on theirs.

    Raises:
        ArgumentError: The retriever has no index.
        IndexModelMismatch: The index was replaced by one of another model.
    """
    if not has_index(retriever):
        raise ArgumentError(
            f"{type(retriever).__name__} has no index to refresh: use a retriever over one, such as DenseRetriever"
        )
    index = retriever.index.pinned()  # shares all segments that stay
    index.refresh()
    return index


def tuned_with(tuned: Tuned, reranker: Reranker) -> bool:
    """Tell whether settings were tuned with this reranker, in any number format."""
    return is_identified(reranker) and same_reranker(tuned.reranker, reranker.model_fingerprint)


def require_postings(index: Index, first_stage: FirstStage) -> None:
    """Check that an index has the postings that a first stage needs.

    Raises:
        ArgumentError: The first stage needs postings, and the index has none.
    """
    if first_stage != "dense" and not index.analyzer:
        raise ArgumentError(
            f"first_stage={first_stage!r} searches for words, and {index.path} keeps none: "
            f"build it without --no-lexical, add them by `bicross index-terms {index.path}`, or take 'dense'"
        )

"""Opening an index for searching: its models, and the options that were tuned for them."""

import logging
from dataclasses import dataclass
from pathlib import Path

from ...errors import ArgumentError, IndexModelMismatch, ModelError
from ...index import Index
from ...inference import Dtype
from ...rerank import Reranker, TokenVectorReranker, is_identified, same_reranker, takes_token_vectors
from ...retrieval import Encoder, Fusion, Retriever, has_index
from ..choices import FirstStage
from ..fast_reranker import open_fast_reranker
from ..models import open_reranker, open_retriever, require_one_device
from .defaults import index_defaults
from .options import SearchOptions
from .scoring import passages_needed
from .settings import Settings
from .tuned import Tuned, stored

logger = logging.getLogger("bicross")


@dataclass(frozen=True, slots=True)
class Stages:
    """What searches one generation of an index.

    Attributes:
        retriever: The first stage.
        reranker: The second stage; None searches with the first alone.
        settings: How it is searched.
        fast_reranker: Sorts the candidates before the reranker reads the best of them; None leaves them as they are.
    """

    retriever: Retriever
    reranker: Reranker | None
    settings: Settings
    fast_reranker: TokenVectorReranker | None = None


class StagesFromIndex:
    """Opens the stages of an index with its tuned settings; models are loaded once.

    Tuned settings hold only for the reranker that they were tuned with; a warning is logged if it is another one.
    Without a reranker the first stage is still the tuned one.

    Args:
        options: How to search; values left open are taken from the tuned settings, else from the defaults.
        encoder: A model or its name; None is the model that built the index, if it is on this machine.
        reranker: A model or its name; None searches with the first stage alone.
        fast_reranker: The model of the token vectors or its name; None is the one that the index names.
        device: Where models given by name run; None is the fastest one available.
        dtype: The number format in which models given by name calculate.
    """

    def __init__(
        self,
        options: SearchOptions,
        *,
        encoder: str | Path | Encoder | None,
        reranker: str | Path | Reranker | None,
        fast_reranker: str | Path | TokenVectorReranker | None = None,
        device: str | None = None,
        dtype: Dtype = "float32",
    ) -> None:
        require_one_device(device)
        self._options = options
        self._encoder = encoder
        self._reranker = reranker
        self._fast_reranker = fast_reranker
        self._device = device
        self._dtype: Dtype = dtype

    def __call__(self, index: Index) -> Stages:
        """Open the stages for one generation of an index.

        Raises:
            ArgumentError: The first stage needs postings, or late interaction token vectors, and the index has none.
            IndexCorrupt: The index keeps search settings that cannot be used.
            IndexModelMismatch: The encoder is not the model that built the index.
        """
        tuned = stored(index)
        defaults = index_defaults(index)
        require_postings(index, self._options.first_stage or "dense")  # before a model is loaded
        require_token_vectors(index, self._options)
        self._reranker = reranker = open_reranker(self._reranker, device=self._device, dtype=self._dtype)
        if tuned is not None and reranker is not None and not tuned_with(tuned, reranker):
            logger.warning(
                "%s was tuned with another reranker (%.12s...), and what was stored is not used; "
                "`bicross tune` tunes this one",
                index.path,
                tuned.reranker,
            )
            tuned = None
        fast_reranker = self._opened_fast_reranker(index, follows=reranker, tuned=tuned is not None)
        settings = Settings.of_reranker(
            self._options, reranker, tuned=tuned, defaults=defaults, late_interaction=fast_reranker is not None
        )
        if reranker is not None and not settings.reranks:
            logger.info(
                "tuning found %s no better with the reranker: it is used only where rerank_k is given", index.path
            )
        retriever = self._retriever(index, settings.options, settings.fusion)
        return Stages(retriever, reranker, settings, fast_reranker)

    def _opened_fast_reranker(
        self, index: Index, *, follows: Reranker | None, tuned: bool
    ) -> TokenVectorReranker | None:
        """Open the model of the token vectors; None where they are not used.

        Where nobody asked for late interaction, a model that is not here, or that made other vectors, is no error.
        """
        wanted, model = self._options.late_interaction, self._fast_reranker
        by_default = follows is not None and not tuned and not takes_token_vectors(follows)
        if not (by_default if wanted is None else wanted):
            return None
        try:
            return open_fast_reranker(index, model, device=self._device, dtype=self._dtype)
        except (ModelError, IndexModelMismatch) as error:
            if wanted:
                raise
            logger.warning("the token vectors of %s are not used: %s", index.path, error)
            return None

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


def require_token_vectors(index: Index, options: SearchOptions) -> None:
    """Check that an index has the token vectors that late interaction needs.

    Raises:
        ArgumentError: It is asked for, and the index has none.
    """
    if options.late_interaction and not index.late_interaction_fingerprint:
        raise ArgumentError(
            f"late_interaction=True reads token vectors, and {index.path} keeps none: add them by "
            f"`bicross precompute {index.path}`"
        )


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

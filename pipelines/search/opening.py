"""Opening an index for searching: its models, and the settings that were tuned for them. Knows no search."""

import logging
from dataclasses import dataclass
from pathlib import Path

from ...errors import ArgumentError
from ...index import Index
from ...inference import Dtype
from ...rerank import Calibration, Cascade, IdentifiedReranker, Reranker, check_cascade
from ...retrieval import Encoder, Retriever
from ..models import FirstStage, open_reranker, open_retriever, require_one_device
from .options import DEFAULT_K, RerankK
from .scoring import PassageScoring, StopRule, passages_needed
from .tuned import FIRST_STAGES, Tuned, stored

logger = logging.getLogger("bicross")


@dataclass(frozen=True, slots=True)
class Models:
    """The models of both stages, as objects or by name, and where those given by name run."""

    encoder: str | Path | Encoder | None
    reranker: str | Path | Reranker | None
    device: str | None = None
    dtype: Dtype = "float32"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller says of the search; None leaves it to what was tuned, and else to the defaults."""

    retrieve_k: int | None = None
    rerank_k: RerankK | None = None
    blend: float | None = None
    first_stage: FirstStage | None = None
    stop_rule: StopRule | None = None
    passages: PassageScoring = "best"
    cascade: Cascade | None = None

    def __post_init__(self) -> None:
        check_cascade(self.cascade or ())
        if self.first_stage is not None and self.first_stage not in FIRST_STAGES:
            raise ArgumentError(f"first_stage must be one of {', '.join(FIRST_STAGES)}, not {self.first_stage!r}")


@dataclass(frozen=True, slots=True)
class Opened:
    """All that a pipeline is made of. ``reranker`` is None too where tuning found it not worth using."""

    retriever: Retriever
    reranker: Reranker | None
    retrieve_k: int
    rerank_k: RerankK
    blend: float | None
    stop_rule: StopRule | None
    calibration: Calibration | None


def open_stages(path: str | Path, models: Models, wanted: Wanted) -> Opened:
    """Open the index at ``path`` with its models.

    What was tuned counts for the reranker that it was tuned with; a warning in the log says where it is another one.
    Without a reranker, stage one is still the tuned one. Raises ``IndexCorrupt`` where the index keeps settings that
    are none.
    """
    require_one_device(models.device)
    index = Index.open(path)
    tuned = stored(index)
    reranker = open_reranker(models.reranker, device=models.device, dtype=models.dtype)
    if tuned is not None and reranker is not None and not tuned_with(tuned, reranker):
        logger.warning(
            "%s was tuned with another reranker (%.12s...), and what was stored is not used; "
            "`bicross tune` tunes this one",
            index.path,
            tuned.reranker,
        )
        tuned = None
    if tuned is not None and reranker is not None and tuned.rerank_k == 0 and wanted.rerank_k is None:
        logger.info("tuning found %s no better with the reranker: it is used only where rerank_k is given", index.path)
        reranker = None
    retrieve_k, rerank_k = _cutoffs(wanted, tuned)
    return Opened(
        _retriever(index, models, wanted, tuned),
        reranker,
        retrieve_k=retrieve_k,
        rerank_k=rerank_k,
        blend=wanted.blend if wanted.blend is not None or tuned is None else tuned.blend,
        stop_rule=wanted.stop_rule or _stop_rule(wanted, tuned),
        calibration=None if tuned is None else tuned.calibration,
    )


def tuned_with(tuned: Tuned, reranker: Reranker) -> bool:
    """Whether it is the very reranker: weights, tokenizer and limit, in any number format."""
    return isinstance(reranker, IdentifiedReranker) and reranker.model_fingerprint == tuned.reranker


def require_postings(index: Index, first_stage: FirstStage) -> None:
    """Raise ``ArgumentError`` where a stage one needs the words of an index that keeps none."""
    if first_stage != "dense" and not index.analyzer:
        raise ArgumentError(
            f"first_stage={first_stage!r} searches for words, and {index.path} keeps none: "
            f"build it with `bicross index --lexical`, add them by `bicross index-terms {index.path}`, or take 'dense'"
        )


def _retriever(index: Index, models: Models, wanted: Wanted, tuned: Tuned | None) -> Retriever:
    chosen = wanted.first_stage or ("dense" if tuned is None else tuned.first_stage)
    require_postings(index, chosen)
    return open_retriever(
        index,
        models.encoder,
        first_stage=chosen,
        fusion=None if tuned is None else tuned.fusion,
        device=models.device,
        dtype=models.dtype,
        passages=passages_needed(wanted.passages),
    )


def _cutoffs(wanted: Wanted, tuned: Tuned | None) -> tuple[int, RerankK]:
    """As given, else as tuned, else 100; what is not given follows a smaller ``retrieve_k``."""
    retrieve_k = wanted.retrieve_k
    if retrieve_k is None:
        retrieve_k = DEFAULT_K if tuned is None else tuned.retrieve_k
    if wanted.rerank_k is not None:
        return retrieve_k, wanted.rerank_k
    # Where tuning chose none and the caller did not ask for it, there is no reranker that it would be said to.
    tuned_k = tuned.rerank_k if tuned is not None else 0
    return retrieve_k, min(tuned_k or DEFAULT_K, retrieve_k)


def _stop_rule(wanted: Wanted, tuned: Tuned | None) -> StopRule | None:
    """The tuned one, unless it was fitted for another blend or another order of stage one than is asked for."""
    if tuned is None or tuned.stop_rule is None or wanted.first_stage not in (None, tuned.first_stage):
        return None
    return tuned.stop_rule if wanted.blend in (None, tuned.blend) else None

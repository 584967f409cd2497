"""ModelOptions: the models of a server, where they run, and how it searches."""

from dataclasses import dataclass, field
from pathlib import Path

from ...errors import ArgumentError
from ...errors.arguments import described
from ...inference import Dtype
from ...rerank import DEFAULT_RERANKER, Reranker
from ...retrieval import Encoder
from ..models import open_reranker
from ..search import ScoreCache, SearchOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """The models of a server and how it searches.

    Attributes:
        encoder: A model or its name; None takes the one that built each index.
        reranker: A model or its name; None serves the first stage alone.
        device: Where models given by name run.
        dtype: What models given by name calculate in.
        search: How it searches where a request does not say.
        cache_mb: Million bytes that remember the scores of pairs, for each index; None remembers none.
        ray: The address of the Ray on which a reranker given by name runs.
        reranker_workers: In how many processes it does; None runs it in this one.

    Raises:
        ArgumentError: The cache is too small for a score, or there are workers for a reranker without a name.
    """

    encoder: str | Path | Encoder | None = None
    reranker: str | Path | Reranker | None = DEFAULT_RERANKER
    device: str | None = None
    dtype: Dtype = "float32"
    search: SearchOptions = field(default_factory=SearchOptions)
    cache_mb: float | None = 32.0
    ray: str | None = None
    reranker_workers: int | None = None

    def __post_init__(self) -> None:
        if self.reranker_workers is not None and not isinstance(self.reranker, str | Path):
            raise ArgumentError(f"reranker_workers needs the name of a reranker, not {described(self.reranker)}")
        if self.cache_mb is not None:
            ScoreCache.of_megabytes(self.cache_mb)

    def open_reranker(self) -> Reranker | None:
        """Open the reranker, here or on Ray; None without one."""
        if self.reranker_workers is None or not isinstance(self.reranker, str | Path):
            return open_reranker(self.reranker, device=self.device, dtype=self.dtype)
        from ..cluster import RayReranker  # most servers have none

        return RayReranker(
            self.reranker, workers=self.reranker_workers, address=self.ray, device=self.device, dtype=self.dtype
        )

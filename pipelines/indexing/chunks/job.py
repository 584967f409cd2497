"""ChunkJob: what a process needs to know to write chunks; and what an executor is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ....index.sources import SourceOptions, SourcePart
from ....index.staging import Chunk, ChunkSettings
from ....inference import Dtype
from ....retrieval import Encoder
from ...models import Devices

SourceChunk: TypeAlias = Chunk[SourcePart]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkJob:
    """What all chunks of a build have in common, for the processes that write them. It can be pickled.

    Attributes:
        path: The folder of the index, as every process sees it.
        settings: What the names of chunks depend on.
        encoder: The name of the encoder, which each process loads; or an encoder that can be pickled.
        device: Where an encoder that is given by name runs.
        dtype: The number format in which it calculates.
        reranker: The reranker whose tokenizer makes the token ids; None where none are stored.
        fast_reranker: The name of the model that makes the token vectors; None where none are stored.
        options: How the source is read.
        skip_errors: Whether bad rows are left out.
    """

    path: str
    settings: ChunkSettings
    encoder: str | Encoder
    device: Devices = None
    dtype: Dtype = "float32"
    reranker: str | None = None
    fast_reranker: str | None = None
    options: SourceOptions
    skip_errors: bool = False


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """A chunk that is sealed.

    Attributes:
        name: Its name.
        documents: How many documents it has.
        host: The machine that says so.
    """

    name: str
    documents: int
    host: str = ""


class ChunkExecutor(Protocol):
    """Has chunks written by other processes."""

    @property
    def dtype(self) -> Dtype:
        """The number format in which their encoders calculate."""
        ...

    @property
    def part_bytes(self) -> int | None:
        """About how many bytes of the source a chunk has; None chooses by the size of the source."""
        ...

    def run(self, job: ChunkJob, chunks: Sequence[SourceChunk], done: Callable[[ChunkDone], None]) -> None:
        """Return when all chunks are sealed.

        Args:
            job: What they have in common.
            chunks: Those that are not sealed yet.
            done: Called for each chunk when it is sealed, in the calling thread.

        Raises:
            BicrossError: A chunk cannot be written. Those that are sealed stay.
        """
        ...

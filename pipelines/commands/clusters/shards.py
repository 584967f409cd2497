"""Opening indexes for a command that searches: each as a whole, or in shards on Ray; and rerankers there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ....errors import ArgumentError

if TYPE_CHECKING:
    from ....index import Index
    from ....inference import Dtype
    from ....rerank import Reranker

RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray",
        help="Search in shards, or rerank, on Ray: HOST:PORT of a cluster, auto for the one on this machine, or local.",
        metavar="ADDRESS",
    ),
]
ShardCount = Annotated[
    int | None,
    typer.Option(
        "--shards",
        help="With --ray: parts of each index, each in a process; default: 1. With --reranker-workers alone, the index "
        "is opened here.",
    ),
]
ReplicaCount = Annotated[
    int | None, typer.Option("--replicas", help="With --ray: processes that have the same part; default: 1.")
]
RerankerWorkerCount = Annotated[
    int | None,
    typer.Option(
        "--reranker-workers", help="With --ray: processes that rerank; default: none, it is done here.", min=1
    ),
]


@dataclass(frozen=True, slots=True)
class Opening:
    """How a command opens indexes.

    Attributes:
        ray: The address of Ray; None opens each index as a whole.
        shards: The parts of each index.
        replicas: The processes of each part.
        reranker_workers: The processes that rerank.

    Raises:
        ArgumentError: A number is given without an address.
    """

    ray: str | None
    shards: int | None = None
    replicas: int | None = None
    reranker_workers: int | None = None

    def __post_init__(self) -> None:
        numbers = {
            "--shards": self.shards, "--replicas": self.replicas, "--reranker-workers": self.reranker_workers
        }  # fmt: skip
        given = [name for name, number in numbers.items() if number is not None]
        if self.ray is None and given:
            raise ArgumentError(f"{given[0]} is for work on Ray: give --ray too, as in --ray local")

    @property
    def has_shards(self) -> bool:
        """Whether indexes are opened in shards."""
        asked = self.shards is not None or self.replicas is not None
        return self.ray is not None and (asked or self.reranker_workers is None)

    def indexes(self, paths: Mapping[str, str]) -> "dict[str, Index]":
        """Open indexes by their names."""
        if not self.has_shards:
            from ....index import Index

            return {name: Index.open(path) for name, path in paths.items()}
        from ...cluster.sharding import open_sharded

        shards, replicas = (1 if number is None else number for number in (self.shards, self.replicas))
        return {
            name: open_sharded(path, shards=shards, replicas=replicas, address=self.ray) for name, path in paths.items()
        }

    def require_reranking(self, rerank: bool | None) -> None:  # noqa: FBT001 - the value of an option
        """Raise ``ArgumentError`` where nothing is reranked, and there are processes for it."""
        if rerank is False and self.reranker_workers is not None:
            raise ArgumentError(f"--reranker-workers {self.reranker_workers} and --no-rerank exclude each other")

    def reranker(self, name: str, *, device: str | None, dtype: "Dtype") -> "str | Reranker":
        """Return a reranker in processes on Ray, or its name where it runs in this one."""
        if self.reranker_workers is None:
            return name
        from ...cluster import RayReranker

        return RayReranker(name, workers=self.reranker_workers, address=self.ray, device=device, dtype=dtype)

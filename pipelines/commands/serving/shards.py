"""Opening indexes for a command that serves: each as a whole, or in shards on Ray."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ....errors import ArgumentError

if TYPE_CHECKING:
    from ....index import Index

RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray",
        help="Open the indexes in shards on Ray: HOST:PORT of a cluster, auto for the one on this machine, or local.",
        metavar="ADDRESS",
    ),
]
ShardCount = Annotated[int | None, typer.Option("--shards", help="With --ray: parts of each index; default: 1.")]
ReplicaCount = Annotated[
    int | None, typer.Option("--replicas", help="With --ray: processes that have the same part; default: 1.")
]


@dataclass(frozen=True, slots=True)
class Opening:
    """How a command opens indexes.

    Attributes:
        ray: The address of Ray; None opens each index as a whole.
        shards: The parts of each index.
        replicas: The processes of each part.

    Raises:
        ArgumentError: A number is given without an address.
    """

    ray: str | None
    shards: int | None
    replicas: int | None

    def __post_init__(self) -> None:
        if self.ray is None and (self.shards is not None or self.replicas is not None):
            given = "--shards" if self.shards is not None else "--replicas"
            raise ArgumentError(f"{given} is for indexes in shards on Ray: give --ray too, as in --ray local")

    def indexes(self, paths: Mapping[str, str]) -> "dict[str, Index]":
        """Open indexes by their names."""
        if self.ray is None:
            from ....index import Index

            return {name: Index.open(path) for name, path in paths.items()}
        from ...cluster.sharding import open_sharded

        shards, replicas = (1 if number is None else number for number in (self.shards, self.replicas))
        return {
            name: open_sharded(path, shards=shards, replicas=replicas, address=self.ray) for name, path in paths.items()
        }

"""WorkersOnRay: the options of commands that embed, for doing so on Ray."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ....errors import ArgumentError
from ....inference import Dtype

if TYPE_CHECKING:
    from ...cluster import ClusterOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersOnRay:
    """What a command line says of a cluster. Each field is an option of a command."""

    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Have workers on Ray split, embed and write: local starts it on this machine, auto takes the one that "
            "runs there, HOST:PORT is that of a cluster.",
        ),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="With --ray, how many; default: one for each GPU, or else for each machine."),
    ] = None

    def options(self, dtype: Dtype) -> "ClusterOptions | None":
        """Return the options of the cluster; None for work in this process.

        Raises:
            ArgumentError: There are workers and no cluster.
            MissingPackage: Ray is not installed.
        """
        if self.ray is None:
            if self.workers is not None:
                raise ArgumentError(f"--workers {self.workers} is for --ray: give it too, as in --ray local")
            return None
        from ...cluster import ClusterOptions, require_ray  # not for --help

        require_ray()
        return ClusterOptions(address=self.ray, workers=self.workers, dtype=dtype)

"""Why a request to a server gets no answer from the models."""

from ....errors import BicrossError


class ServerError(BicrossError):
    """A request cannot be answered now."""


class QueueFull(ServerError):
    """The server has accepted as much work as it may. ``retry_after`` is when to try again, in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"the server is busy; try again in {retry_after} s")
        self.retry_after = retry_after


class DeadlinePassed(ServerError):
    """The deadline of a request passed before the models were done with it."""


class ClientLeft(ServerError):
    """Nobody waits for the answer any more."""


class ServerStopping(ServerError):
    """The server ends, and takes no more work."""

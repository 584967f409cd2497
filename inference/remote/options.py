"""RemoteOptions: how patiently and in which portions a server of models is asked."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ...errors import ArgumentError
from ...errors.arguments import checked_count, checked_instance, checked_number, checked_positive

KEY_VARIABLE = "BICROSS_REMOTE_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteOptions:
    """How patiently and in which portions a server of models is asked.

    Attributes:
        timeout: Seconds that one try may take.
        tries: How often a request is sent before it is given up. Only what may succeed later is sent again: no
            connection, no answer in time, status 429, and 500 or higher.
        backoff: About the seconds before the second try; they double with each further one. The server's
            ``Retry-After`` takes their place.
        parallel: Requests at once.
        batch_size: The most texts of a request; None is what the server says, else 32.
    """

    timeout: float = 60.0
    tries: int = 4
    backoff: float = 0.5
    parallel: int = 4
    batch_size: int | None = None

    def __post_init__(self) -> None:
        checked_positive(self.timeout, "timeout")
        checked_count(self.tries, "tries")
        checked_number(self.backoff, "backoff", 0.0, 60.0)
        checked_count(self.parallel, "parallel")
        if self.batch_size is not None:
            checked_count(self.batch_size, "batch_size")

    @staticmethod
    def of(options: "RemoteOptions | None") -> "RemoteOptions":
        """Return the options that were given; None is the default ones."""
        return RemoteOptions() if options is None else checked_instance(options, RemoteOptions, "options")


def checked_key(key: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the key for a server: what is given, else what the environment holds, else None.

    Raises:
        ArgumentError: It cannot be sent. The message does not repeat it.
    """
    unchecked = cast("object", environment.get(KEY_VARIABLE) or None if key is None else key)
    if unchecked is None:
        return None
    if not isinstance(unchecked, str) or not unchecked.isascii() or not unchecked.isprintable() or " " in unchecked:
        raise ArgumentError(f"the key of the server (key=, {KEY_VARIABLE}) must be printable ASCII without blanks")
    return unchecked or None

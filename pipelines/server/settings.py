"""ServerSettings: where a server listens, who may ask it, and how much."""

import ipaddress
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import ArgumentError
from ...errors.arguments import checked_count, checked_positive
from .batching import BATCH_TOKENS

KEY_VARIABLE, WRITE_KEY_VARIABLE = "BICROSS_API_KEY", "BICROSS_WRITE_KEY"
SHORTEST_KEY = 16
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most that a server takes and does.

    Attributes:
        body_bytes: Bytes of the body of a request.
        characters: Characters of a document or another text.
        query_characters: Characters of a query or a filter.
        texts: Documents or texts of a request.
        queries: Queries of a search.
        k: Every k of a search.
        header_seconds: Seconds until the head of a request must be there.
        body_seconds: Seconds from there until its body must be there.
        request_seconds: Seconds from there until it is answered.
        queue_seconds: Seconds of work that may wait, at the pace of the models; more is refused.
        drain_seconds: Seconds until accepted requests must be answered when the server ends.
        connections: Connections at once.
        requests: Accepted requests at once.
        queue_tokens: Tokens of all accepted requests.
        batch_tokens: Tokens of a batch of the models.
        threads: Requests that are worked on at once; their work at the models is joined.
    """

    body_bytes: int = 2 * 1024 * 1024
    characters: int = 200_000
    query_characters: int = 8_192
    texts: int = 1_000
    queries: int = 32
    k: int = 1_000
    header_seconds: float = 10.0
    body_seconds: float = 10.0
    request_seconds: float = 60.0
    queue_seconds: float = 30.0
    drain_seconds: float = 30.0
    connections: int = 1_024
    requests: int = 512
    queue_tokens: int = 2_000_000
    batch_tokens: int = BATCH_TOKENS
    threads: int = 64

    def __post_init__(self) -> None:
        for name in Limits.__slots__:
            check = checked_positive if name.endswith("_seconds") else checked_count
            check(getattr(self, name), name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where a server listens, who may ask it, and how much.

    Attributes:
        host: The address to listen on.
        port: The port; 0 takes a free one.
        key: What a request must name as its key; None lets everyone ask who can reach the address.
        write_key: What a request must name that changes documents; None allows no changes.
        hosts: Further names under which it is asked, such as that of a proxy. Without a key it answers requests to
            these and its own address alone. With a key it does so where there are any, and else answers to every name.
        limits: The most that it takes and does.
        refresh_seconds: How often it looks for a newer generation of its indexes.
        query_log: A file that gets a JSON line for each query of a search; None logs no query.

    Raises:
        ArgumentError: The address can be reached from other machines and there is no key, a key is too short, or a
            further name is none.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    key: str | None = field(default=None, repr=False)
    write_key: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    limits: Limits = Limits()
    refresh_seconds: float = 1.0
    query_log: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= checked_count(self.port, "port", least=0) <= 65_535:
            raise ArgumentError(f"port must be from 0 to 65535, not {self.port}")
        for name, key in (("API key", self.key), ("write key", self.write_key)):
            if key is not None and (len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable()):
                raise ArgumentError(f"the {name} must have at least {SHORTEST_KEY} printable ASCII characters")
        for name in self.hosts:
            if not HOST_NAME.fullmatch(name):
                raise ArgumentError(
                    f"{name!r:.80} is no name of a host: give it without a scheme and a port, as in search.example"
                )
        if self.key is None and not self.local:
            raise ArgumentError(
                f"host={self.host!r} can be reached from other machines, and there is no API key: set "
                f"{KEY_VARIABLE}, name a file by --key-file, or listen on 127.0.0.1"
            )

    @property
    def names(self) -> frozenset[str]:
        """The names that requests may ask it by, in small letters."""
        return frozenset(name.lower() for name in (*LOCAL_NAMES, self.host, *self.hosts))

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def read_key(file: Path | None, variable: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return a key from a file or from the environment; None where neither has one.

    Raises:
        ArgumentError: There is no such file, it is empty, or other users can read it.
    """
    if file is None:
        return environment.get(variable) or None
    try:
        if stat.S_IMODE(file.stat().st_mode) & (stat.S_IRGRP | stat.S_IROTH):
            raise ArgumentError(f"other users can read the key file {file}: chmod 600 {file}")
        key = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(f"the key file {file} cannot be read: {error}") from None
    if not key:
        raise ArgumentError(f"the key file {file} is empty")
    return key

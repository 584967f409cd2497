"""RemoteAddress: where a server of models is, which dialect it speaks, and which of its models is meant."""

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args
from urllib.parse import SplitResult, urlsplit

from ...errors import ArgumentError
from ...errors.arguments import checked_choice, described

Dialect = Literal["bicross", "tei", "openai", "cohere", "jina", "voyage"]
"""Whose requests and answers a server understands."""
DIALECTS: tuple[str, ...] = get_args(Dialect)
_ADDRESS = re.compile(r"(?:([a-z]+)\+)?(https?://.+)", re.IGNORECASE)
_ROUTE = re.compile(r"(?:/v[12])?(?:/rerank|/embeddings|/embed)?/*$")
"""The end of an address that the routes of a dialect bring along."""
EXAMPLE = "http://127.0.0.1:8080 or cohere+https://api.example.com#model-name"


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """The address of a server of models.

    Attributes:
        url: Scheme, host, port and the path before the routes, without a slash at its end.
        dialect: What the server speaks; None where it has to be found out.
        model: The model's name at the server; None for its only one.
    """

    url: str
    dialect: Dialect | None = None
    model: str | None = None

    @property
    def encrypted(self) -> bool:
        """Whether nobody can listen: TLS, or this machine."""
        return self.url.lower().startswith("https:") or urlsplit(self.url).hostname in ("localhost", "127.0.0.1", "::1")

    @staticmethod
    def of(text: str, *, model: str | None = None, dialect: Dialect | None = None) -> "RemoteAddress":
        """Read an address, such as ``http://127.0.0.1:8080`` or ``cohere+https://api.example.com#model-name``.

        Args:
            text: The address. The path may end in the route itself, as in ``/v1/rerank``.
            model: Takes the place of a model after ``#``.
            dialect: Takes the place of a dialect before ``+``.

        Raises:
            ArgumentError: It is not an address of a server, or the dialect is unknown.
        """
        named, rest = _parts(text)
        spoken = named if dialect is None else dialect
        if spoken is not None:
            checked_choice(spoken, "dialect", DIALECTS)
        if model is not None and not _is_name(model):
            raise ArgumentError(
                f"model must be the name of a model, not {described(model)}; leave it out for the only one"
            )
        parts = _split(rest)
        path = _ROUTE.sub("", parts.path)
        url = f"{parts.scheme}://{parts.netloc}{path}"
        return RemoteAddress(url, cast("Dialect | None", spoken), model or parts.fragment or None)


def is_remote(name: object) -> bool:
    """Tell whether the name of a model is the address of a server."""
    return isinstance(name, str) and _ADDRESS.fullmatch(name) is not None


def _is_name(model: object) -> bool:
    return isinstance(model, str) and bool(model.strip()) and model.isprintable()


def _parts(text: object) -> tuple[str | None, str]:
    match = _ADDRESS.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ArgumentError(f"the address of a server looks like {EXAMPLE}, not like {text!r:.80}")
    return match[1] and match[1].lower(), match[2]


def _split(url: str) -> SplitResult:
    """Split an address, without repeating it in an error, because it may hold a key."""
    try:
        parts = urlsplit(url)
        hostname, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ArgumentError(f"the address of the server cannot be read: {error}") from None
    if parts.username is not None or parts.password is not None or parts.query:
        raise ArgumentError(
            "the address of a server must hold no user, password or ?query: give its key as key=..., or in the "
            "variable BICROSS_REMOTE_KEY"
        )
    if not hostname or not url.isascii() or not url.isprintable() or " " in url:
        raise ArgumentError(f"the address of a server looks like {EXAMPLE}; this one has no host, or odd characters")
    return parts

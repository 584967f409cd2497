"""GET / and the files that the page is made of."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from ..http import PAGE_FILES, ApiError

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # The browser refuses what would make elements of a text, such as innerHTML.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""What a browser lets the page do: it loads nothing of other hosts, and runs no script but its own files."""
FIRST = "index.html"
KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

router = APIRouter(include_in_schema=False)


@router.get("/")
def page() -> Response:
    """Return the page."""
    return _answer(FIRST)


@router.get(PAGE_FILES + "{name}")
def file(name: str) -> Response:
    """Return a file of the page."""
    if name not in _contents() or name == FIRST:
        raise ApiError(404, "unknown_file", "the page has no file of that name")
    return _answer(name)


@lru_cache(maxsize=1)
def _contents() -> Mapping[str, bytes]:
    """Return all files of the page by their names: a request can name no other file."""
    return {entry.name: entry.read_bytes() for entry in (Path(__file__).parent / "static").iterdir()}


def _answer(name: str) -> Response:
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
    return Response(_contents()[name], media_type=KINDS[name.rpartition(".")[2]], headers=headers)


ROUTERS = (router,)

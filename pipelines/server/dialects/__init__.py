"""The routes of other servers, for programs that know those: Cohere, Jina, Voyage, TEI, OpenAI, Dify."""

from .routers import ROUTERS

__all__ = ["ROUTERS"]

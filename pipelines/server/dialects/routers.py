"""All routes that other servers have too."""

from . import dify, openai, rerank_routes, tei

ROUTERS = (rerank_routes.router, openai.router, tei.router, dify.router)

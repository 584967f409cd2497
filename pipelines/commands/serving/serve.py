"""The command ``bicross serve``."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ....models import DEFAULT_RERANKER
from ..clusters import Opening, RayAddress, ReplicaCount, RerankerWorkerCount, ShardCount
from ..options import Device, FirstStageName, IndexEncoder, ModelName, Precision, Rerank, RetrieveK
from .listening import (
    AllowHost,
    CacheMegabytes,
    Host,
    Indexes,
    KeyFile,
    Port,
    RequestSeconds,
    RerankCount,
    named_indexes,
    require_packages,
    serve_until_signal,
)

if TYPE_CHECKING:
    from ...server import Mounted, Service

PACKAGES = ("fastapi", "prometheus_client", "uvicorn")


def serve_command(
    indexes: Indexes,
    *,
    host: Host = "127.0.0.1",
    port: Port = 8080,
    allow_host: AllowHost = None,
    key_file: KeyFile = None,
    write_key_file: Annotated[
        Path | None, typer.Option(help="The same for changes of documents; by default BICROSS_WRITE_KEY.")
    ] = None,
    retrieve_k: RetrieveK = None,
    rerank_k: RerankCount = None,
    first_stage: FirstStageName = None,
    rerank: Rerank = None,
    reranker: ModelName = DEFAULT_RERANKER,
    encoder: IndexEncoder = None,
    device: Device = None,
    dtype: Precision = "float32",
    request_seconds: RequestSeconds = 60.0,
    queue_seconds: Annotated[
        float, typer.Option(help="Seconds of work that may wait; what comes then is refused (429).")
    ] = 30.0,
    queue_tokens: Annotated[int, typer.Option(help="Tokens of all accepted requests together.")] = 2_000_000,
    batch_tokens: Annotated[int, typer.Option(help="Tokens of a batch; raise it on a GPU.")] = 4_096,
    cache_mb: CacheMegabytes = 32.0,
    query_log: Annotated[
        Path | None,
        typer.Option(help="A file that gets each query of a search as a JSON line; default: none."),
    ] = None,
    ray: RayAddress = None,
    shards: ShardCount = None,
    replicas: ReplicaCount = None,
    reranker_workers: RerankerWorkerCount = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address and readiness as JSON.")] = False,
) -> None:
    """Serve indexes to programs over HTTP, and to people by a page.

    Example: bicross serve my-index --port 8080
    """
    require_packages("bicross serve", "server", PACKAGES)
    opening = Opening(ray, shards, replicas, reranker_workers)
    opening.require_reranking(rerank)
    from ...search import SearchOptions
    from ...server import (
        KEY_VARIABLE,
        WRITE_KEY_VARIABLE,
        Limits,
        ModelOptions,
        ServerSettings,
        Service,
        read_key,
    )

    settings = ServerSettings(
        host=host,
        port=port,
        key=read_key(key_file, KEY_VARIABLE),
        write_key=read_key(write_key_file, WRITE_KEY_VARIABLE),
        hosts=tuple(allow_host or ()),
        query_log=query_log,
        limits=Limits(
            request_seconds=request_seconds,
            queue_seconds=queue_seconds,
            queue_tokens=queue_tokens,
            batch_tokens=batch_tokens,
        ),
    )
    search = SearchOptions(retrieve_k=retrieve_k, rerank_k=rerank_k, first_stage=first_stage, rerank=rerank or None)
    opened = opening.indexes(named_indexes(indexes))
    models = ModelOptions(
        encoder=encoder,
        reranker=None if rerank is False else reranker,
        device=device,
        dtype=dtype,
        search=search,
        cache_mb=cache_mb or None,
        ray=ray,
        reranker_workers=reranker_workers,
    )
    serve_until_signal(
        lambda: Service(opened, settings, models),
        settings,
        mount=_mounted,
        ready="{url}/ is a page to search.",
        as_json=as_json,
    )


def _mounted(service: "Service") -> "list[Mounted]":
    """Return the application of agents, at /mcp, where the extra ``mcp`` is installed."""
    if find_spec("mcp") is None:
        return []
    from ...integrations.mcp import mounted_agent

    return [mounted_agent(service)]

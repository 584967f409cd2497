"""The command ``bicross mcp``."""

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from ....errors import ArgumentError
from ....models import DEFAULT_RERANKER
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
    from ...integrations.mcp import ProtocolStreams
    from ...server import Mounted, Service

HOST, PORT = "127.0.0.1", 8765
PACKAGES = ("fastapi", "mcp", "prometheus_client", "uvicorn")


def mcp_command(
    indexes: Indexes,
    *,
    http: Annotated[
        bool, typer.Option("--http", help="Listen on a port, in place of standard input and output.")
    ] = False,
    host: Host = HOST,
    port: Port = PORT,
    allow_host: AllowHost = None,
    key_file: KeyFile = None,
    retrieve_k: RetrieveK = None,
    rerank_k: RerankCount = None,
    first_stage: FirstStageName = None,
    rerank: Rerank = None,
    reranker: ModelName = DEFAULT_RERANKER,
    encoder: IndexEncoder = None,
    device: Device = None,
    dtype: Precision = "float32",
    request_seconds: RequestSeconds = 60.0,
    cache_mb: CacheMegabytes = 32.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --http, print the address and readiness as JSON.")
    ] = False,
) -> None:
    """Let agents search indexes, by the Model Context Protocol.

    Example: bicross mcp my-index
    """
    require_packages("bicross mcp", "mcp", PACKAGES)
    if not http:
        _require_no_address(
            {"--host": host != HOST, "--port": port != PORT, "--allow-host": allow_host, "--key-file": key_file},
            as_json=as_json,
        )
    from ...integrations.mcp import protocol_streams

    with nullcontext() if http else protocol_streams() as streams:  # before anything is imported that may print
        from ....index import Index
        from ...search import SearchOptions
        from ...server import KEY_VARIABLE, Limits, ModelOptions, ServerSettings, Service, read_key

        settings = ServerSettings(
            host=host,
            port=port,
            key=read_key(key_file, KEY_VARIABLE) if http else None,
            hosts=tuple(allow_host or ()),
            limits=Limits(request_seconds=request_seconds),
        )
        models = ModelOptions(
            encoder=encoder,
            reranker=None if rerank is False else reranker,
            device=device,
            dtype=dtype,
            search=SearchOptions(
                retrieve_k=retrieve_k, rerank_k=rerank_k, first_stage=first_stage, rerank=rerank or None
            ),
            cache_mb=cache_mb or None,
        )
        opened = {name: Index.open(path) for name, path in named_indexes(indexes).items()}
        if streams is not None:
            _run_stdio(Service(opened, settings, models), streams)
            return
        serve_until_signal(
            lambda: Service(opened, settings, models),
            settings,
            mount=_mounted,
            alone=True,
            ready="agents reach it at {url}/mcp.",
            as_json=as_json,
        )


def _require_no_address(given: Mapping[str, object], *, as_json: bool) -> None:
    """Raise ``ArgumentError`` where something was given that means nothing on standard input and output."""
    if as_json:
        raise ArgumentError("--json goes with --http: without it standard output is for the protocol alone")
    for option, value in given.items():
        if value:
            raise ArgumentError(f"{option} goes with --http: without it an agent talks over standard input and output")


def _run_stdio(service: "Service", streams: "ProtocolStreams") -> None:
    """Serve the agent that started the process; what people should know goes to standard error."""
    from ...integrations.mcp import run_stdio

    def say(text: str) -> None:
        sys.stderr.write(f"bicross: {text}\n")
        sys.stderr.flush()

    say("answering an agent on standard input and output; the models are loading")
    run_stdio(service, streams, on_ready=lambda: say(f"ready: {', '.join(service.names)}"))


def _mounted(service: "Service") -> "list[Mounted]":
    from ...integrations.mcp import mounted_agent

    return [mounted_agent(service)]

"""The command ``bicross serve``."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ....errors import ArgumentError
from ....models import DEFAULT_RERANKER
from ..options import Device, FirstStageName, IndexEncoder, ModelName, Precision, Rerank, RetrieveK

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
PACKAGES = ("fastapi", "prometheus_client", "uvicorn")


def serve_command(
    indexes: Annotated[
        list[str],
        typer.Argument(metavar="[NAME=]INDEX...", help="Indexes to serve; the first one where a request names none."),
    ],
    *,
    host: Annotated[str, typer.Option(help="The address to listen on; others than loopback need a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 8080,
    key_file: Annotated[
        Path | None, typer.Option(help="A file with the API key; by default the variable BICROSS_API_KEY has it.")
    ] = None,
    write_key_file: Annotated[
        Path | None, typer.Option(help="The same for changes of documents; by default BICROSS_WRITE_KEY.")
    ] = None,
    retrieve_k: RetrieveK = None,
    rerank_k: Annotated[int | None, typer.Option(help="Candidates to rerank; default: as tuned, else 100.")] = None,
    first_stage: FirstStageName = None,
    rerank: Rerank = None,
    reranker: ModelName = DEFAULT_RERANKER,
    encoder: IndexEncoder = None,
    device: Device = None,
    dtype: Precision = "float32",
    request_seconds: Annotated[float, typer.Option(help="Seconds after which a request is given up.")] = 60.0,
    queue_seconds: Annotated[
        float, typer.Option(help="Seconds of work that may wait; what comes then is refused (429).")
    ] = 30.0,
    queue_tokens: Annotated[int, typer.Option(help="Tokens of all accepted requests together.")] = 2_000_000,
    batch_tokens: Annotated[int, typer.Option(help="Tokens of a batch; raise it on a GPU.")] = 4_096,
    cache_mb: Annotated[
        float, typer.Option(help="Million bytes that remember scores of pairs, for each index; 0 remembers none.")
    ] = 32.0,
    query_log: Annotated[
        Path | None,
        typer.Option(help="A file that gets each query of a search as a JSON line; default: none."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address and readiness as JSON.")] = False,
) -> None:
    """Serve indexes to programs over HTTP, and to people by a page.

    Example: bicross serve my-index --port 8080
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ArgumentError(f"bicross serve needs {', '.join(missing)}: pip install 'bicross[server]'")
    from ....index import Index
    from ...search import SearchOptions
    from ...server import (
        KEY_VARIABLE,
        WRITE_KEY_VARIABLE,
        Limits,
        ModelOptions,
        ServerSettings,
        Service,
        listen,
        read_key,
        run_server,
    )

    settings = ServerSettings(
        host=host,
        port=port,
        key=read_key(key_file, KEY_VARIABLE),
        write_key=read_key(write_key_file, WRITE_KEY_VARIABLE),
        query_log=query_log,
        limits=Limits(
            request_seconds=request_seconds,
            queue_seconds=queue_seconds,
            queue_tokens=queue_tokens,
            batch_tokens=batch_tokens,
        ),
    )
    search = SearchOptions(retrieve_k=retrieve_k, rerank_k=rerank_k, first_stage=first_stage, rerank=rerank or None)
    opened = {name: Index.open(path) for name, path in _named(indexes).items()}
    models = ModelOptions(
        encoder=encoder,
        reranker=None if rerank is False else reranker,
        device=device,
        dtype=dtype,
        search=search,
        cache_mb=cache_mb or None,
    )
    listener = listen(settings)
    address = listener.getsockname()
    url = f"http://[{address[0]}]:{address[1]}" if ":" in address[0] else f"http://{address[0]}:{address[1]}"
    say = _Saying(as_json=as_json)
    say("listening", url, f"Listening on {url}; the models are loading.")
    service = Service(opened, settings, models)

    def on_ready() -> None:
        settings_of = {name: service.index(name).pipeline.settings for name in opened}
        lines = [f"Settings of {name}: {settings}" for name, settings in settings_of.items()]
        text = "\n".join([f"Ready: {', '.join(opened)}; {url}/ is a page to search. Ctrl-C ends it.", *lines])
        say("ready", url, text, settings={name: settings.to_dict() for name, settings in settings_of.items()})

    run_server(service, listener, on_ready=on_ready)
    say("ended", url, "All accepted requests are answered.")


class _Saying:
    """Prints what the server does, as text or as a line of JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def __call__(self, status: str, url: str, text: str, **further: object) -> None:
        if self._as_json:
            from ..output import print_json

            print_json({"status": status, "url": url, **further})
        else:
            typer.echo(text)
        sys.stdout.flush()


def _named(indexes: list[str]) -> dict[str, str]:
    """Return the path of each index by its name: what stands before "=", or the name of its folder."""
    named: dict[str, str] = {}
    for given in indexes:
        name, has_name, path = given.partition("=")
        if not has_name or not NAME.fullmatch(name):
            name, path = Path(given).resolve().name, given
        if not NAME.fullmatch(name):
            raise ArgumentError(f"give the index {given!r} a name of letters, digits, - and _, as in articles={given}")
        if name in named:
            raise ArgumentError(f"two indexes have the name {name!r}: name one of them otherwise, as in other={path}")
        named[name] = path
    return named

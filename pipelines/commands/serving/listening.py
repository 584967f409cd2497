"""What the commands that serve share: the names of indexes, the address, and what they print of themselves."""

import re
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from ....errors import ArgumentError

if TYPE_CHECKING:
    from ...server import Mounted, ServerSettings, Service

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

Indexes = Annotated[
    list[str],
    typer.Argument(metavar="[NAME=]INDEX...", help="Indexes to serve; the first one where a request names none."),
]
Host = Annotated[str, typer.Option(help="The address to listen on; others than loopback need a key.")]
Port = Annotated[int, typer.Option(help="The port; 0 takes a free one.")]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        help="A further name that requests may call the server by, as behind a proxy. Without a key, and where any is "
        "given, other names are refused.",
        metavar="NAME",
    ),
]
KeyFile = Annotated[
    Path | None, typer.Option(help="A file with the API key; by default the variable BICROSS_API_KEY has it.")
]
RequestSeconds = Annotated[float, typer.Option(help="Seconds after which a request is given up.")]
CacheMegabytes = Annotated[
    float, typer.Option(help="Million bytes that remember scores of pairs, for each index; 0 remembers none.")
]
RerankCount = Annotated[int | None, typer.Option(help="Candidates to rerank; default: as tuned, else 100.")]


def require_packages(command: str, extra: str, packages: tuple[str, ...]) -> None:
    """Raise ``ArgumentError`` unless the packages of an extra are installed."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ArgumentError(f"{command} needs {', '.join(missing)}: pip install 'bicross[{extra}]'")


def serve_until_signal(
    make_service: "Callable[[], Service]",
    settings: "ServerSettings",
    *,
    mount: "Callable[[Service], Sequence[Mounted]]",
    alone: bool = False,
    ready: str,
    as_json: bool,
) -> None:
    """Listen, load the models, serve until a signal, and print each of these.

    Args:
        make_service: Called when the address is taken: what takes it first is told so at once.
        settings: Where to listen.
        mount: Returns what is served at paths of their own.
        alone: Whether there is nothing beside that but health and metrics.
        ready: What to print of the address when the server is ready; ``{url}`` is the address.
        as_json: Whether to print JSON.
    """
    from ...server import listen, run_server

    listener = listen(settings)
    address = listener.getsockname()
    url = f"http://[{address[0]}]:{address[1]}" if ":" in address[0] else f"http://{address[0]}:{address[1]}"
    say = _Saying(as_json=as_json)
    say("listening", url, f"Listening on {url}; the models are loading.")
    service = make_service()

    def on_ready() -> None:
        settings_of = {name: service.index(name).pipeline.settings for name in service.names}
        lines = [f"Settings of {name}: {settings}" for name, settings in settings_of.items()]
        text = "\n".join([f"Ready: {', '.join(service.names)}; {ready.format(url=url)} Ctrl-C ends it.", *lines])
        say("ready", url, text, settings={name: settings.to_dict() for name, settings in settings_of.items()})

    run_server(service, listener, on_ready=on_ready, mounted=mount(service), alone=alone)
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


def named_indexes(indexes: list[str]) -> dict[str, str]:
    """Return the path of each index by its name: what stands before "=", or the name of its folder."""
    named: dict[str, str] = {}
    for given in indexes:
        name, has_name, path = given.partition("=")
        if not has_name or not NAME.fullmatch(name):
            name, path = Path(given).resolve().name, given
        if not NAME.fullmatch(name):
            example = f"articles={quote(given)}"  # to be pasted into a shell
            raise ArgumentError(f"give the index {given!r} a name of letters, digits, - and _, as in {example}")
        if name in named:
            raise ArgumentError(f"two indexes have the name {name!r}: name one of them otherwise, as in other={path}")
        named[name] = path
    return named

"""Runs a server until a signal ends it: unready first, then what was accepted is answered."""

import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn

from ...errors import ArgumentError
from .app import create_app
from .mounting import Mounted
from .protocol import protocol_with
from .service import Service
from .settings import ServerSettings

logger = logging.getLogger("bicross")

UNREADY_SECONDS = 0.5
"""How long a server that has nothing to do still says that it is not ready, so that a load balancer hears of it."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Server(uvicorn.Server):
    """Ends in two steps: it refuses new work while it answers what it accepted, then it closes its connections."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._ends_at: float | None = None
        self._asked = 0

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Hear signals while the block runs; they end no process by themselves."""
        with hearing(self.handle_exit):
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins the end, the second does not wait for answers."""
        self._asked += 1
        self._service.stop()
        if self._asked > 1:
            self.should_exit = self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Tell whether to close the connections."""
        if await super().on_tick(counter):
            return True
        if not self._asked:
            return False
        now, limits = time.monotonic(), self._service.settings.limits
        if self._ends_at is None:
            self._ends_at = now + limits.drain_seconds
        answered = self._service.admission.requests == 0
        unready_for = now - (self._ends_at - limits.drain_seconds)
        return (answered and unready_for >= UNREADY_SECONDS) or now >= self._ends_at


@contextmanager
def hearing(handler: Callable[[int, FrameType | None], None]) -> Generator[None]:
    """Give Ctrl-C and SIGTERM to a function while the block runs, in the main thread; elsewhere there are none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    wakeup = signal.set_wakeup_fd(-1)  # a command ends its process when it hears a signal
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, original in before.items():
            signal.signal(number, original)
        signal.set_wakeup_fd(wakeup)


def listen(settings: ServerSettings) -> socket.socket:
    """Take the address of a server.

    Raises:
        ArgumentError: It cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        raise ArgumentError(
            f"port={settings.port} of {settings.host} cannot be had ({error.strerror or error}); take another --port"
        ) from None


def run_server(
    service: Service,
    listener: socket.socket,
    *,
    on_ready: Callable[[], None],
    mounted: Sequence[Mounted] = (),
    alone: bool = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C. The models load while health is answered already.

    Args:
        service: Loaded here, and closed at the end.
        listener: Where to listen.
        on_ready: Called when the service is loaded.
        mounted: As for ``create_app``.
        alone: As for ``create_app``.

    Raises:
        BicrossError: A model cannot be loaded.
    """
    limits = service.settings.limits
    config = uvicorn.Config(
        create_app(service, mounted, alone=alone),
        http=protocol_with(limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=int(max(1, limits.header_seconds)),
        timeout_graceful_shutdown=int(max(1, limits.drain_seconds)),
    )
    server, failures = _Server(config, service), list[Exception]()

    def load() -> None:
        try:
            service.load()
        except Exception as error:  # noqa: BLE001 - raised where the server was started
            if not service.admission.stopping:  # else it fails because it is closed meanwhile
                failures.append(error)
            server.should_exit = True
            return
        if not service.admission.stopping:
            on_ready()
            service.watch()

    threading.Thread(target=load, name="loading", daemon=True).start()
    try:
        server.run(sockets=[listener])
    finally:
        service.close()
    if failures:
        raise failures[0]

"""Lets agents search indexes by the Model Context Protocol. It needs the extra ``mcp``."""

from typing import TYPE_CHECKING

from bicross.lazy import lazy_names

if TYPE_CHECKING:
    from .http import mounted_agent
    from .server import agent_server
    from .stdio import run_stdio
    from .streams import ProtocolStreams, protocol_streams

__all__ = ["ProtocolStreams", "agent_server", "mounted_agent", "protocol_streams", "run_stdio"]

# The streams of the protocol are taken before anything is imported that may print.
__getattr__ = lazy_names(
    __name__,
    {
        "http": ("mounted_agent",),
        "server": ("agent_server",),
        "stdio": ("run_stdio",),
        "streams": ("ProtocolStreams", "protocol_streams"),
    },
    extra="mcp",
)

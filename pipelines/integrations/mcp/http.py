"""The Model Context Protocol over streamable HTTP, mounted in a server of HTTP."""

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from ...server import Mounted, Service
from .server import agent_server

PATH = "/mcp"


def mounted_agent(service: Service) -> Mounted:
    """Return what ``create_app`` mounts at ``/mcp``.

    No state is kept between requests. Keys, names of hosts and limits of bodies are those of the whole
    server.

    Args:
        service: The indexes and models.
    """
    limit = service.settings.limits.body_bytes
    manager = StreamableHTTPSessionManager(agent_server(service), stateless=True, max_request_body_size=limit)
    return Mounted(PATH, manager.handle_request, manager.run)

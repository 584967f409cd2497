"""What a model is told of an error: what is wrong, and what to do."""

from mcp.server.mcpserver.exceptions import ToolError

from ....errors import ArgumentError, DocumentError
from ...server import ApiError, DeadlinePassed, ServedIndex, api_error

FIELDS_REMEDY = "index_info names the fields, with their types and values"


def told(error: Exception, served: ServedIndex | None = None) -> str:
    """Return the text that a model reads of an error; what nobody foresaw is logged, and its text stays here.

    Args:
        error: What was raised.
        served: The index that was asked. Its folder is nobody's business: its name stands in its place.
    """
    cause = error.__cause__
    if isinstance(error, ToolError):
        text = str(error)
    elif isinstance(error, DeadlinePassed):
        text = "there was no answer in time: ask again for less, or later"
    elif isinstance(error, ApiError) and error.kind == "bad_filter":
        # The answer over HTTP repeats no input; a model mends its own filter by reading it.
        text = f"where: {cause or error}; {FIELDS_REMEDY}"
    elif isinstance(error, ArgumentError | DocumentError):
        text = str(error)
    else:
        text = api_error(error).message
    if served is not None:
        text = text.replace(str(served.path), served.name)
    return text.encode("utf-8", "backslashreplace").decode()

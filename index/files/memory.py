"""Tells a machine that is out of memory from a damaged file."""

import errno
import os


def raise_if_out_of_memory(error: Exception) -> None:
    """Raise ``MemoryError`` if an error means that memory is exhausted.

    When a file cannot be mapped, Arrow and FAISS raise the same errors as for a damaged file; only the text differs.
    """
    if isinstance(error, MemoryError):
        raise error
    if os.strerror(errno.ENOMEM) in str(error):
        raise MemoryError(str(error)) from error

"""Tells an error of a machine that is out of memory from one of a damaged file."""

import errno
import os


def raise_if_out_of_memory(error: Exception) -> None:
    """Raise ``MemoryError`` where that is what an error means.

    Arrow and FAISS say that a file cannot be mapped as they say that it is damaged: only the text is another.
    """
    if isinstance(error, MemoryError):
        raise error
    if os.strerror(errno.ENOMEM) in str(error):
        raise MemoryError(str(error)) from error

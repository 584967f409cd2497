"""Counts of things in messages."""


def counted(count: int, one: str, several: str = "") -> str:
    """Return a count with what is counted.

    Args:
        count: The count.
        one: What one of them is called, with the words that follow.
        several: What several are called, and none; without it ``one`` with an s.

    Example:
        >>> counted(1, "file"), counted(2000, "file"), counted(0, "query", "queries")
        ('1 file', '2,000 files', '0 queries')
    """
    return f"{count:,} {one if count == 1 else several or one + 's'}"

"""Counts of things in messages."""


def counted(count: int, singular: str, plural: str = "") -> str:
    """Return a count with what is counted.

    Args:
        count: The count.
        singular: What one of them is called, with the words that follow.
        plural: What several are called, and none; without it ``singular`` with an s.

    Example:
        >>> counted(1, "file"), counted(2000, "file"), counted(0, "query", "queries")
        ('1 file', '2,000 files', '0 queries')
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"

"""Unread: which documents may be in the files and folders that could not be read."""


class Unread:
    """What one pass over a source could not read although it is there, as where a disk or a permission is in the way.

    Their documents are not gone: they only cannot be seen.
    """

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._any = False

    def add_file(self, name: str) -> None:
        """Note a file whose documents have its name, or begin with it and a ``#``."""
        self._files.add(name)

    def add_any(self) -> None:
        """Note a folder or a file of rows: nothing tells which documents are in it."""
        self._any = True

    def may_hold(self, document_id: str) -> bool:
        """Whether the document with an id may be in what could not be read."""
        if self._any or document_id in self._files:
            return True
        return any(document_id.startswith(f"{name}#") for name in self._files)

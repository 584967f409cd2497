"""IgnoreFiles: what the ``.gitignore`` files of a folder, and of the repository around it, leave out."""

from pathlib import Path
from typing import TYPE_CHECKING

from ....errors import ArgumentError, SourceError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_NAME = ".gitignore"
_MOST_BYTES = 2**20


class IgnoreFiles:
    """Says of each file and folder of a tree whether git would ignore it. The tree is walked from the top down.

    Args:
        root: The folder that is read. The files of the folders above it count too, up to the one that has ``.git``.
    """

    def __init__(self, root: Path) -> None:
        """Read what stands above.

        Raises:
            ArgumentError: pathspec is not installed.
            SourceError: A ``.gitignore`` cannot be read.
        """
        try:
            from pathspec import GitIgnoreSpec
        except ImportError as error:
            raise ArgumentError("gitignore=True needs pathspec: pip install 'bicross[files]'") from error
        self._make = GitIgnoreSpec.from_lines
        self._specs: dict[Path, GitIgnoreSpec | None] = {}
        self._root = root.absolute()
        above = [self._root, *self._root.parents]
        repository = next((folder for folder in above if (folder / ".git").exists()), self._root)
        self._tops = above[1 : above.index(repository) + 1]
        for folder in self._tops:
            self._specs[folder] = self._read(folder)

    def ignores(self, path: Path, *, is_folder: bool) -> bool:
        """Whether git would ignore a file or folder in the tree."""
        path = path.absolute()
        for folder in path.parents:
            if folder not in self._specs:
                self._specs[folder] = self._read(folder)
            spec = self._specs[folder]
            if spec is not None:
                name = path.relative_to(folder).as_posix() + ("/" if is_folder else "")
                said = spec.check_file(name).include
                if said is not None:
                    return said
            if folder == (self._tops[-1] if self._tops else self._root):
                return False
        return False

    def _read(self, folder: Path) -> "GitIgnoreSpec | None":
        path = folder / _NAME
        try:
            if not path.is_file():
                return None
            with path.open("rb") as file:
                lines = file.read(_MOST_BYTES).decode("utf-8", "replace").splitlines()
            return self._make(lines)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise SourceError(
                f"{path} cannot be read: {reason}; mend it, or leave out gitignore (--gitignore)"
            ) from None

"""IgnoreFiles: what the ``.gitignore`` files of a folder, and of the repository around it, leave out."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from ....errors import ArgumentError, SourceError

_Line = tuple[re.Pattern[str], bool]
"""The expression of a line of a file, and whether it ignores what it matches."""
_NAME = ".gitignore"
_MOST_BYTES = 2**20
_FOLDER = "ps_d"
"""The group of pathspec's expressions that is the slash after the name of a folder."""


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
        self._lines: dict[Path, list[_Line]] = {}
        self._root = root.absolute()
        above = [self._root, *self._root.parents]
        repository = next((folder for folder in above if (folder / ".git").exists()), self._root)
        self._tops = above[1 : above.index(repository) + 1]
        for folder in self._tops:
            self._lines[folder] = self._read(folder)

    def ignores(self, path: Path, *, is_folder: bool) -> bool:
        """Whether git would ignore a file or folder in the tree."""
        path = path.absolute()
        for folder in path.parents:
            if folder not in self._lines:
                self._lines[folder] = self._read(folder)
            said = _said_of(self._lines[folder], path.relative_to(folder).as_posix(), is_folder=is_folder)
            if said is not None:
                return said
            if folder == (self._tops[-1] if self._tops else self._root):
                return False
        return False

    def _read(self, folder: Path) -> list[_Line]:
        path = folder / _NAME
        try:
            if not path.is_file():
                return []
            with path.open("rb") as file:
                lines = file.read(_MOST_BYTES).decode("utf-8", "replace").splitlines()
            patterns = self._make(lines).patterns
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise SourceError(
                f"{path} cannot be read: {reason}; mend it, or leave out gitignore (--gitignore)"
            ) from None
        expressions = [cast("re.Pattern[str] | None", getattr(pattern, "regex", None)) for pattern in patterns]
        return [  # empty lines and comments have no expression
            (expression, pattern.include)
            for expression, pattern in zip(expressions, patterns, strict=True)
            if expression is not None and pattern.include is not None
        ]


def _said_of(lines: Sequence[_Line], name: str, *, is_folder: bool) -> bool | None:
    """Return whether the lines of a file ignore a path; None where none of them is about it.

    pathspec takes what is said of a folder for what is in it too. Git asks of each folder on the way, and then of the
    path alone, so that a folder that is kept says nothing of its files: other lines, of files above too, still count.
    """
    for regex, ignored in reversed(lines):
        found = regex.search(name)
        if found is not None and found.groupdict().get(_FOLDER) is None:
            return ignored
        of_folders = regex.finditer(f"{name}/") if is_folder else ()
        if any(match.groupdict().get(_FOLDER) and match.end(_FOLDER) > len(name) for match in of_folders):
            return ignored
    return None

"""NamedSource: what a user has named as a source."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ....errors import ArgumentError, SourceError
from ..accounting import LeftOutKind
from .endings import KINDS, check_library, ending_of, ending_of_format, refusal
from .entries import NotRead, SourceFile, printable
from .folder import folder_entries
from .standard_input import STANDARD_INPUT, copy_standard_input

CORPORA = ("corpus.jsonl", "corpus.jsonl.gz")
"""The documents of a BEIR folder."""

_BESIDE_CORPUS = ("queries.jsonl", "queries.jsonl.gz")


@dataclass(frozen=True, slots=True)
class NamedSource:
    """A file, a folder or standard input.

    Attributes:
        name: How messages name it.
        is_folder: Whether it is a folder, in which one bad file does not spoil the others.
        entries: Lists the files to read and what is left out, anew at every call.
    """

    name: str
    is_folder: bool
    entries: Callable[[], Sequence[SourceFile | NotRead]]


def find_source(
    path: Path,
    *,
    format_name: str | None,
    ignored: Sequence[Path],
    scratch: Callable[[], Path],
    gitignore: bool = False,
) -> NamedSource:
    """Return the source at a path.

    Args:
        path: A file, a folder, or ``-`` for standard input.
        format_name: How a file is to be read, whatever its name; None: as its name ends.
        ignored: Files in a folder that belong to bicross.
        scratch: Makes a folder in which a copy of standard input is kept.
        gitignore: Whether to leave out of a folder what ``.gitignore`` files name.

    Raises:
        SourceError: There is nothing to read.
        ArgumentError: The format is not known, or is named for a folder.
    """
    ending = "" if format_name is None else ending_of_format(format_name)
    if str(path) == STANDARD_INPUT:
        file = copy_standard_input(scratch(), ending)
        return NamedSource(file.shown, is_folder=False, entries=lambda: [file])
    try:
        is_there = path.exists()
    except (OSError, ValueError) as error:  # a name that is too long, a folder that is closed, or a NUL
        reason = error.strerror if isinstance(error, OSError) else error
        raise SourceError(f"{str(path)!r:.200} cannot be looked for: {reason}") from None
    if not is_there:
        raise SourceError(f"there is no {path}: check its name, and the folder that you are in")
    if path.is_dir():
        if ending:
            raise ArgumentError(
                f"{path} is a folder: the format (--format) of its files follows from their names; name one file"
            )
        return _folder(path, ignored, gitignore=gitignore)
    file = _file(path, ending or ending_of(path))
    return NamedSource(file.shown, is_folder=False, entries=lambda: [file])


def _file(path: Path, ending: str) -> SourceFile:
    if not ending:
        raise refusal(path)
    check_library(path, ending)
    size = path.stat().st_size
    if size == 0 and path.is_file():
        raise SourceError(f"{path} is empty: write or copy it again, or name another file")
    return SourceFile(path, printable(path.name), ending, size, printable(path))


def _folder(path: Path, ignored: Sequence[Path], *, gitignore: bool) -> NamedSource:
    corpus = next((path / name for name in CORPORA if (path / name).exists()), None)
    if corpus is not None:
        entries = partial(_corpus_entries, path, corpus, ignored)
    else:
        entries = partial(folder_entries, path, ignored, gitignore=gitignore)
    contents = entries()
    if not any(isinstance(entry, SourceFile) for entry in contents):
        raise SourceError(f"the folder {printable(path)} holds no documents{_contents(contents)}; {KINDS}")
    return NamedSource(printable(path), is_folder=corpus is None, entries=entries)


def _corpus_entries(folder: Path, corpus: Path, ignored: Sequence[Path]) -> list[SourceFile | NotRead]:
    """Return the corpus of a BEIR folder, and what is there besides its queries and judgments."""
    entries: list[SourceFile | NotRead] = [_file(corpus, ending_of(corpus))]
    for entry in folder_entries(folder, ignored):
        is_known = entry.name == corpus.name or entry.name in _BESIDE_CORPUS or entry.name.startswith("qrels/")
        if isinstance(entry, NotRead):
            entries += [] if is_known else [NotRead(entry.name, entry.kind)]
        elif not is_known:
            entries.append(NotRead(printable(entry.name), "beside"))
    return entries


def _contents(entries: Sequence[SourceFile | NotRead]) -> str:
    """Say what a folder holds that is not read."""
    kinds: dict[LeftOutKind, list[str]] = {}
    for entry in entries:
        if isinstance(entry, NotRead):
            kinds.setdefault(entry.kind, []).append(entry.name)
    if not kinds:
        return ""
    named = [f"{len(names)} left out ({kind}: {', '.join(names[:3])})" for kind, names in kinds.items()]
    return f", only {'; '.join(named)}"

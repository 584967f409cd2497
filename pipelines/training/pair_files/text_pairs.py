"""Reads pairs of texts, with or without what a person said of them, from JSON Lines, JSON, CSV or TSV."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ....errors import ArgumentError, TrainingError
from ...lines import STANDARD_INPUT, without_gz
from .judgments import text_value
from .roles import looks_like_names, plain_name
from .rows import PAIR_FILES, named_rows

TEXT_COLUMNS = (
    ("sentence1", "sentence2"),
    ("sentence_1", "sentence_2"),
    ("sentence_a", "sentence_b"),
    ("text1", "text2"),
    ("text_1", "text_2"),
    ("text_a", "text_b"),
    ("question1", "question2"),
    ("premise", "hypothesis"),
    ("first", "second"),
    ("query", "passage"),
    ("query", "document"),
)
"""The names by which the columns of both texts are known."""
_UNNAMED = ("first", "second", "label")
_WHAT = "two texts, such as sentence1 and sentence2"


@dataclass(frozen=True, slots=True)
class PairColumns:
    """The columns of a file of pairs; None finds them by their names.

    Attributes:
        first: The column of the first text.
        second: The column of the second text.
        label: The column of what a person said of both.
        labels: The names by which ``label`` is known; empty: no label is read.
    """

    first: str | None = None
    second: str | None = None
    label: str | None = None
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.first is None) != (self.second is None):
            raise ArgumentError(
                f"first_column is {self.first!r} and second_column {self.second!r}: name both, or neither"
            )

    def of(self, names: Collection[str]) -> tuple[str, str, str | None]:
        """Tell which columns of a row hold the first text, the second text and the label.

        Raises:
            ValueError: That cannot be told; the message says why, without the place.
        """
        first, second = self._texts(names)
        return first, second, self._label(names)

    def _texts(self, names: Collection[str]) -> tuple[str, str]:
        if self.first is not None and self.second is not None:
            for name in (self.first, self.second):
                if name not in names:
                    raise ValueError(f"has no column {name!r}, only {', '.join(names)}")
            return self.first, self.second
        written = {plain_name(name): name for name in names}
        pairs = [
            (written[first], written[second])
            for first, second in TEXT_COLUMNS
            if first in written and second in written
        ]
        if len(pairs) != 1:
            fault = (
                f"has both {pairs[0][1]} and {pairs[1][1]}" if pairs else f"has {', '.join(names)} in place of {_WHAT}"
            )
            raise ValueError(f"{fault}; name the columns with first_column and second_column")
        return pairs[0]

    def _label(self, names: Collection[str]) -> str | None:
        if self.label is not None:
            if self.label not in names:
                raise ValueError(f"has no column {self.label!r}, only {', '.join(names)}")
            return self.label
        present = [name for name in names if plain_name(name) in self.labels]
        if self.labels and len(present) != 1:
            fault = (
                f"has both {present[0]} and {present[1]}"
                if present
                else f"has no column {' or '.join(self.labels)}, only {', '.join(names)}"
            )
            raise ValueError(f"{fault}; name the column of the label with label_column")
        return present[0] if present else None


@dataclass(frozen=True, slots=True)
class TextPair:
    """A pair of texts in a file.

    Attributes:
        line: Its line, from 1.
        first: The first text.
        second: The second text.
        label: What stands in the column of labels; None where none is read.
        row: The whole row, by the names of its columns.
    """

    line: int
    first: str
    second: str
    label: object
    row: Mapping[str, object]


def text_pairs(path: Path, columns: PairColumns, *, kind: str | None = None) -> Iterator[TextPair]:
    """Yield the pairs of a file, one after the other.

    A TSV or CSV file may begin with a line of names; else its columns are the first text, the second text and perhaps a
    label.

    Args:
        path: The file, also as gzip; "-" is standard input.
        columns: Which columns are what.
        kind: How it is read: "jsonl", "json", "csv" or "tsv"; None goes by the end of the name. Standard input is
            JSON Lines then.

    Raises:
        ArgumentError: The kind is not known.
        TrainingError: A row cannot be read; it names file and line.
    """
    ending = kind_of_pairs(path, kind)
    roles_by_names: dict[tuple[str, ...], tuple[str, str, str | None]] = {}
    for line, row in named_rows(path, lambda fields: _names_of(fields, columns), kind=ending, what=_WHAT):
        names = tuple(row)
        try:
            if names not in roles_by_names:
                roles_by_names[names] = columns.of(names)
            first, second, label = roles_by_names[names]
            texts = text_value(first, row[first]), text_value(second, row[second])
        except ValueError as error:
            raise TrainingError(str(error), source=str(path), line=line) from None
        yield TextPair(line, *texts, None if label is None else row[label], row)


def kind_of_pairs(path: Path, kind: str | None) -> str:
    """Return the ending by which a file of pairs is read.

    Raises:
        ArgumentError: There is none.
    """
    ending = f".{kind.lower().lstrip('.')}" if kind else without_gz(path).suffix
    if not kind and path == STANDARD_INPUT:
        return ".jsonl"
    if not kind and path.is_dir():
        raise ArgumentError(f"{path} is a folder: name a file of pairs in it")
    if ending not in PAIR_FILES:
        kinds = ", ".join(ending.lstrip(".") for ending in PAIR_FILES)
        if kind:
            raise ArgumentError(f"format must be one of {kinds}, not {kind!r}")
        raise ArgumentError(f"{path} has no ending that says how it is read: let its name end in one of {kinds}")
    return ending


def _names_of(fields: Sequence[str], columns: PairColumns) -> tuple[Sequence[str], bool]:
    try:
        columns.of(fields)
    except ValueError:
        usual_names = {name for names in TEXT_COLUMNS for name in names}
        is_header = looks_like_names(fields) or any(plain_name(field) in usual_names for field in fields)
        if columns.first is not None or columns.label is not None or is_header:
            raise
        if len(fields) not in (2, 3) or (columns.labels and len(fields) == 2):
            expected = "two texts and a label" if columns.labels else "two texts"
            raise ValueError(
                f"has {len(fields)} columns and no names of columns: write names in the first line, or leave only "
                f"{expected}"
            ) from None
        return _UNNAMED[: len(fields)], False
    return fields, True

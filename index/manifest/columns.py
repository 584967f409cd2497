"""The names of the columns that a segment can store for its passages besides vectors."""

import re
from dataclasses import dataclass

from ...errors import ArgumentError


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """How a stored column is called: in a segment, in the manifest, and in messages.

    Attributes:
        file: Its file in a segment. The file exists exactly where the index stores the column.
        field: The field of ``Manifest`` that names what made the column; the field is empty where it is not stored.
        key: The key of that field in the manifest file.
        values: What the column holds, in words.
        maker: What makes it, in words.
        pattern: A regular expression that the name of the maker must match.
        form: What the pattern allows, in words.
    """

    file: str
    field: str
    key: str
    values: str
    maker: str
    pattern: str
    form: str

    def check_maker(self, name: str) -> None:
        """Raise ``ArgumentError`` unless a manifest can hold ``name`` as the maker of this column."""
        if not re.fullmatch(self.pattern, name):
            raise ArgumentError(f"the {self.maker} must be {self.form}, or '' for none, not {name!r:.100}")

    def described(self, name: str) -> str:
        """The maker in a message, such as "the analyzer words-1", or "no analyzer" for an empty name."""
        return f"the {self.maker} {name}" if name else f"no {self.maker}"


TOKEN_IDS_NAMES = ColumnNames(
    file="tokens.arrow",
    field="tokenizer_fingerprint",
    key="tokenizer",
    values="token ids",
    maker="tokenizer",
    pattern="([0-9a-f]{64})?",
    form="given by its sha256, 64 hexadecimal digits in lower case",
)
POSTINGS_NAMES = ColumnNames(
    file="terms.arrow",
    field="analyzer",
    key="lexical",
    values="terms",
    maker="analyzer",
    pattern="[a-z0-9_.-]{0,60}",
    form="a name of at most 60 characters from a-z, 0-9, '_', '.' and '-'",
)
COLUMN_NAMES = (TOKEN_IDS_NAMES, POSTINGS_NAMES)

"""The names of the columns that a segment can store for its passages besides vectors."""

import re
from dataclasses import dataclass
from typing import Any

from ...errors import ArgumentError


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """The names of a stored column: in a segment, in the manifest, and in messages.

    Attributes:
        file: Its file in a segment. The file exists if and only if the index stores the column.
        field: The field of ``Manifest`` with the name of the maker; it is empty if the column is not stored.
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
        """Check the name of a maker of this column.

        Raises:
            ArgumentError: A manifest cannot hold the name.
        """
        unchecked: Any = name
        if not isinstance(unchecked, str) or not re.fullmatch(self.pattern, name):
            raise ArgumentError(f"the {self.maker} must be {self.form}, or '' for none, not {name!r:.100}")

    def described(self, name: str) -> str:
        """Return the maker for a message, such as "the analyzer words-1", or "no analyzer" for an empty name."""
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
TOKEN_VECTORS_NAMES = ColumnNames(
    file="token_vectors.arrow",
    field="late_interaction_fingerprint",
    key="late_interaction",
    values="token vectors",
    maker="late-interaction model",
    pattern="([0-9a-f]{64})?",
    form="given by its sha256, 64 hexadecimal digits in lower case",
)
COLUMN_NAMES = (TOKEN_IDS_NAMES, POSTINGS_NAMES, TOKEN_VECTORS_NAMES)

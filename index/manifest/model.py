"""ModelFingerprint: identifies the model of an index."""

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from ...errors import IndexModelMismatch
from ..files import Count

_UNKNOWN = {"settings_sha256": "", "tokenizer_sha256": hashlib.sha256().hexdigest()}
"""What indexes of before hold where these were not looked at: the latter for tokenizers of SentencePiece."""


@dataclass(frozen=True, slots=True)
class ModelFingerprint:
    """Identifies the model that made the vectors, and how it made them.

    Vectors of two models mix only if every field but ``id`` and ``revision`` is equal.

    Attributes:
        id: Where the model came from: a hub id or a folder.
        revision: The revision on the hub; empty if there is none.
        weights_sha256: The sha256 of the weights, in hex.
        tokenizer_sha256: The sha256 of the tokenizer, in hex.
        dimension: The length of a vector.
        pooling: How token vectors become the vector of a text.
        normalised: Whether vectors have length 1.
        query_prompt: The text put before a query.
        document_prompt: The text put before a passage.
        max_length: The most tokens of a text, special tokens included.
        settings_sha256: The sha256 of all other settings that vectors depend on, in hex; empty in indexes of before,
            and for encoders that have none.
    """

    id: str
    revision: str
    weights_sha256: str
    tokenizer_sha256: str
    dimension: Annotated[int, Field(ge=1, le=2**20)]
    pooling: str
    normalised: bool
    query_prompt: str
    document_prompt: str
    max_length: Count
    settings_sha256: str = ""

    def require_same(self, other: "ModelFingerprint") -> None:
        """Check that ``other``, the model at hand, is the model of the index.

        Raises:
            IndexModelMismatch: They differ. The message names each field with both values.
        """
        differing = [
            f"{field.name}: {getattr(self, field.name)!r} in the index, {getattr(other, field.name)!r} in the model"
            for field in dataclasses.fields(self)
            if field.name not in ("id", "revision")
            and getattr(self, field.name) not in (_UNKNOWN.get(field.name), getattr(other, field.name))
        ]
        if differing:
            raise IndexModelMismatch(
                f"the index was built with {self.id!r}, which is not {other.id!r} ({'; '.join(differing)}). "
                f"Search it with {self.id!r}, or build it again with {other.id!r}."
            )

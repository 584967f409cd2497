"""An instance check for protocols that does not evaluate properties, and what models say of how they read texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import getattr_static
from typing import Generic, Protocol, TypeGuard

from .loading import Dtype

_MISSING = object()


def has_members(value: object, protocol: type) -> bool:
    """Tell whether an object has every public member of a protocol.

    On Python 3.11 ``isinstance`` with a runtime-checkable protocol reads each property, and one of ours hashes the
    weights of a model. Here members are looked up on the type and in the object's own attributes, and never computed.

    Args:
        value: Any object.
        protocol: A protocol class; members of its base protocols count too.
    """
    return all(getattr_static(value, name, _MISSING) is not _MISSING for name in _members(protocol))


@dataclass(frozen=True, slots=True)
class TextReading:
    """How a model reads a text alone. Models for which this is equal compute equal states of it in their first layers.

    Attributes:
        weights_sha256: The sha256 of the weights.
        tokenizer_sha256: The sha256 of the tokenizer.
        settings_sha256: The sha256 of the settings that states depend on.
        dtype: The number format of the layers.
        device: The device that they run on.
        max_length: The most tokens of a text, special tokens included.
    """

    weights_sha256: str
    tokenizer_sha256: str
    settings_sha256: str
    dtype: Dtype
    device: str
    max_length: int


class HasVocabulary(Protocol):
    """A model that can tell what its tokenizer does not know."""

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return the share of the characters of each text that the tokenizer does not know, from 0 to 1."""
        ...


def has_vocabulary(model: object) -> TypeGuard[HasVocabulary]:
    """Tell whether a model has a vocabulary to measure."""
    return has_members(model, HasVocabulary)


@lru_cache
def _members(protocol: type) -> frozenset[str]:
    bases = [base for base in protocol.__mro__ if base not in (object, Protocol, Generic)]
    return frozenset(name for base in bases for name in vars(base) if not name.startswith("_"))

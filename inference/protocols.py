"""An instance check for protocols that does not evaluate properties, and a protocol of models with a vocabulary."""

from collections.abc import Sequence
from functools import lru_cache
from inspect import getattr_static
from typing import Generic, Protocol, TypeGuard

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

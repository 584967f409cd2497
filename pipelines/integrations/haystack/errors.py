"""Errors that are both Haystack's, for programs that expect them of a document store, and those of bicross."""

from haystack.document_stores.errors import DuplicateDocumentError
from haystack.errors import FilterError

from ....errors import ArgumentError


class UnusableFilter(ArgumentError, FilterError):
    """A filter cannot be read, or does not fit the metadata of the documents."""


class DuplicateDocument(ArgumentError, DuplicateDocumentError):
    """A document with this id is in the store, and was not to be replaced."""

"""What the retrievers over vector stores of other projects share: fields, filters, passages of one document."""

from .fields import Found, StoreFields, names_listed
from .kinds import Kind, Kinds, field_holding
from .normal_form import Clause, DateRange, Joined, Test, Tested, WholeNumbers, clause_of, path_of
from .retriever import Batch, StoreRetriever, require_dimension

__all__ = [
    "Batch",
    "Clause",
    "DateRange",
    "Found",
    "Joined",
    "Kind",
    "Kinds",
    "StoreFields",
    "StoreRetriever",
    "Test",
    "Tested",
    "WholeNumbers",
    "clause_of",
    "field_holding",
    "names_listed",
    "path_of",
    "require_dimension",
]

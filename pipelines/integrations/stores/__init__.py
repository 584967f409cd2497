"""What the retrievers over vector stores of other projects share: fields, filters, passages of one document."""

from .fields import Found, StoreFields, checked_name, names_listed
from .kinds import Kind, Kinds, field_holding
from .normal_form import Clause, DateRange, FieldTest, Joined, Leaf, WholeNumbers, clause_of, path_of
from .retriever import Batch, StoreRetriever, require_dimension

__all__ = [
    "Batch",
    "Clause",
    "DateRange",
    "FieldTest",
    "Found",
    "Joined",
    "Kind",
    "Kinds",
    "Leaf",
    "StoreFields",
    "StoreRetriever",
    "WholeNumbers",
    "checked_name",
    "clause_of",
    "field_holding",
    "names_listed",
    "path_of",
    "require_dimension",
]

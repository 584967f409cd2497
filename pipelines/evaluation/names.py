"""Names of columns, by which the first line of a file is known to be a header."""

from collections.abc import Collection, Sequence

QUERY_NAMES = frozenset({"query-id", "queryid", "query", "qid", "topic", "topic-id", "id", "-id"})
QUERY_TEXT_NAMES = frozenset({"query", "text", "query-text", "title", "question"})
DOCUMENT_NAMES = frozenset(
    {"corpus-id", "doc-id", "document-id", "docid", "docno", "document", "did", "pid", "passage-id"}
)
GRADE_NAMES = frozenset({"score", "relevance", "rel", "grade", "label"})


def is_header(fields: Sequence[str], *names: Collection[str]) -> bool:
    """Whether each field is one of the names of its column, with hyphens or underscores."""
    plain = [field.strip().lower().replace("_", "-") for field in fields]
    return len(plain) == len(names) and all(
        name in names_of_column for name, names_of_column in zip(plain, names, strict=True)
    )

"""Parts of a source, which different processes read: rows from one on, or some of the files."""

from .planning import part_size, parts_of
from .reading import PartReader
from .source_part import SourcePart, rows_part

__all__ = ["PartReader", "SourcePart", "part_size", "parts_of", "rows_part"]

"""Reads files that hold several texts: PDF, Word, PowerPoint, Excel, EPUB and e-mail; a document for each part.

The libraries of the formats come with the extra ``files``. EPUB and e-mail need none.
"""

from .reading import REMEDY, RICH_SUFFIXES, FileProblem, lacks_library, rich_documents

__all__ = [
    "REMEDY",
    "RICH_SUFFIXES",
    "FileProblem",
    "lacks_library",
    "rich_documents",
]

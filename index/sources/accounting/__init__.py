"""Accounts for everything that a source holds: what became a document, and what was left out and why."""

from .error_log import ErrorLog, is_error_log
from .report import LeftOut, LeftOutKind, SourceReport
from .tally import Tally
from .unread import Unread

__all__ = [
    "ErrorLog",
    "LeftOut",
    "LeftOutKind",
    "SourceReport",
    "Tally",
    "Unread",
    "is_error_log",
]

"""Accounts for everything that a source holds: what became a document, and what was left out and why."""

from .error_log import ErrorLog, ErrorSink, is_error_log
from .report import BadRow, LeftOut, LeftOutKind, SourceReport, joined
from .tally import Tally
from .unread import Unread

__all__ = [
    "BadRow",
    "ErrorLog",
    "ErrorSink",
    "LeftOut",
    "LeftOutKind",
    "SourceReport",
    "Tally",
    "Unread",
    "is_error_log",
    "joined",
]

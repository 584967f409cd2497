"""Finds comparisons in Arrow expressions that would put dates, or numbers in texts, in alphabetical order.

Arrow compares texts by code point: ``"2015-06-01" > "2015"`` is true there, although both are in one year.
"""

import re
from collections.abc import Sequence
from itertools import product

import pyarrow.compute as pc

from ...errors import ArgumentError
from ..metadata import Kind
from .dates import DAY
from .fields import IndexField
from .text_order import TextLiteral, by_date

_LITERAL = r'"(?P<text>(?:[^"\\\\]|\\\\.)*)"'
_ORDER = r"(?P<symbol><=|>=|<|>)"


def check_order(fields: Sequence[IndexField], expression: pc.Expression) -> None:
    """Refuse an expression that orders dates of unlike precision, or texts that look like numbers, by their letters.

    Args:
        fields: The fields that the expression names.
        expression: The expression; of its form only what Arrow prints can be seen.

    Raises:
        ArgumentError: It does so.
    """
    shown = str(expression)
    texts = [field for field in fields if field.has(Kind.TEXTS) and not field.is_id]
    for field in texts:
        name = re.escape(field.name)
        for pattern in (rf"\({name} {_ORDER} {_LITERAL}\)", rf"\({_LITERAL} {_ORDER} {name}\)"):
            for match in re.finditer(pattern, shown):
                literal = TextLiteral(match["text"])
                if by_date(field, match["symbol"], literal) and not _same_precision(
                    field, int(literal.dates.precision[0])
                ):
                    raise _refused(field, match[0])
    for left, right in product(texts, repeat=2):
        match = re.search(rf"\({re.escape(left.name)} {_ORDER} {re.escape(right.name)}\)", shown)
        if match is None:
            continue
        has_numbers = left.live_numbers_in_texts and right.live_numbers_in_texts
        has_local_dates = left.live_local_dates and right.live_local_dates
        if has_numbers or has_local_dates or not (_same_precision(left, DAY) and _same_precision(right, DAY)):
            raise _refused(left, match[0])


def _same_precision(field: IndexField, precision: int) -> bool:
    """Whether the order of letters is that of dates: all are as precise, and without a time, which may have a zone."""
    if not field.live_dates:
        return True
    return precision <= DAY and not field.not_dates and field.facts.precisions() - {-1} <= {precision}


def _refused(field: IndexField, shown: str) -> ArgumentError:
    return ArgumentError(
        f"{shown:.200} would compare the dates or numbers in the field {field.name!r:.200} letter by letter, as Arrow"
        f" does with texts: write the filter as a string, such as \"{field.name:.200} > '2015'\", which compares dates"
    )

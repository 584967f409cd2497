"""Dates in the texts of a field: read from ISO 8601, and compared at the precision that both sides have.

``2024-01-01`` is a day and ``2024-01-01T15:30`` a minute of it, so that neither is before the other. A time without a
zone is UTC, and days are days in UTC.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..metadata import array_of, arrow_mask, arrow_scalar, arrow_values, mask_of

_ARROW: Any = pc  # the stubs know no kernel that takes an array of any type
_PATTERN = (
    r"^(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?)?)?)?$"
)
_GROUPS = ("month", "day", "minute", "second", "fraction")
"""The parts of a date after the year; the number of parts that a text has is its precision."""
DAY = 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS = {DAY: 86_400_000_000, 3: 60_000_000, 4: 1_000_000, 5: 1}


@dataclass(frozen=True, eq=False)
class Dates:
    """Texts as dates.

    Attributes:
        instants: Microseconds since 1970 in UTC: int64 of shape (rows,), 0 where there is no date.
        precision: 0 for a year, 1 a month, 2 a day, 3 a minute, 4 a second, 5 less; -1 where there is no date.
    """

    instants: NDArray[np.int64]
    precision: NDArray[np.int8]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """For each row whether it is a date."""
        return self.precision >= 0


def read_dates(texts: Any) -> Dates:  # noqa: ANN401 - an Arrow array of texts
    """Read texts as dates; other texts, and days that the calendar does not have, are not dates."""
    groups = _ARROW.extract_regex(texts, _PATTERN)
    valid = mask_of(groups.is_valid())
    rows = np.flatnonzero(valid)
    instants, precision = np.zeros(len(texts), np.int64), np.full(len(texts), -1, np.int8)
    if len(rows):
        valid_groups = groups.filter(arrow_mask(valid))
        fields = {name: _ARROW.struct_field(valid_groups, name) for name in (*_GROUPS, "year", "hour", "zone")}
        microseconds, is_date = _microseconds(fields)
        levels = np.sum([mask_of(_ARROW.not_equal(fields[name], _text(fields[name], ""))) for name in _GROUPS], axis=0)
        instants[rows] = np.where(is_date, microseconds, 0)
        precision[rows] = np.where(is_date, levels, -1)
    return Dates(instants, precision)


def date_span(text: str) -> tuple[datetime, datetime] | None:
    """Return when the year, month, day, minute or second of a text begins, and when the next one does, in UTC.

    Returns:
        Both moments; None where the text is no date, or one that ``datetime`` does not have.

    Example:
        >>> [str(moment.date()) for moment in date_span("2024-12")]
        ['2024-12-01', '2025-01-01']
    """
    dates = read_dates(arrow_values([text], pa.large_utf8()))
    if not dates.valid[0]:
        return None
    instant, precision = int(dates.instants[0]), int(dates.precision[0])
    try:
        begin = _EPOCH + timedelta(microseconds=instant)
        if precision >= DAY:
            return begin, begin + timedelta(microseconds=_MICROSECONDS[precision])
        month = begin.month + 1 if precision else 13
        return begin, begin.replace(year=begin.year + month // 13, month=(month - 1) % 12 + 1)
    except (OverflowError, ValueError):  # before the year 1, or after 9999
        return None


def compare_dates(left: Dates, right: Dates, compare: Any) -> NDArray[np.bool_]:  # noqa: ANN401 - a numpy function
    """Compare row by row at the coarser precision of both; False where one side is not a date.

    Args:
        left: The dates of some rows.
        right: Those to compare with; a single one for all rows is as good.
        compare: A function of numpy such as ``numpy.less``.
    """
    precision = np.minimum(left.precision, right.precision)
    result = np.zeros(len(precision), np.bool_)
    for level in np.unique(precision[precision >= 0]).tolist():
        sides = compare(_cut(left.instants, level), _cut(right.instants, level))
        result |= sides & (precision == level)
    return result


def _cut(instants: NDArray[np.int64], precision: int) -> NDArray[np.int64]:
    if precision >= DAY:
        return instants // _MICROSECONDS[precision]
    return instants.astype("datetime64[us]").astype("datetime64[M]" if precision else "datetime64[Y]").astype(np.int64)


def _microseconds(fields: dict[str, Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    year = _whole(fields["year"], "1970")
    month, day = (_whole(fields[name], "01") for name in ("month", "day"))
    hour, minute, second = (_whole(fields[name], "00") for name in ("hour", "minute", "second"))
    fraction = _whole(_ARROW.utf8_slice_codeunits(_ARROW.utf8_rpad(fields["fraction"], 9, "0"), 0, 6), "0")
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    first_day, next_month = (moment.astype("datetime64[D]").astype(np.int64) for moment in (months, months + 1))
    offset, zone_is_valid = _offset(fields["zone"])
    is_date = (month >= 1) & (month <= 12) & (day >= 1) & (day <= next_month - first_day) & zone_is_valid
    is_date &= (hour < 24) & (minute < 60) & (second < 60)
    minutes = ((first_day + day - 1) * 24 + hour) * 60 + minute - offset
    return (minutes * 60 + second) * 1_000_000 + fraction, is_date


def _offset(zones: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:  # noqa: ANN401 - an Arrow array
    """The minutes by which each zone is ahead of UTC, and whether there is such a zone."""
    digits = _ARROW.replace_substring(_ARROW.utf8_slice_codeunits(zones, 1, 6), ":", "")
    number = _whole(digits, "0")
    hours, minutes = number // 100, number % 100
    behind = mask_of(_ARROW.starts_with(zones, "-"))
    return np.where(behind, -1, 1) * (hours * 60 + minutes), (hours < 24) & (minutes < 60)


def _whole(texts: Any, default: str) -> NDArray[np.int64]:  # noqa: ANN401 - an Arrow array
    filled = _ARROW.if_else(_ARROW.equal(texts, _text(texts, "")), _text(texts, default), texts)
    return array_of(filled.cast(pa.int64()))


def _text(texts: Any, text: str) -> Any:  # noqa: ANN401 - an Arrow array, and a scalar of its type
    return arrow_scalar(text, pa.large_utf8()).cast(texts.type)

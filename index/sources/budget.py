"""Limits what a source may decode to.

A file of a few hundred bytes can decode to gigabytes, and what it declares about its own size can be wrong. So what is
counted is what was decoded, or what the decoder is about to allocate.
"""

from typing import Literal, TypeAlias

from ...errors import ArgumentError, SourceError

MaxBytes: TypeAlias = int | Literal["auto"] | None

MAX_ROW_BYTES = 64 * 2**20  # of one row (text counted in characters) or one text file: far more than any model reads
VALUE_BYTES = 32  # of memory, about, that Python takes for a value however short it is

# Collections of text decode to 3 to 20 times their size, gzip bombs to 1000 times and Parquet bombs to millions.
_TOTAL, _TOTAL_RATIO = 256 * 2**20, 200
# A page or a batch comes at one go, so this is about memory. The ratio is for writers that make one of a whole file.
_AT_ONCE, _AT_ONCE_RATIO = 128 * 2**20, 16


def check_max_bytes(value: object) -> None:
    """Raise ``ArgumentError`` unless a budget can be made with it."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and value > 0
    if not (is_number or value is None or value == "auto"):
        raise ArgumentError(f"max_bytes must be a positive integer, 'auto' or None, not {value!r}")


class Budget:
    """The bytes that one reading of ``source``, of ``size`` bytes, may decode to.

    ``max_bytes`` takes the place of the limits that follow from the size; None is no limit.
    """

    def __init__(self, source: object, size: int, max_bytes: MaxBytes) -> None:
        self.spent = 0
        self.is_limited = max_bytes is not None
        self._source = source
        self._size = size
        if max_bytes == "auto":
            self._total = max(_TOTAL, _TOTAL_RATIO * size)
            self._at_once = max(_AT_ONCE, _AT_ONCE_RATIO * size)
        else:
            self._total = self._at_once = max_bytes

    def spend(self, decoded: int) -> None:
        """Count bytes that have been decoded."""
        self.spent += decoded
        if self._total is not None and self.spent > self._total:
            raise self._exceeded(f"decodes to more than {self._total:,} bytes, of which {self.spent:,} are decoded")

    def check_at_once(self, needed: int) -> None:
        """Refuse to decode ``needed`` bytes that all have to be in memory together."""
        if self._at_once is not None and needed > self._at_once:
            raise self._exceeded(
                f"has a part that decodes to {needed:,} bytes, more than the {self._at_once:,} that may be in memory"
                f" at once, after {self.spent:,} decoded bytes"
            )

    def _exceeded(self, excess: str) -> SourceError:
        return SourceError(
            f"{self._source} is {self._size:,} bytes, but {excess}: it is damaged or made to fill the memory;"
            " if you trust it, raise max_bytes (on the command line --max-bytes)"
        )


class RowMeter:
    """Counts what one row decodes to. A row that is too large is a ``ValueError``."""

    def __init__(self) -> None:
        self.bytes = 0

    def add(self, decoded: int) -> None:
        """Count a value of that many bytes, before it is made."""
        self.bytes += decoded + VALUE_BYTES
        if self.bytes > MAX_ROW_BYTES:
            raise ValueError(f"the row decodes to more than {MAX_ROW_BYTES} bytes")

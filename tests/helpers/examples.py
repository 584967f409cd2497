"""How many examples a property is tried on: all of them by ``make test``, a fifth by ``make quick``."""

from hypothesis import settings

ALL = 100
"""What the ordinary profile tries where a test does not say otherwise; the quick one has fewer."""


def examples(number: int) -> int:
    """``number`` of them, in the same share as the profile in use."""
    return max(1, number * settings.default.max_examples // ALL)

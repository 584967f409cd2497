"""CutTexts: counts the texts that were too long for a model, and says so once."""

import sys
from collections.abc import Sequence
from itertools import islice

from ....rerank import PairScorer


class CutTexts:
    """What was cut in a run of a command.

    Args:
        scorer: The model.
        unit: What is counted, as in "pair".
    """

    def __init__(self, scorer: PairScorer, unit: str) -> None:
        self._scorer, self._unit = scorer, unit
        self._cut = self._all = 0

    def of(self, groups: Sequence[Sequence[tuple[str, str]]]) -> list[bool]:
        """Tell for each group of pairs, of which each becomes one line, whether a text of it is cut; count those.

        Args:
            groups: The pairs that are scored for each line.
        """
        is_cut = iter(self._scorer.is_cut([pair for group in groups for pair in group]).tolist())
        cut = [any(list(islice(is_cut, len(group)))) for group in groups]
        self._cut, self._all = self._cut + sum(cut), self._all + len(cut)
        return cut

    def say(self) -> None:
        """Say on standard error how many there were; nothing where there were none."""
        if self._cut:
            limit = "each text" if self._scorer.is_cosine else "both texts together"
            sys.stderr.write(
                f"bicross: {self._cut:,} of {self._all:,} {self._unit}s were too long: the model takes "
                f"{self._scorer.max_length:,} tokens of {limit}, and what is longer was cut\n"
            )

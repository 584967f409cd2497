"""Puts together what several passages answer: equal answers become one, with its sources."""

import re
import unicodedata
from collections.abc import Sequence

from .answer import Answer, AnswerSource

_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalised(text: str) -> str:
    """Return an answer without what does not tell it from another: case, punctuation, English articles, spaces.

    As in the evaluation of SQuAD (Rajpurkar et al. 2016, section 6.1), for the punctuation of all scripts. A text of
    nothing else stays as it is.
    """
    plain = "".join(" " if _is_mark(character) else character for character in unicodedata.normalize("NFKC", text))
    return " ".join(_ARTICLES.sub(" ", plain.casefold()).split()) or text


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("P")


def aggregated(
    sources: Sequence[AnswerSource], *, top_k: int, min_confidence: float, generation: int | None
) -> list[Answer]:
    """Make answers of what was found in passages.

    Args:
        sources: What was found, in any order.
        top_k: The most answers.
        min_confidence: Sources of less confidence are left out.
        generation: The generation of the index that they come from.

    Returns:
        The answers, by the score of their best sources, best first; of equal ones that whose passage ranks higher.
    """
    groups: dict[str, list[AnswerSource]] = {}
    for source in sorted(sources, key=lambda source: (-source.score, source.search_rank, source.start)):
        if source.confidence >= min_confidence:
            groups.setdefault(normalised(source.text), []).append(source)
    return [
        Answer(
            rank=rank,
            text=best.text,
            confidence=best.confidence,
            document=best.document,
            passage=best.passage,
            start=best.start,
            end=best.end,
            sources=(best, *others),
            generation=generation,
        )
        for rank, (best, *others) in enumerate(list(groups.values())[:top_k], start=1)
    ]

"""StopRule: when further candidates cannot be expected to enter the best k. Knows scores, and no model and no text.

A logit is taken to be linear in the retrieval score, plus a shift of the whole query, plus noise: a random-intercept
model, whose best linear unbiased predictor of the shift is the shrunken mean residual of the candidates that were read
(Henderson 1975; Robinson 1991, "That BLUP is a good thing"). It gives each unread candidate a normal distribution, and
the sum of their chances to beat the current k-th is the expected number that would enter.

Relevant candidates make the tail heavier than normal, so that number is not trusted as it stands. The threshold below
which reading ends is chosen on the queries of the fit, by conformal risk control (Angelopoulos et al. 2022,
arXiv 2208.02814): the largest at which the share of the best k that a complete reading would have given and this one
does not, averaged over queries, is at most ``risk``. It holds for queries like those of the fit, reading in steps of
``CHECK_EVERY``; the line is fitted on the same queries, which adds little with five numbers and a hundred queries.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ....errors import ArgumentError
from .blend import Scales, final_scores

CHECK_EVERY = 10
"""Candidates of a query between two looks at the rule."""
LARGEST = 1e100
"""Of the numbers of a rule, which may come from a file: their squares are finite too."""
THRESHOLDS = np.logspace(-6, 1, 71)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StopRule:
    """Made by ``fit_stop_rule`` or ``SearchPipeline.fit_stop_rule``.

    A logit is predicted as ``intercept + slope * (retrieval score - the query's best)``; queries differ from that by
    ``query_spread`` and candidates of one query by ``spread``, both standard deviations. Reading ends when fewer than
    ``threshold`` unread candidates are expected to enter the best ``k``. It was fitted for ``risk`` at this ``blend``.
    """

    intercept: float
    slope: float
    query_spread: float
    spread: float
    threshold: float
    risk: float
    blend: float
    k: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
                raise ArgumentError(f"the stop rule has {field.name}={value!r}; it must be a finite number")
        for name in ("query_spread", "spread", "threshold"):
            if getattr(self, name) < 0:
                raise ArgumentError(f"the stop rule has {name}={getattr(self, name)!r}; it must not be negative")
        _check(self.risk, self.blend, self.k)

    def to_dict(self) -> dict[str, float]:
        """As numbers that JSON can hold; ``from_dict`` gives an equal rule."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, object]) -> "StopRule":
        """Raises ``ArgumentError`` where a field is missing, unknown or no number."""
        names = {field.name for field in fields(cls)}
        if set(record) != names:
            raise ArgumentError(f"a stop rule has the fields {sorted(names)}, not {sorted(record)}")
        return cls(**cast("dict[str, Any]", record))  # what the values are is looked at when it is made

    def enough(self, retrieval: Floats, logits: Floats, *, k: int) -> bool:
        """Whether the candidates after the first ``len(logits)`` need not be read for the best ``k``.

        ``retrieval`` has the scores of all candidates of the query, best first. A ``k`` below the rule's own counts as
        that.
        """
        k = max(k, self.k)
        if len(logits) >= len(retrieval):
            return True
        return len(logits) >= k and self.expected_entries(retrieval, logits, k) < self.threshold

    def scales(self, retrieval: Floats, logits: Floats) -> Scales:
        """The deviations that logits and retrieval scores would have if all candidates were read, as far as is known.

        A blend is of standardised scores; those of the first few candidates alone have other deviations.
        """
        predicted, variance = self._predict(retrieval, logits)
        everything = np.concatenate([logits, predicted])
        unread = len(predicted) / len(retrieval)
        return _positive(math.sqrt(float(everything.var()) + unread * variance)), _positive(float(retrieval.std()))

    def expected_entries(self, retrieval: Floats, logits: Floats, k: int) -> float:
        """How many unread candidates are expected to get a better final score than the k-th best that was read."""
        read, (predicted, variance) = len(logits), self._predict(retrieval, logits)
        scales = self.scales(retrieval, logits)
        scores = final_scores(np.concatenate([logits, predicted]), retrieval, self.blend, scales=scales)
        border = float(np.partition(scores[:read], -k)[-k])
        unit = 1.0 if self.blend == 1.0 else self.blend / scales[0]
        deviation = _positive(math.sqrt(variance) * unit)
        return sum(0.5 * math.erfc((border - score) / (deviation * math.sqrt(2.0))) for score in scores[read:].tolist())

    def _predict(self, retrieval: Floats, logits: Floats) -> tuple[Floats, float]:
        """The logits to be expected of the unread candidates, and the variance of each."""
        read, noise, shift = len(logits), self.spread**2, self.query_spread**2
        line = self.intercept + self.slope * (retrieval - retrieval[0])
        # The more was read, the more the query's own shift counts, and the surer it is.
        trust = shift / (shift + noise / read) if shift else 0.0
        predicted = line[read:] + trust * float((logits - line[:read]).mean())
        return predicted, noise + shift * (1.0 - trust)


def fit_stop_rule(
    retrieval_scores: Sequence[Floats],
    logits: Sequence[Floats],
    *,
    risk: float = 0.05,
    k: int = 10,
    blend: float = 1.0,
) -> StopRule:
    """A rule from queries all of whose candidates were read; no judgments are needed.

    For each query two arrays of shape (candidates,), in the order of stage one. ``risk`` is the share of the best ``k``
    that may be missed, averaged over queries. Raises ``ArgumentError`` where there are too few queries to promise that.
    """
    _check(risk, blend, k)
    retrieval = [np.asarray(scores, np.float64) for scores in retrieval_scores]
    known = [np.asarray(values, np.float64) for values in logits]
    if len(retrieval) != len(known) or any(
        r.ndim != 1 or r.shape != v.shape for r, v in zip(retrieval, known, strict=True)
    ):
        raise ArgumentError("retrieval_scores and logits must be as many arrays of the same lengths, one a query")
    if not all(np.isfinite(values).all() for values in [*retrieval, *known]):
        raise ArgumentError("a retrieval score or a logit is not finite")
    used = [(r, v) for r, v in zip(retrieval, known, strict=True) if len(r) > 1]
    needed = math.ceil(1.0 / risk) - 1
    if len(used) < max(2, needed):
        raise ArgumentError(
            f"a risk of {risk} needs at least {max(2, needed)} queries with candidates, and there are {len(used)}; "
            "give more queries or allow a higher risk"
        )
    rule = StopRule(*_line(used), threshold=0.0, risk=risk, blend=blend, k=k)
    losses = np.mean([_losses(rule, r, v) for r, v in used], axis=0)
    allowed = (losses * len(used) + 1.0) / (len(used) + 1) <= risk
    # The first threshold that loses too much ends it, also where a higher one happens to lose less.
    good = int(np.argmin(allowed)) if not allowed.all() else len(allowed)
    threshold = float(THRESHOLDS[good - 1]) if good else 0.0
    return StopRule(rule.intercept, rule.slope, rule.query_spread, rule.spread, threshold, risk, blend, k)


def _line(queries: Sequence[tuple[Floats, Floats]]) -> tuple[float, float, float, float]:
    """Intercept, slope, and the deviations of queries and of candidates, by the method of moments."""
    centred = [(r - r.mean(), v - v.mean()) for r, v in queries]
    square = sum(float(r @ r) for r, _ in centred)
    slope = sum(float(r @ v) for r, v in centred) / square if square > 0 else 0.0
    means = np.array([float((v - slope * (r - r[0])).mean()) for r, v in queries])
    left = sum(float(np.sum((v - slope * r) ** 2)) for r, v in centred)
    noise = left / sum(len(r) - 1 for r, _ in queries)
    shift = float(means.var(ddof=1)) - noise * float(np.mean([1.0 / len(r) for r, _ in queries]))
    return float(means.mean()), slope, math.sqrt(max(0.0, shift)), math.sqrt(noise)


def _losses(rule: StopRule, retrieval: Floats, logits: Floats) -> Floats:
    """The share of the best k that each of ``THRESHOLDS`` would have missed on one query."""
    k = min(rule.k, len(logits))
    best = set(_best(final_scores(logits, retrieval, rule.blend), k))
    losses, undecided = np.zeros(len(THRESHOLDS)), np.ones(len(THRESHOLDS), bool)
    for read in range(CHECK_EVERY, len(logits), CHECK_EVERY):
        if read < rule.k:
            continue
        stops = undecided & (rule.expected_entries(retrieval, logits[:read], rule.k) < THRESHOLDS)
        scales = rule.scales(retrieval, logits[:read])
        found = _best(final_scores(logits[:read], retrieval[:read], rule.blend, scales=scales), k)
        losses[stops] = 1.0 - len(best.intersection(found)) / k
        undecided &= ~stops
    return losses


def _best(scores: Floats, k: int) -> list[int]:
    return np.argsort(-scores, kind="stable")[:k].tolist()


def _positive(deviation: float) -> float:
    """A deviation to divide by: where all are equal nothing is expected to change, however it is scaled."""
    return max(deviation, 1e-12)


def _check(risk: float, blend: float, k: int) -> None:
    if not 0.0 < risk < 1.0:
        raise ArgumentError(f"risk must be a number between 0 and 1, not {risk!r}")
    if not 0.0 < blend <= 1.0:
        raise ArgumentError(f"blend must be above 0 and at most 1, not {blend!r}: without a reranker nothing is read")
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(f"k must be a whole number of at least 1, not {k!r}")

"""StopRule: tells when further candidates cannot be expected to enter the best k.

A logit is modelled as linear in the retrieval score, plus a shift of the whole query, plus noise. This is a
random-intercept model. The best linear unbiased predictor of the shift is the shrunken mean residual of the scored
candidates (Henderson 1975; Robinson 1991, "That BLUP is a good thing"). The model gives each unscored candidate a
normal distribution. The sum of their chances to beat the current k-th is the expected number that would enter.

Relevant candidates make the tail heavier than normal, so the expected number is not used as it stands. Scoring ends
below a threshold that is chosen on the queries of the fit by conformal risk control (Angelopoulos et al. 2022,
arXiv 2208.02814). Stopping early loses a share of the best k that scoring all candidates would give. The threshold is
the largest at which this share, averaged over queries, is at most ``risk``. It holds for queries like those of the fit
and for checks every ``CHECK_EVERY`` candidates. The line is fitted on the same queries; with five numbers and a hundred
queries this adds little.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ....errors import ArgumentError
from ....errors.arguments import checked_items, checked_number, checked_numbers
from .blend import Scales, final_scores

CHECK_EVERY = 10
"""Candidates of a query that are scored between two checks of the rule."""
LARGEST = 1e100
"""Limit of the numbers of a rule, which may come from a file; their squares are finite too."""
THRESHOLDS = np.logspace(-6, 1, 71)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StopRule:
    """A rule that ends scoring; made by ``fit_stop_rule`` or ``SearchPipeline.fit_stop_rule``.

    A logit is predicted as ``intercept + slope * (retrieval score - the query's best)``.

    Attributes:
        intercept: Of the line.
        slope: Of the line.
        query_spread: Standard deviation of queries from the line.
        spread: Standard deviation of the candidates of one query.
        threshold: Scoring ends when fewer unscored candidates are expected to enter the best ``k``.
        risk: The share of the best ``k`` that may be missed, for which the rule was fitted.
        blend: Weight of the logits at which the rule was fitted.
        k: Results that the rule was fitted for.
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
        """Return the rule as numbers that JSON can hold; ``from_dict`` makes an equal rule of them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, object]) -> "StopRule":
        """Make a rule from the result of ``to_dict``.

        Raises:
            ArgumentError: A field is missing, unknown or not a number.
        """
        names = {field.name for field in fields(cls)}
        if set(record) != names:
            raise ArgumentError(f"a stop rule has the fields {sorted(names)}, not {sorted(record)}")
        return cls(**cast("dict[str, Any]", record))  # the values are checked when the rule is made

    def enough(self, retrieval: Floats, logits: Floats, *, k: int) -> bool:
        """Tell whether the best ``k`` need no more candidates than the first ``len(logits)``.

        Args:
            retrieval: Scores of all candidates of the query, best first; shape (candidates,).
            logits: Of the first candidates; shape (scored,).
            k: Results that are wanted; a number below the rule's own ``k`` is raised to it.
        """
        k = max(k, self.k)
        if len(logits) >= len(retrieval):
            return True
        return len(logits) >= k and self.expected_entries(retrieval, logits, k) < self.threshold

    def scales(self, retrieval: Floats, logits: Floats) -> Scales:
        """Estimate the deviations that logits and retrieval scores would have if all candidates were scored.

        A blend combines standardised scores, and the first few candidates alone have other deviations.

        Args:
            retrieval: Scores of all candidates of the query, best first; shape (candidates,).
            logits: Of the first candidates; shape (scored,).
        """
        predicted, variance = self._predict(retrieval, logits)
        everything = np.concatenate([logits, predicted])
        unscored = len(predicted) / len(retrieval)
        return _positive(math.sqrt(float(everything.var()) + unscored * variance)), _positive(float(retrieval.std()))

    def expected_entries(self, retrieval: Floats, logits: Floats, k: int) -> float:
        """Estimate how many unscored candidates would get a better final score than the k-th best scored one.

        Args:
            retrieval: Scores of all candidates of the query, best first; shape (candidates,).
            logits: Of the first candidates; shape (scored,).
            k: Results that are wanted.
        """
        scored, (predicted, variance) = len(logits), self._predict(retrieval, logits)
        scales = self.scales(retrieval, logits)
        scores = final_scores(np.concatenate([logits, predicted]), retrieval, self.blend, scales=scales)
        border = float(np.partition(scores[:scored], -k)[-k])
        unit = 1.0 if self.blend == 1.0 else self.blend / scales[0]
        deviation = _positive(math.sqrt(variance) * unit)
        return sum(
            0.5 * math.erfc((border - score) / (deviation * math.sqrt(2.0))) for score in scores[scored:].tolist()
        )

    def _predict(self, retrieval: Floats, logits: Floats) -> tuple[Floats, float]:
        """Return the expected logits of the unscored candidates, and the variance of each."""
        scored, noise, shift = len(logits), self.spread**2, self.query_spread**2
        line = self.intercept + self.slope * (retrieval - retrieval[0])
        # With more scored candidates the query's own shift counts more and is more certain.
        trust = shift / (shift + noise / scored) if shift else 0.0
        predicted = line[scored:] + trust * float((logits - line[:scored]).mean())
        return predicted, noise + shift * (1.0 - trust)


def fit_stop_rule(
    retrieval_scores: Sequence[Floats],
    logits: Sequence[Floats],
    *,
    risk: float = 0.05,
    k: int = 10,
    blend: float = 1.0,
) -> StopRule:
    """Fit a rule on queries whose candidates were all scored; no judgments are needed.

    Args:
        retrieval_scores: For each query an array of shape (candidates,), in the order of the first stage.
        logits: For each query an array of the same shape.
        risk: The share of the best ``k`` that may be missed, averaged over queries.
        k: Results that are wanted.
        blend: Weight of the logits against the retrieval scores, from 0 to 1.

    Raises:
        ArgumentError: There are too few queries to keep ``risk``, or a value is out of range.
    """
    _check(risk, blend, k)
    retrieval = [
        checked_numbers(scores, "retrieval_scores")
        for scores in checked_items(retrieval_scores, "retrieval_scores", "arrays")
    ]
    logits_of_queries = [checked_numbers(values, "logits") for values in checked_items(logits, "logits", "arrays")]
    if len(retrieval) != len(logits_of_queries) or any(
        r.ndim != 1 or r.shape != v.shape for r, v in zip(retrieval, logits_of_queries, strict=True)
    ):
        raise ArgumentError("retrieval_scores and logits must be as many arrays of the same lengths, one a query")
    if not all(np.isfinite(values).all() for values in [*retrieval, *logits_of_queries]):
        raise ArgumentError("a retrieval score or a logit is not finite")
    used = [(r, v) for r, v in zip(retrieval, logits_of_queries, strict=True) if len(r) > 1]
    needed = math.ceil(1.0 / risk) - 1
    if len(used) < max(2, needed):
        raise ArgumentError(
            f"a risk of {risk} needs at least {max(2, needed)} queries with candidates, and there are {len(used)}; "
            "give more queries or allow a higher risk"
        )
    rule = StopRule(*_line(used), threshold=0.0, risk=risk, blend=blend, k=k)
    losses = np.mean([_losses(rule, r, v) for r, v in used], axis=0)
    allowed = (losses * len(used) + 1.0) / (len(used) + 1) <= risk
    # Stop at the first threshold that loses too much, even if a higher one happens to lose less.
    good = int(np.argmin(allowed)) if not allowed.all() else len(allowed)
    threshold = float(THRESHOLDS[good - 1]) if good else 0.0
    return StopRule(rule.intercept, rule.slope, rule.query_spread, rule.spread, threshold, risk, blend, k)


def _line(queries: Sequence[tuple[Floats, Floats]]) -> tuple[float, float, float, float]:
    """Return intercept, slope, and the deviations of queries and of candidates, by the method of moments."""
    centred = [(r - r.mean(), v - v.mean()) for r, v in queries]
    square = sum(float(r @ r) for r, _ in centred)
    slope = sum(float(r @ v) for r, v in centred) / square if square > 0 else 0.0
    means = np.array([float((v - slope * (r - r[0])).mean()) for r, v in queries])
    residual = sum(float(np.sum((v - slope * r) ** 2)) for r, v in centred)
    noise = residual / sum(len(r) - 1 for r, _ in queries)
    shift = float(means.var(ddof=1)) - noise * float(np.mean([1.0 / len(r) for r, _ in queries]))
    return float(means.mean()), slope, math.sqrt(max(0.0, shift)), math.sqrt(noise)


def _losses(rule: StopRule, retrieval: Floats, logits: Floats) -> Floats:
    """Return the share of the best k that each of ``THRESHOLDS`` would have missed on one query."""
    k = min(rule.k, len(logits))
    best = set(_best(final_scores(logits, retrieval, rule.blend), k))
    losses, undecided = np.zeros(len(THRESHOLDS)), np.ones(len(THRESHOLDS), bool)
    for scored in range(CHECK_EVERY, len(logits), CHECK_EVERY):
        if scored < rule.k:
            continue
        stops = undecided & (rule.expected_entries(retrieval, logits[:scored], rule.k) < THRESHOLDS)
        scales = rule.scales(retrieval, logits[:scored])
        best_scored = _best(final_scores(logits[:scored], retrieval[:scored], rule.blend, scales=scales), k)
        losses[stops] = 1.0 - len(best.intersection(best_scored)) / k
        undecided &= ~stops
    return losses


def _best(scores: Floats, k: int) -> list[int]:
    return np.argsort(-scores, kind="stable")[:k].tolist()


def _positive(deviation: float) -> float:
    """Return a deviation to divide by; where all values are equal, any scale gives the same result."""
    return max(deviation, 1e-12)


def _check(risk: float, blend: float, k: int) -> None:
    checked_number(risk, "risk", 0.0, 1.0)
    checked_number(blend, "blend", 0.0, 1.0)
    if not 0.0 < risk < 1.0:
        raise ArgumentError(f"risk must be a number between 0 and 1, not {risk!r}")
    if not 0.0 < blend <= 1.0:
        raise ArgumentError(f"blend must be above 0 and at most 1, not {blend!r}: with 0 the reranker would not count")
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(f"k must be a whole number of at least 1, not {k!r}")

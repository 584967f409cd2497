"""Logits to probabilities of relevance, and how well they hold. Knows no index, no query and no model.

``Platt`` is a sigmoid of ``slope * logit + intercept``, fitted to the smoothed targets of Platt 1999 ("Probabilistic
outputs for support vector machines"), which keep it finite where the two kinds of pairs can be told apart perfectly.
``Isotonic`` is the best non-decreasing step function, by pooling adjacent violators, drawn linearly from step to step.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError

CalibrationMethod = Literal["platt", "isotonic"]
MAX_KNOTS = 512
"""Of an isotonic curve. One that has more steps is drawn through so many of their ends: an index keeps it as JSON."""
LARGEST = 1e100
"""Of the numbers of a calibration: with it, no logit in float32 overflows."""
NEWTON_STEPS = 100
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Platt:
    """``sigmoid(slope * logit + intercept)``; a slope below 0 would turn the order round and is refused."""

    slope: float
    intercept: float

    def __post_init__(self) -> None:
        _require_numbers("slope", [self.slope])
        _require_numbers("intercept", [self.intercept])
        if self.slope < 0:
            raise ArgumentError(f"the calibration has slope={self.slope!r}; it must not be negative")

    def apply(self, logits: ArrayLike) -> Floats:
        """Probabilities in [0, 1] of the same shape, never lower for a higher logit."""
        return _sigmoid(self.slope * np.asarray(logits, np.float64) + self.intercept)

    def to_dict(self) -> dict[str, object]:
        """As JSON; ``calibration_from_dict`` gives an equal one."""
        return {"method": "platt", "slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Linear between knots (``logits[i]``, ``probabilities[i]``), constant beyond the first and the last."""

    logits: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.logits) == len(self.probabilities) <= MAX_KNOTS:
            raise ArgumentError(
                f"the calibration has {len(self.logits)} logits and {len(self.probabilities)} probabilities; "
                f"it must have as many of both, from 1 to {MAX_KNOTS}"
            )
        _require_numbers("logits", self.logits)
        _require_numbers("probabilities", self.probabilities)
        if not all(low < high for low, high in zip(self.logits, self.logits[1:], strict=False)):
            raise ArgumentError("the logits of the calibration must increase from one to the next")
        rising = all(low <= high for low, high in zip(self.probabilities, self.probabilities[1:], strict=False))
        if not rising or not 0 <= self.probabilities[0] <= self.probabilities[-1] <= 1:
            raise ArgumentError("the probabilities of the calibration must be from 0 to 1 and never decrease")

    def apply(self, logits: ArrayLike) -> Floats:
        """Probabilities in [0, 1] of the same shape, never lower for a higher logit."""
        x, ends = np.asarray(logits, np.float64), np.array(self.probabilities)
        # Rounding may lift a point just before a knot above it.
        highest = ends[np.minimum(np.searchsorted(self.logits, x, side="right"), len(ends) - 1)]
        return np.asarray(np.minimum(np.interp(x, self.logits, self.probabilities), highest), np.float64)

    def to_dict(self) -> dict[str, object]:
        """As JSON; ``calibration_from_dict`` gives an equal one."""
        return {"method": "isotonic", "logits": list(self.logits), "probabilities": list(self.probabilities)}


Calibration = Platt | Isotonic


@dataclass(frozen=True, slots=True)
class Bin:
    """Pairs whose probability was from ``low`` to ``high``: what was said on average, and the share that is relevant.

    Both means are NaN where ``pairs`` is 0.
    """

    low: float
    high: float
    pairs: int
    probability: float
    relevant: float


def calibration_from_dict(record: object) -> Calibration:
    """What ``to_dict`` gave. Raises ``ArgumentError`` for anything else."""
    if not isinstance(record, Mapping):
        raise ArgumentError(f"a calibration is an object with a method, not {record!r:.80}")
    fields = dict(cast("Mapping[str, object]", record))
    match fields.pop("method", None):
        case "platt" if set(fields) == {"slope", "intercept"}:
            return Platt(*_require_numbers("numbers", [fields["slope"], fields["intercept"]]))
        case "isotonic" if set(fields) == {"logits", "probabilities"}:
            return Isotonic(
                *(tuple(_require_numbers(name, _list(name, fields[name]))) for name in ("logits", "probabilities"))
            )
        case method:
            raise ArgumentError(
                f"no calibration has the method {method!r:.40} and the fields {sorted(map(str, fields))}"
            )


def fit_calibration(logits: ArrayLike, relevant: ArrayLike, *, method: CalibrationMethod = "platt") -> Calibration:
    """From judged pairs: ``logits`` of shape (n,), and for each whether its passage is relevant, bool or 0 and 1.

    Platt's curve has two parameters and is right for a few hundred pairs; isotonic can take any rising shape and wants
    a thousand or more. Its values stay within (1 / (not relevant + 2), (relevant + 1) / (relevant + 2)), Platt's own
    targets: no finite number of pairs shows a certainty. Where higher logits are not more often relevant, the curve is
    flat. Raises ``ArgumentError`` unless pairs of both kinds are there.
    """
    x, y = np.asarray(logits, np.float64), np.asarray(relevant, np.float64)
    if x.ndim != 1 or x.shape != y.shape or not np.isfinite(x).all() or not np.isin(y, (0.0, 1.0)).all():
        raise ArgumentError(
            "a calibration is fitted to finite logits and as many judgments of 0 or 1, both of shape (n,), "
            f"not to shapes {x.shape} and {y.shape}"
        )
    positive = int(y.sum())
    negative = len(y) - positive
    if not positive or not negative:
        raise ArgumentError(
            f"{positive} relevant and {negative} other pairs: a calibration needs both; give more judged queries"
        )
    low, high = 1.0 / (negative + 2), (positive + 1.0) / (positive + 2)
    if method == "isotonic":
        return _isotonic(x, y, low, high)
    if method != "platt":
        raise ArgumentError(f"the method of calibration must be platt or isotonic, not {method!r}")
    return _platt(x, np.where(y > 0, high, low))


def reliability(probabilities: ArrayLike, relevant: ArrayLike, *, bins: int = 10) -> list[Bin]:
    """What a reliability diagram shows: ``bins`` of equal width from 0 to 1, empty ones too."""
    p, y = _checked(probabilities, relevant)
    if bins < 1:
        raise ArgumentError(f"bins must be at least 1, not {bins}")
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    inside = [place == number for number in range(bins)]
    return [
        Bin(
            low=number / bins,
            high=(number + 1) / bins,
            pairs=int(some.sum()),
            probability=float(p[some].mean()) if some.any() else math.nan,
            relevant=float(y[some].mean()) if some.any() else math.nan,
        )
        for number, some in enumerate(inside)
    ]


def expected_calibration_error(probabilities: ArrayLike, relevant: ArrayLike, *, bins: int = 15) -> float:
    """How far probabilities are from the shares that are relevant, on average over pairs (Guo et al. 2017)."""
    filled = [one for one in reliability(probabilities, relevant, bins=bins) if one.pairs]
    total = sum(one.pairs for one in filled)
    return sum(one.pairs * abs(one.probability - one.relevant) for one in filled) / total


def brier_score(probabilities: ArrayLike, relevant: ArrayLike) -> float:
    """The mean square of probability minus outcome; lower is better."""
    p, y = _checked(probabilities, relevant)
    return float(np.mean((p - y) ** 2))


def pool_adjacent_violators(values: Sequence[float] | Floats, weights: Sequence[float] | Floats) -> Floats:
    """The non-decreasing sequence that is nearest to ``values`` by weighted squares; both of shape (n,)."""
    blocks: list[tuple[float, float, int]] = []
    """The mean, the weight and the length of each."""
    for value, weight in zip(np.asarray(values).tolist(), np.asarray(weights).tolist(), strict=True):
        mean, mass, length = float(value), float(weight), 1
        while blocks and blocks[-1][0] >= mean:
            other, more, count = blocks.pop()
            mean, mass, length = (mean * mass + other * more) / (mass + more), mass + more, length + count
        blocks.append((mean, mass, length))
    return np.repeat([mean for mean, _, _ in blocks], [length for _, _, length in blocks])


def _isotonic(x: Floats, y: Floats, low: float, high: float) -> Isotonic:
    distinct, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    shares = np.bincount(place, weights=y) / counts
    fitted = np.clip(pool_adjacent_violators(shares, counts.astype(np.float64)), low, high)
    # Within a step only its two ends say something.
    same = fitted[1:] == fitted[:-1]
    ends = np.flatnonzero(~(np.append(False, same) & np.append(same, False)))
    if len(ends) > MAX_KNOTS:
        ends = ends[np.linspace(0, len(ends) - 1, MAX_KNOTS).round().astype(np.int64)]
    return Isotonic(tuple(distinct[ends].tolist()), tuple(fitted[ends].tolist()))


def _platt(x: Floats, targets: Floats) -> Platt:
    """By Newton's method with halved steps, on standardised logits (Lin, Lin and Weng 2007)."""
    centre, spread = float(x.mean()), float(x.std())
    mean = float(targets.mean())
    flat = Platt(0.0, math.log(mean / (1.0 - mean)))
    if spread < 1e-9 * max(1.0, abs(centre)):
        return flat
    features = np.stack([(x - centre) / spread, np.ones_like(x)], axis=1)
    weights = np.array([0.0, flat.intercept])
    loss = _loss(features @ weights, targets)
    for _ in range(NEWTON_STEPS):
        p = _sigmoid(features @ weights)
        curvature = (features * (p * (1.0 - p))[:, None]).T @ features + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, features.T @ (p - targets))
        before, fraction = loss, 1.0
        while (loss := _loss(features @ (weights - fraction * step), targets)) > before and fraction > 1e-10:
            fraction /= 2.0
        if loss <= before:
            weights = weights - fraction * step
        if before - loss <= 1e-14 * len(x):
            break
    slope = float(weights[0]) / spread
    return flat if slope <= 0 else Platt(slope, float(weights[1]) - slope * centre)


def _loss(z: Floats, targets: Floats) -> float:
    """The cross-entropy of the sigmoids of ``z``, summed."""
    return float(np.sum(np.logaddexp(0.0, z) - targets * z))


def _sigmoid(z: Floats) -> Floats:
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


def _checked(probabilities: ArrayLike, relevant: ArrayLike) -> tuple[Floats, Floats]:
    p, y = np.asarray(probabilities, np.float64), np.asarray(relevant, np.float64)
    if p.ndim != 1 or p.shape != y.shape or not len(p) or not ((p >= 0) & (p <= 1)).all():
        raise ArgumentError(
            f"probabilities must be from 0 to 1, and as many as judgments, not of shapes {p.shape} and {y.shape}"
        )
    return p, y


def _list(name: str, value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise ArgumentError(f"the calibration has {name}={value!r:.80}; it must be a list of numbers")
    return cast("list[object]", value)


def _require_numbers(name: str, values: Sequence[object]) -> list[float]:
    """As floats, or ``ArgumentError``."""
    numbers: list[float] = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= LARGEST:
            raise ArgumentError(f"the calibration has {value!r:.40} among its {name}; it must be a finite number")
        numbers.append(float(value))
    return numbers


UNCALIBRATED = Platt(1.0, 0.0)
"""The plain sigmoid."""

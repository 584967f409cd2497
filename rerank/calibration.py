"""Calibration: curves from logits to probabilities of relevance, and measures of their quality.

``Platt`` is a sigmoid of ``slope * logit + intercept``, fitted to the smoothed targets of Platt 1999 ("Probabilistic
outputs for support vector machines"), which keep it finite where a threshold separates the two kinds of pairs.
``Isotonic`` is the non-decreasing step function with the smallest squared error (Zadrozny and Elkan 2002), with linear
pieces between the steps. Both are fitted by scikit-learn.
"""

import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ArgumentError
from ..errors.arguments import checked_choice, checked_count, checked_items, checked_numbers, described

CalibrationMethod = Literal["platt", "isotonic"]
MAX_KNOTS = 512
"""The most knots of an isotonic curve, which an index stores as JSON; a curve with more is thinned out."""
LARGEST = 1e100
"""The largest number of a calibration: up to it, no float32 logit overflows."""
MOST_BINS = 10_000
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Platt:
    """The curve ``sigmoid(slope * logit + intercept)``.

    Attributes:
        slope: Not negative: a negative slope would reverse the order.
        intercept: The log odds at logit 0.

    Raises:
        ArgumentError: A number is not finite, or the slope is negative.
    """

    slope: float
    intercept: float

    def __post_init__(self) -> None:
        _require_numbers("slope", [self.slope])
        _require_numbers("intercept", [self.intercept])
        if self.slope < 0:
            raise ArgumentError(f"the calibration has slope={self.slope!r}; it must not be negative")

    def apply(self, logits: ArrayLike) -> Floats:
        """Probabilities in [0, 1], float64 of the same shape, never lower for a higher logit."""
        return _sigmoid(self.slope * checked_numbers(logits, "logits") + self.intercept)

    def to_dict(self) -> dict[str, object]:
        """A record for JSON, which ``calibration_from_dict`` reads."""
        return {"method": "platt", "slope": self.slope, "intercept": self.intercept}


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A curve that is linear between its knots, and constant before the first and after the last.

    Attributes:
        logits: The logits of the knots, increasing.
        probabilities: Their probabilities in [0, 1], never decreasing.

    Raises:
        ArgumentError: The knots are not such a curve, or more than ``MAX_KNOTS``.
    """

    logits: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("logits", "probabilities"):
            object.__setattr__(self, name, tuple(checked_items(getattr(self, name), name, "numbers")))
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
        """Probabilities in [0, 1], float64 of the same shape, never lower for a higher logit."""
        x, ends = checked_numbers(logits, "logits"), np.array(self.probabilities)
        # Rounding may put a point just before a knot above that knot.
        highest = ends[np.minimum(np.searchsorted(self.logits, x, side="right"), len(ends) - 1)]
        return np.asarray(np.minimum(np.interp(x, self.logits, self.probabilities), highest), np.float64)

    def to_dict(self) -> dict[str, object]:
        """A record for JSON, which ``calibration_from_dict`` reads."""
        return {"method": "isotonic", "logits": list(self.logits), "probabilities": list(self.probabilities)}


Calibration = Platt | Isotonic


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of a reliability diagram: the pairs with a probability from ``low`` to ``high``.

    Attributes:
        low: The lower end of the bin.
        high: The upper end of the bin.
        pairs: How many pairs are in it.
        probability: Their mean probability, NaN where there is none.
        relevant: The share of them that is relevant, NaN where there is none.
    """

    low: float
    high: float
    pairs: int
    probability: float
    relevant: float


def calibration_from_dict(record: object) -> Calibration:
    """The calibration of a record that ``to_dict`` made. Raises ``ArgumentError`` for any other object."""
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
    """Fit a calibration to judged pairs.

    Platt's curve has two parameters and suits a few hundred pairs. An isotonic curve can take any rising shape and
    needs a thousand pairs or more. Its values stay within Platt's targets, 1 / (not relevant + 2) and
    (relevant + 1) / (relevant + 2), since no finite number of pairs proves a probability of 0 or 1. Where higher logits
    are not more often relevant, the curve is flat.

    Args:
        logits: Shape (pairs,), finite.
        relevant: Whether each passage is relevant, bool or 0 and 1, of the same shape.
        method: The kind of curve.

    Raises:
        ArgumentError: The arrays do not fit, or the pairs are all relevant or all not.
    """
    x, y = checked_numbers(logits, "logits"), checked_numbers(relevant, "relevant")
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
    if checked_choice(method, "method", get_args(CalibrationMethod)) == "isotonic":
        return _isotonic(x, y, low, high)
    return _platt(x, np.where(y > 0, high, low))


def reliability(probabilities: ArrayLike, relevant: ArrayLike, *, bins: int = 10) -> list[Bin]:
    """Compute a reliability diagram.

    Args:
        probabilities: From 0 to 1, shape (pairs,).
        relevant: Whether each passage is relevant, bool or 0 and 1, of the same shape.
        bins: The number of bins.

    Returns:
        Bins of equal width from 0 to 1, empty ones included.

    Raises:
        ArgumentError: The arrays do not fit, or ``bins`` is below 1.
    """
    p, y = _checked(probabilities, relevant)
    if checked_count(bins, "bins") > MOST_BINS:
        raise ArgumentError(f"bins must be at most {MOST_BINS}, not {described(bins)}")
    bin_of_pair = np.minimum((p * bins).astype(np.int64), bins - 1)
    masks = [bin_of_pair == number for number in range(bins)]
    return [
        Bin(
            low=number / bins,
            high=(number + 1) / bins,
            pairs=int(mask.sum()),
            probability=float(p[mask].mean()) if mask.any() else math.nan,
            relevant=float(y[mask].mean()) if mask.any() else math.nan,
        )
        for number, mask in enumerate(masks)
    ]


def expected_calibration_error(probabilities: ArrayLike, relevant: ArrayLike, *, bins: int = 15) -> float:
    """The mean over pairs of abs(probability - share that is relevant) of their bin (Guo et al. 2017)."""
    filled = [bin_ for bin_ in reliability(probabilities, relevant, bins=bins) if bin_.pairs]
    total = sum(bin_.pairs for bin_ in filled)
    return sum(bin_.pairs * abs(bin_.probability - bin_.relevant) for bin_ in filled) / total


def brier_score(probabilities: ArrayLike, relevant: ArrayLike) -> float:
    """The mean squared difference of probability and outcome (Brier 1950); lower is better."""
    p, y = _checked(probabilities, relevant)
    return float(_sklearn("metrics").brier_score_loss(y, p, pos_label=1))


def _isotonic(x: Floats, y: Floats, low: float, high: float) -> Isotonic:
    curve = _sklearn("isotonic").IsotonicRegression(y_min=low, y_max=high).fit(x, y)
    logits, probabilities = np.asarray(curve.X_thresholds_), np.asarray(curve.y_thresholds_)
    if len(logits) > MAX_KNOTS:
        chosen = np.linspace(0, len(logits) - 1, MAX_KNOTS).round().astype(np.int64)
        logits, probabilities = logits[chosen], probabilities[chosen]
    return Isotonic(tuple(logits.tolist()), tuple(probabilities.tolist()))


def _platt(x: Floats, targets: Floats) -> Platt:
    """A logistic regression without regularisation, on standardised logits.

    scikit-learn takes no soft targets, so each pair is there twice: as relevant with the weight ``target``, and as not
    relevant with the weight ``1 - target``. That is the same loss.
    """
    centre, spread = float(x.mean()), float(x.std())
    mean = float(targets.mean())
    flat = Platt(0.0, math.log(mean / (1.0 - mean)))
    if spread < 1e-9 * max(1.0, abs(centre)):
        return flat
    feature = ((x - centre) / spread)[:, None]
    fitted = _sklearn("linear_model").LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
    fitted.fit(
        np.concatenate([feature, feature]),
        np.repeat([1, 0], len(x)),
        sample_weight=np.concatenate([targets, 1.0 - targets]),
    )
    slope, intercept = float(fitted.coef_[0, 0]) / spread, float(fitted.intercept_[0])
    return flat if slope <= 0 else Platt(slope, intercept - slope * centre)


def _sklearn(module: str) -> Any:  # noqa: ANN401 - scikit-learn has no types
    """A module of scikit-learn, which takes a second to import."""
    return importlib.import_module(f"sklearn.{module}")


def _sigmoid(z: Floats) -> Floats:
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


def _checked(probabilities: ArrayLike, relevant: ArrayLike) -> tuple[Floats, Floats]:
    p, y = checked_numbers(probabilities, "probabilities"), checked_numbers(relevant, "relevant")
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

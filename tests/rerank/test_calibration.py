"""Calibration against Newton's method and pooling written out here, and what a curve must hold."""

import json

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.rerank import (
    UNCALIBRATED,
    Isotonic,
    Platt,
    brier_score,
    calibration_from_dict,
    expected_calibration_error,
    fit_calibration,
    reliability,
)
from bicross.rerank.calibration import MAX_KNOTS, _isotonic
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression


def sample(n, *, seed, slope=1.3, intercept=-2.0, digits=None):
    """Logits, and judgments drawn with a probability that is known."""
    random = np.random.default_rng(seed)
    logits = random.normal(1.0, 3.0, n)
    if digits is not None:
        logits = logits.round(digits)
    chances = 1 / (1 + np.exp(-(slope * logits + intercept)))
    return logits, random.random(n) < chances, chances


def smoothed(relevant):
    positive, negative = relevant.sum(), (~relevant).sum()
    return 1 / (negative + 2), (positive + 1) / (positive + 2)


def test_platt_finds_what_made_the_data():
    fitted = fit_calibration(*sample(50_000, seed=5)[:2])
    assert (fitted.slope, fitted.intercept) == pytest.approx((1.3, -2.0), abs=0.06)


def test_many_steps_are_thinned():
    random = np.random.default_rng(9)
    logits = np.arange(40_000.0)
    relevant = random.random(40_000) < (logits / 40_000)
    whole, steps = IsotonicRegression().fit(logits, relevant), np.arange(2000.0)
    assert len(whole.X_thresholds_) < MAX_KNOTS, "judgments of 0 and 1 have far fewer steps than pairs"
    curve = _isotonic(steps, (steps / 2000) ** 2, 0.0, 1.0)
    assert len(curve.logits) == MAX_KNOTS
    np.testing.assert_allclose(curve.apply(steps), (steps / 2000) ** 2, atol=1e-4)


def newton(logits, targets):
    """Platt's loss by Newton's method with halved steps (Lin, Lin and Weng 2007), without scikit-learn."""
    centre, spread = logits.mean(), logits.std()
    features = np.stack([(logits - centre) / spread, np.ones_like(logits)], axis=1)

    def loss(weights):
        z = features @ weights
        return np.sum(np.logaddexp(0, z) - targets * z)

    weights = np.zeros(2)
    for _ in range(60):
        p = 1 / (1 + np.exp(-features @ weights))
        step = np.linalg.solve((features * (p * (1 - p))[:, None]).T @ features, features.T @ (p - targets))
        while loss(weights - step) > loss(weights) and np.abs(step).max() > 1e-12:
            step = step / 2
        weights = weights - step
    return weights[0] / spread, weights[1] - weights[0] / spread * centre


@settings(max_examples=examples(40))
@given(seed=st.integers(0, 999), n=st.integers(20, 300), slope=st.floats(0.1, 3), spread=st.floats(0.05, 20))
def test_platt_is_newtons_method_on_smoothed_targets(seed, n, slope, spread):
    random = np.random.default_rng(seed)
    logits = random.normal(1.0, spread, n)
    relevant = random.random(n) < 1 / (1 + np.exp(-slope * (logits - logits.mean()) / spread))
    if relevant.all() or not relevant.any():
        return
    fitted = fit_calibration(logits, relevant)
    slope, intercept = newton(logits, np.where(relevant, *reversed(smoothed(relevant))))
    expected = 1 / (1 + np.exp(-(slope * logits + intercept)))
    if slope > 0:
        np.testing.assert_allclose(fitted.apply(logits), expected, atol=1e-6)


def pooled(values, weights):
    """The nearest non-decreasing values, by pooling adjacent violators."""
    blocks = []
    for value, weight in zip(values, weights, strict=True):
        mean, mass, length = float(value), float(weight), 1
        while blocks and blocks[-1][0] >= mean:
            other, more, count = blocks.pop()
            mean, mass, length = (mean * mass + other * more) / (mass + more), mass + more, length + count
        blocks.append((mean, mass, length))
    return np.repeat([mean for mean, _, _ in blocks], [length for _, _, length in blocks])


@settings(max_examples=examples(60))
@given(seed=st.integers(0, 999), n=st.integers(2, 300), digits=st.integers(0, 3))
def test_isotonic_is_pooling_of_adjacent_violators(seed, n, digits):
    logits, relevant, _ = sample(n, seed=seed, digits=digits)
    if relevant.all() or not relevant.any():
        return
    distinct, rows, counts = np.unique(logits, return_inverse=True, return_counts=True)
    expected = np.clip(pooled(np.bincount(rows, weights=relevant) / counts, counts), *smoothed(relevant))
    probabilities = fit_calibration(logits, relevant, method="isotonic").apply(distinct)
    np.testing.assert_allclose(probabilities, expected, atol=1e-9)


def test_no_rounding_lifts_a_point_above_the_next_knot():
    fitted = fit_calibration([-6.25, 1.6057821064364925e-34, -7.0], [False, True, False], method="isotonic")
    asked = np.array([-1e-30, -1e-33, 0.0, 1e-34, 1.6057821064364925e-34, 1e-33, 1.0])
    probabilities = fitted.apply(asked)
    assert (np.diff(probabilities) >= 0).all()
    assert probabilities[-1] == fitted.probabilities[-1]


@settings(max_examples=examples(80), deadline=None)
@given(data=st.data(), method=st.sampled_from(["platt", "isotonic"]))
def test_what_is_fitted_never_decreases_and_is_a_probability(data, method):
    logits = data.draw(st.lists(st.floats(-80, 80, width=32), min_size=2, max_size=40))
    relevant = data.draw(st.lists(st.booleans(), min_size=len(logits), max_size=len(logits)))
    if all(relevant) or not any(relevant):
        with pytest.raises(ArgumentError, match="a calibration needs both"):
            fit_calibration(logits, relevant, method=method)
        return
    fitted = fit_calibration(logits, relevant, method=method)
    asked = np.sort(np.array([*logits, *np.linspace(-1e4, 1e4, 101)], np.float32))
    probabilities = fitted.apply(asked)
    assert probabilities.dtype == np.float64
    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert (np.diff(probabilities) >= 0).all()
    assert calibration_from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_a_calibration_helps_on_pairs_that_it_has_not_seen(method):
    fitted = fit_calibration(*sample(5000, seed=7)[:2], method=method)
    logits, relevant, chances = sample(5000, seed=8)
    assert expected_calibration_error(UNCALIBRATED.apply(logits), relevant) > 0.1
    assert expected_calibration_error(fitted.apply(logits), relevant) < 0.03
    assert np.abs(fitted.apply(logits) - chances).mean() < 0.03
    assert brier_score(fitted.apply(logits), relevant) < brier_score(UNCALIBRATED.apply(logits), relevant)


def test_perfectly_separable_pairs_stay_finite():
    logits = np.concatenate([np.linspace(-9, -5, 50), np.linspace(5, 9, 50)])
    for method in ("platt", "isotonic"):
        probabilities = fit_calibration(logits, logits > 0, method=method).apply(logits)
        assert ((probabilities > 0) & (probabilities < 1)).all()
        assert probabilities[0] < 0.05 < 0.95 < probabilities[-1]
        assert probabilities[:50].max() < 0.5 < probabilities[50:].min()


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_logits_that_say_nothing_or_the_opposite_give_the_mean(method):
    logits, relevant = np.arange(100.0), np.arange(100) < 30
    np.testing.assert_allclose(fit_calibration(logits, relevant, method=method).apply(logits), 0.3, atol=0.01)
    np.testing.assert_allclose(fit_calibration(np.full(100, 7.0), relevant, method=method).apply([7.0]), 0.3, atol=0.01)


def test_the_plain_sigmoid_bears_any_logit():
    probabilities = UNCALIBRATED.apply(np.array([-1e4, -1.0, 0.0, 1.0, 1e4], np.float32))
    assert probabilities == pytest.approx([0, 1 / (1 + np.e), 0.5, np.e / (1 + np.e), 1])


def test_reliability_ece_and_brier_by_hand():
    probabilities, relevant = [0.0, 0.05, 0.35, 0.39, 1.0], [0, 1, 0, 1, 1]
    filled = [b for b in reliability(probabilities, relevant, bins=10) if b.pairs]
    assert [(b.low, b.pairs, b.relevant) for b in filled] == [(0.0, 2, 0.5), (0.3, 2, 0.5), (0.9, 1, 1.0)]
    assert [b.probability for b in filled] == pytest.approx([0.025, 0.37, 1.0])
    assert expected_calibration_error(probabilities, relevant, bins=10) == pytest.approx((2 * 0.475 + 2 * 0.13) / 5)
    assert brier_score(probabilities, relevant) == pytest.approx((0.95**2 + 0.35**2 + 0.61**2) / 5)
    assert brier_score([0.25, 0.5], [0, 0]) == pytest.approx((0.25**2 + 0.5**2) / 2), "pairs of one kind alone"
    assert sum(b.pairs for b in reliability(probabilities, relevant, bins=7)) == 5


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (None, "an object with a method, not None"),
        ([1], r"an object with a method, not \[1\]"),
        ({}, "no calibration has the method None"),
        ({"method": "magic"}, "no calibration has the method 'magic'"),
        ({"method": ["platt"]}, "no calibration has the method"),
        ({"method": "platt", "slope": 1.0}, r"the method 'platt' and the fields \['slope'\]"),
        ({"method": "platt", "slope": 1.0, "intercept": 0.0, "more": 1}, "no calibration has"),
        ({"method": "platt", "slope": "1", "intercept": 0.0}, "'1' among its numbers; it must be a finite number"),
        ({"method": "platt", "slope": True, "intercept": 0.0}, "True among its numbers"),
        ({"method": "platt", "slope": 10**400, "intercept": 0.0}, "must be a finite number"),
        ({"method": "platt", "slope": float("nan"), "intercept": 0.0}, "nan among its numbers"),
        ({"method": "platt", "slope": -1.0, "intercept": 0.0}, r"slope=-1\.0; it must not be negative"),
        ({"method": "isotonic", "logits": [], "probabilities": []}, "from 1 to"),
        ({"method": "isotonic", "logits": [1.0], "probabilities": [0.1, 0.2]}, "1 logits and 2 probabilities"),
        ({"method": "isotonic", "logits": "ab", "probabilities": [0.1, 0.2]}, "logits='ab'; it must be a list"),
        ({"method": "isotonic", "logits": [1.0, 1.0], "probabilities": [0.1, 0.2]}, "must increase"),
        ({"method": "isotonic", "logits": [1.0, 2.0], "probabilities": [0.3, 0.2]}, "never decrease"),
        ({"method": "isotonic", "logits": [1.0, 2.0], "probabilities": [0.3, 1.2]}, "from 0 to 1"),
        ({"method": "isotonic", "logits": [1.0, None], "probabilities": [0.3, 0.4]}, "None among its logits"),
    ],
)
def test_records_that_are_no_calibration(record, message):
    with pytest.raises(ArgumentError, match=message):
        calibration_from_dict(record)


@pytest.mark.parametrize(
    "build", [lambda: Platt(1.0, float("inf")), lambda: Platt(-0.1, 0.0), lambda: Isotonic((1.0,), (-0.1,))]
)
def test_a_calibration_is_checked_when_it_is_made(build):
    with pytest.raises(ArgumentError, match="the calibration"):
        build()


def test_pairs_that_cannot_be_fitted_or_measured():
    for logits, relevant in ([[1, 2], [1]], [[1, np.nan], [0, 1]], [[1, 2], [0, 3]], [[[1]], [[1]]]):
        with pytest.raises(ArgumentError, match="finite logits and as many judgments of 0 or 1"):
            fit_calibration(logits, relevant)
    with pytest.raises(ArgumentError, match="one of platt, isotonic, not 'beta'"):
        fit_calibration([1.0, 2.0], [0, 1], method="beta")
    for probabilities, relevant in ([[1.2], [1]], [[], []], [[0.5], [1, 0]], [[np.nan], [1]]):
        with pytest.raises(ArgumentError, match="probabilities must be from 0 to 1"):
            brier_score(probabilities, relevant)
    with pytest.raises(ArgumentError, match="bins must be at least 1, not 0"):
        expected_calibration_error([0.5], [1], bins=0)

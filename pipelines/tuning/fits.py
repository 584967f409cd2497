"""Fits the stop rule and the calibration of a setting on the scores of a tuning."""

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...rerank import (
    UNCALIBRATED,
    Calibration,
    CalibrationMethod,
    brier_score,
    expected_calibration_error,
    fit_calibration,
    reliability,
)
from ..evaluation import Judged
from ..search import StopRule, fit_stop_rule
from .choice import FOLDS
from .grid import CUTOFF, Configuration, grades_of
from .result import Calibrated
from .scores import Scored

STOP_QUERIES = 500
"""The most queries that a stop rule is fitted on; more of them only take longer."""
Floats = NDArray[np.float64]


def fit_stop_rule_of(scored: Scored, setting: Configuration, risk: float) -> StopRule | None:
    """Fit the stop rule of a setting.

    Args:
        scored: The scores of the candidates.
        setting: The setting, with its first stage and blend.
        risk: The share of the best results that may be missed, averaged over queries.

    Returns:
        The rule; None where there are too few queries for that risk.
    """
    retrieval, logits = list[Floats](), list[Floats]()
    for query in scored.queries[:STOP_QUERIES]:
        best, scores = query.ranked(setting.first_stage, scored.k)
        retrieval.append(scores)
        logits.append(query.logits[best])
    try:
        return fit_stop_rule(retrieval, logits, risk=risk, k=CUTOFF, blend=setting.blend)
    except ArgumentError:
        return None


def first_stage_curve(scored: Scored, judged: Judged, setting: Configuration) -> Calibration | None:
    """Fit the curve that estimates relevance from the cosine, for results that are not reranked.

    Args:
        scored: The scores of the candidates.
        judged: The judgments; documents without one count as not relevant.
        setting: The setting whose candidates it is fitted to.

    Returns:
        The curve; None where the candidates are all relevant or all not.
    """
    cosines, relevant = list[Floats](), list[NDArray[np.bool_]]()
    for query in scored.queries:
        best, _ = query.ranked(setting.first_stage, scored.k)
        cosines.append(query.dense[best])
        relevant.append(grades_of(query, judged)[best] > 0)
    try:
        return fit_calibration(np.concatenate(cosines), np.concatenate(relevant))
    except ArgumentError:
        return None


def calibrate(scored: Scored, judged: Judged, setting: Configuration, method: CalibrationMethod) -> Calibrated:
    """Fit a calibration on the candidates that a search with a setting scores.

    Documents without a judgment count as not relevant. The errors are measured on queries that the curve was not fitted
    to, in folds of whole queries.

    Args:
        scored: The scores of the candidates.
        judged: The judgments.
        setting: The setting.
        method: The kind of calibration.
    """
    logits, relevant, query = list[Floats](), list[NDArray[np.bool_]](), list[NDArray[np.int64]]()
    for number, scored_query in enumerate(scored.queries):
        rows = scored_query.ranked(setting.first_stage, scored.k)[0][: setting.depth]
        logits.append(scored_query.logits[rows])
        relevant.append(grades_of(scored_query, judged)[rows] > 0)
        query.append(np.full(len(rows), number))
    x, y, of = np.concatenate(logits), np.concatenate(relevant), np.concatenate(query)
    calibration = fit_calibration(x, y, method=method)
    before, after = UNCALIBRATED.apply(x), np.empty(len(x))
    for fold in range(FOLDS):
        held = of % FOLDS == fold
        try:
            after[held] = fit_calibration(x[~held], y[~held], method=method).apply(x[held])
        except ArgumentError:  # the other folds have only relevant or only irrelevant pairs
            after[held] = calibration.apply(x[held])
    return Calibrated(
        calibration,
        pairs=len(x),
        ece_before=expected_calibration_error(before, y),
        ece_after=expected_calibration_error(after, y),
        brier_before=brier_score(before, y),
        brier_after=brier_score(after, y),
        bins_before=tuple(reliability(before, y)),
        bins_after=tuple(reliability(after, y)),
    )

"""Stage two: (query, passage) pairs to scores. Knows no index and no document."""

from .calibration import (
    UNCALIBRATED,
    Bin,
    Calibration,
    CalibrationMethod,
    Isotonic,
    Platt,
    brier_score,
    calibration_from_dict,
    expected_calibration_error,
    fit_calibration,
    pool_adjacent_violators,
    reliability,
)
from .cascade import Cascade, CascadeScores, check_cascade, in_stages, require_exits
from .cross_encoder import DEFAULT_RERANKER, CrossEncoderReranker
from .reranker import CascadeReranker, IdentifiedReranker, Pair, Reranker, TokenPair, TokenReranker

__all__ = [
    "DEFAULT_RERANKER",
    "UNCALIBRATED",
    "Bin",
    "Calibration",
    "CalibrationMethod",
    "Cascade",
    "CascadeReranker",
    "CascadeScores",
    "CrossEncoderReranker",
    "IdentifiedReranker",
    "Isotonic",
    "Pair",
    "Platt",
    "Reranker",
    "TokenPair",
    "TokenReranker",
    "brier_score",
    "calibration_from_dict",
    "check_cascade",
    "expected_calibration_error",
    "fit_calibration",
    "in_stages",
    "pool_adjacent_violators",
    "reliability",
    "require_exits",
]

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
from .cascade import (
    Cascade,
    CascadeScores,
    Rate,
    by_query,
    check_cascade,
    in_stages,
    rate_of,
    require_exits,
    together,
)
from .cross_encoder import DEFAULT_RERANKER, CrossEncoderReranker
from .packed_scoring import require_early
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
    "Rate",
    "Reranker",
    "TokenPair",
    "TokenReranker",
    "brier_score",
    "by_query",
    "calibration_from_dict",
    "check_cascade",
    "expected_calibration_error",
    "fit_calibration",
    "in_stages",
    "pool_adjacent_violators",
    "rate_of",
    "reliability",
    "require_early",
    "require_exits",
    "together",
]

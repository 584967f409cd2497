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
    RankingKey,
    check_cascade,
    group_by_query,
    merge_scores,
    require_exits,
    restrict_key,
    run_cascade,
)
from .cross_encoder import DEFAULT_RERANKER, CrossEncoderReranker
from .packed_scoring import require_exit_layers
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
    "RankingKey",
    "Reranker",
    "TokenPair",
    "TokenReranker",
    "brier_score",
    "calibration_from_dict",
    "check_cascade",
    "expected_calibration_error",
    "fit_calibration",
    "group_by_query",
    "merge_scores",
    "pool_adjacent_violators",
    "reliability",
    "require_exit_layers",
    "require_exits",
    "restrict_key",
    "run_cascade",
]

"""Trains, stores, searches and checks vectors. Only ``faiss_index``, ``faiss_parts`` and ``threads`` import faiss."""

from .choice import AUTO, TARGET_RECALL, check_target, choose_factory
from .faiss_index import FLAT, VectorIndex
from .faiss_parts import untrained
from .nearness import NearPairs, near_pairs, pair_products
from .recall import RECALL_AT, RECALL_QUERIES, ExactNeighbours, tune
from .scan import SearchSettings
from .threads import each_in_threads
from .training import TRAINING_ROWS, new_index, sample_rows, training_rows
from .within import ROUNDING, RowsWithin, rows_within

__all__ = [
    "AUTO",
    "FLAT",
    "RECALL_AT",
    "RECALL_QUERIES",
    "ROUNDING",
    "TARGET_RECALL",
    "TRAINING_ROWS",
    "ExactNeighbours",
    "NearPairs",
    "RowsWithin",
    "SearchSettings",
    "VectorIndex",
    "check_target",
    "choose_factory",
    "each_in_threads",
    "near_pairs",
    "new_index",
    "pair_products",
    "rows_within",
    "sample_rows",
    "training_rows",
    "tune",
    "untrained",
]

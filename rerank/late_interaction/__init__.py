"""Late interaction: scores from vectors of the tokens of query and passage, which are computed apart.

It is MaxSim of ColBERT (Khattab and Zaharia 2020, arXiv 2004.12832), over early states of an encoder.
"""

from .maxsim import UNIT, QueryVectors, TokenVectors, max_sim
from .model_folder import LateInteractionSettings, Projection, read_late_interaction, write_late_interaction
from .reranker import LateInteractionReranker

__all__ = [
    "UNIT",
    "LateInteractionReranker",
    "LateInteractionSettings",
    "Projection",
    "QueryVectors",
    "TokenVectors",
    "max_sim",
    "read_late_interaction",
    "write_late_interaction",
]

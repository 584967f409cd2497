"""The commands ``bicross train ...``."""

from .early_layers import early_layers_command
from .encoder import train_encoder_command
from .exits import train_exits_command
from .fast_reranker import train_fast_reranker_command
from .pairs import train_pairs_command
from .reranker import train_app

train_app.command("fast-reranker")(train_fast_reranker_command)
train_app.command("encoder")(train_encoder_command)
train_app.command("pairs")(train_pairs_command)
train_app.command("exits")(train_exits_command)
train_app.command("early-layers")(early_layers_command)

__all__ = [
    "early_layers_command",
    "train_app",
    "train_encoder_command",
    "train_exits_command",
    "train_fast_reranker_command",
    "train_pairs_command",
]

"""Late-interaction rerankers: random ones on the first layers of a tiny encoder, always the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def save_late_interaction(folder: Path, base: Path, *, layer: int = 1, dim: int = 8, seed: int = 0, **settings) -> Path:
    """A model on an encoder that was saved before; ``settings`` are those of ``LateInteractionSettings``."""
    from bicross.inference import ModelFiles, load_encoder
    from bicross.rerank.late_interaction import LateInteractionSettings, Projection, write_late_interaction

    config = load_encoder(base, device="cpu")[0].model.config
    hidden = config.hidden_size if hasattr(config, "hidden_size") else config.dim
    chance = np.random.default_rng(seed)
    arrays = [chance.standard_normal(hidden), chance.random(hidden) + 0.5, chance.standard_normal((dim, hidden))]
    arrays += [chance.standard_normal((1, hidden)) / 5, np.array([0.5]), np.array(3.0)]
    made_of = {"base": str(base.absolute()), "base_sha256": ModelFiles.of(base, base).weights_sha256} | settings
    folder.mkdir(parents=True, exist_ok=True)
    write_late_interaction(
        folder,
        LateInteractionSettings(layer=layer, dim=dim, **{"max_length": 32, "blend": 0.5} | made_of),
        Projection(*(np.array(array, np.float32) for array in arrays)),
    )
    return folder

"""Tiny cross-encoders of several layers with random exit heads, their oracle, and a collection that they can read.

No import of this module loads the model libraries: see tiny_models.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bicross.index import Document
from bicross.inference import ExitHead, write_exits

DEPTH = 5
WORDS = "cat dog owl cow bee sleeps runs hunts all day at night in the warm field park".split()  # noqa: SIM905


def documents(number: int = 30) -> list[Document]:
    random = np.random.default_rng(5)
    return [Document(f"d{i:02}", " ".join(random.choice(WORDS, random.integers(4, 10)))) for i in range(number)]


def head(width: int, seed: int) -> ExitHead:
    """A head with large weights, so that the logits of pairs differ widely."""
    random = np.random.default_rng(seed)
    weight = random.normal(0.0, 2.0 / width**0.5, width).astype(np.float32)
    return ExitHead(weight, random.normal(0.0, 0.3, 1).astype(np.float32))


def save_deep(folder: Path, name: str, *, exits=(2, 4), outputs: int = 1, layers: int = DEPTH) -> Path:
    """A cross-encoder of that architecture with ``layers``, and heads after the layers ``exits``."""
    from helpers.tiny_architectures import ARCHITECTURES, save_cross_encoder

    architecture = ARCHITECTURES[name]
    setting = "n_layers" if name == "distilbert" else "num_hidden_layers"
    with pytest.MonkeyPatch.context() as patch:
        deeper = replace(architecture, settings=architecture.settings | {setting: layers})
        patch.setitem(ARCHITECTURES, name, deeper)
        save_cross_encoder(folder, name, outputs=outputs)
    width = architecture.settings.get("hidden_size") or architecture.settings["dim"]
    if exits:
        write_exits(folder, {layer: head(width, layer) for layer in exits})
    return folder


def first_tokens(folder: Path, pairs) -> np.ndarray:
    """By transformers, one pair at a time: (pairs, layers, hidden), the first token after each layer, normed."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from helpers.tiny_architectures import LIMIT

    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    norm = getattr(getattr(model, "model", None), "final_norm", torch.nn.Identity())
    states_of_pairs = []
    for query, passage in pairs:
        inputs = tokenizer([query], [passage], truncation="only_second", max_length=LIMIT, return_tensors="pt")
        with torch.no_grad():
            states = model(**inputs, output_hidden_states=True).hidden_states
            # The last of them went through the norm already, where there is one.
            states_of_pairs.append([*(norm(state[0, 0]).numpy() for state in states[1:-1]), states[-1][0, 0].numpy()])
    return np.array(states_of_pairs)

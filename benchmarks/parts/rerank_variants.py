"""The rerankers of sentence-transformers and of bicross, in each number format."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from bicross.errors import BicrossError
from bicross.inference import resolve_model
from bicross.rerank import CrossEncoderReranker
from numpy.typing import NDArray

Pairs = Sequence[tuple[str, str]]
Scores = NDArray[np.float32]
Score = Callable[[Pairs], Scores]

REFERENCE = "sentence-transformers float32, batch 32"
"""sentence-transformers with its defaults. Scores and times are compared to those of this reranker."""
DTYPES = ("float32", "bfloat16", "int8")


Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True)
class Variant(Generic[Loaded]):
    """Something to compare: ``make`` loads it, ``dtype`` names its number format, ``ours`` marks bicross's."""

    name: str
    dtype: str
    make: Callable[[], Loaded]
    ours: bool = False


def variants(model: str, device: str) -> list[Variant[Score]]:
    """Return all rerankers, the reference first."""
    folder = resolve_model(model)
    peers: list[Variant[Score]] = []
    for dtype, batch in itertools.product(("float32", "bfloat16"), (32, 8)):
        make = partial(_peer, folder, device, dtype, batch)
        peers.append(Variant(f"sentence-transformers {dtype}, batch {batch}", dtype, make))
    ours = [Variant(f"bicross {dtype}", dtype, partial(_ours, folder, device, dtype), ours=True) for dtype in DTYPES]
    return [*peers, *ours]


def load(choices: Sequence[Variant[Loaded]]) -> tuple[dict[str, Loaded], dict[str, str]]:
    """Load what can be loaded, by name; also return why the others cannot."""
    loaded: dict[str, Loaded] = {}
    reasons: dict[str, str] = {}
    for variant in choices:
        try:
            loaded[variant.name] = variant.make()
        except ImportError as error:
            reasons[variant.name] = f"not measured: {error}"
        except (BicrossError, RuntimeError) as error:
            reasons[variant.name] = f"not available: {error}"
    return loaded, reasons


def _peer(folder: Path, device: str, dtype: str, batch: int) -> Score:
    import torch
    from sentence_transformers import CrossEncoder

    model: Any = CrossEncoder(
        str(folder), device=device, local_files_only=True, model_kwargs={"dtype": getattr(torch, dtype)}
    )

    def score(pairs: Pairs) -> Scores:
        # Logits, as bicross gives them; many models are set up to give their sigmoid.
        logits = model.predict(
            list(pairs), batch_size=batch, activation_fn=torch.nn.Identity(), show_progress_bar=False
        )
        return np.asarray(logits, np.float32).reshape(len(pairs))

    return score


def _ours(folder: Path, device: str, dtype: Any) -> Score:  # noqa: ANN401 - not every name is a dtype of every version
    return CrossEncoderReranker(folder, device=device, dtype=dtype).score

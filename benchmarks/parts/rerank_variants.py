"""The rerankers that rerank_speed.py compares: sentence-transformers, ONNX Runtime and bicross."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
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
LONGEST = 512
"""Tokens of a pair for an exported model, unless its tokenizer has a lower limit."""
DTYPES = ("float32", "bfloat16", "int8")


Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True)
class Variant(Generic[Loaded]):
    """Something to compare: ``make`` loads it, ``dtype`` names its number format, ``ours`` marks bicross's."""

    name: str
    dtype: str
    make: Callable[[], Loaded]
    ours: bool = False


def variants(model: str, device: str, *, onnx: Path | None = None, threads: int = 1) -> list[Variant[Score]]:
    """Return all rerankers, the reference first."""
    folder = resolve_model(model)
    peers: list[Variant[Score]] = []
    for dtype, batch in itertools.product(("float32", "bfloat16"), (32, 8)):
        make = partial(_peer, folder, device, dtype, batch)
        peers.append(Variant(f"sentence-transformers {dtype}, batch {batch}", dtype, make))
    exported = Variant("ONNX Runtime int8", "int8", partial(_onnx, folder, onnx, threads))
    ours = [Variant(f"bicross {dtype}", dtype, partial(_ours, folder, device, dtype), ours=True) for dtype in DTYPES]
    return [*peers, exported, *ours]


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


def _onnx(folder: Path, exported: Path | None, threads: int) -> Score:
    """Score all candidates of a query in one padded batch, as FlashRank does."""
    if find_spec("onnxruntime") is None:
        raise ImportError("onnxruntime is not installed")
    if exported is None:
        raise ImportError("it needs an exported model: --onnx MODEL.onnx")
    import onnxruntime
    from transformers import AutoTokenizer

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(exported), options, providers=["CPUExecutionProvider"])
    tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    longest = min(LONGEST, int(tokenizer.model_max_length))
    names = [given.name for given in session.get_inputs()]

    def score_some(pairs: Pairs) -> Scores:
        queries, passages = zip(*pairs, strict=True)
        encoded = tokenizer(
            queries, passages, padding=True, truncation="only_second", max_length=longest, return_tensors="np"
        )
        return np.asarray(session.run(None, {name: encoded[name] for name in names})[0], np.float32).reshape(-1)

    return lambda pairs: np.concatenate([score_some(pairs[i : i + 100]) for i in range(0, len(pairs), 100)])

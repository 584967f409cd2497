"""Opens the fast reranker: the model whose token vectors an index stores, under the name that the index keeps."""

import functools
from pathlib import Path
from typing import cast

from ..errors import ArgumentError, IndexModelMismatch, ModelError
from ..errors.arguments import described
from ..index import Index
from ..inference import Dtype, resolve_model
from ..models import FAST_RERANKER
from ..rerank import LateInteractionReranker, TokenVectorReranker, takes_token_vectors
from .models import Devices, device_names

LATE_INTERACTION_SECTION = "late_interaction"
"""The key in ``Index.settings`` of the model's name."""


def load_fast_reranker(
    model: str | Path | TokenVectorReranker, *, device: Devices = None, dtype: Dtype = "float32"
) -> TokenVectorReranker:
    """Load a fast reranker by its name, and check one that is given as a model.

    Args:
        model: A bundled name or a folder; or the model.
        device: Where it runs; of several devices the first.
        dtype: The number format in which it calculates.

    Raises:
        ArgumentError: It is neither a name nor such a model.
        ModelNotFound: There is none of this name.
        ModelError: The model of this name is of another kind.
    """
    if isinstance(model, str | Path):
        return LateInteractionReranker(model, device=device_names(device)[0], dtype=dtype)
    if isinstance(cast("object", model), type) or not takes_token_vectors(model):
        raise ArgumentError(
            f"a fast reranker is the name of one, such as {FAST_RERANKER!r}, or a LateInteractionReranker, not "
            f"{described(model)}"
        )
    return model


def open_fast_reranker(
    index: Index,
    model: str | Path | TokenVectorReranker | None = None,
    *,
    device: Devices = None,
    dtype: Dtype = "float32",
) -> TokenVectorReranker | None:
    """Open the model that made the token vectors of an index; None if the index stores none.

    An index names its model, but never causes a download by itself, because the folder may come from anyone.

    Args:
        index: The index.
        model: The model or its name; None is the one that the index names.
        device: Where a model given by name runs; of several devices the first.
        dtype: The number format in which a model given by name calculates.

    Raises:
        IndexModelMismatch: It is not the model that made the token vectors.
        ModelError: It is not on this machine.
    """
    if not index.late_interaction_fingerprint:
        return None
    name = _named_by(index) if model is None else str(getattr(model, "name", model))
    if model is None:
        try:
            resolve_model(name, download=False)
        except ModelError as error:
            raise type(error)(f"{index.path} keeps token vectors of {name!r}: {error}") from error
    if model is None or isinstance(model, str | Path):
        opened = _loaded_once(name, index.late_interaction_fingerprint, device_names(device)[0], dtype)
    else:
        opened = load_fast_reranker(model)
    if opened.late_interaction_fingerprint != index.late_interaction_fingerprint:
        raise IndexModelMismatch(
            f"{index.path} keeps token vectors of the model {index.late_interaction_fingerprint:.12}..., and "
            f"{name!r} is {opened.late_interaction_fingerprint:.12}...; make them anew: "
            f"`bicross precompute {index.path} --fast-reranker {name}`"
        )
    return opened


def name_of(model: str | Path | TokenVectorReranker) -> str:
    """Return the name by which another process can load a model: a folder as its whole path.

    Raises:
        ArgumentError: The model has no name.
    """
    name = model if isinstance(model, str | Path) else getattr(model, "name", None)
    if not isinstance(name, str | Path) or not str(name):
        raise ArgumentError(f"a {type(model).__name__} has no name by which later processes could load it; name one")
    return str(Path(name).resolve()) if Path(name).is_dir() else str(name)


def named_in_settings(model: str | Path | TokenVectorReranker | None) -> dict[str, object]:
    """Return the part of ``Index.settings`` that names the model of the token vectors; nothing for None."""
    return {} if model is None else {LATE_INTERACTION_SECTION: {"model": name_of(model)}}


@functools.lru_cache(maxsize=2)
def _loaded_once(name: str, fingerprint: str, device: str | None, dtype: Dtype) -> TokenVectorReranker:
    """Load a model, which takes longer than to add a document; another ``fingerprint`` looks at its files again."""
    del fingerprint
    return load_fast_reranker(name, device=device, dtype=dtype)


def _named_by(index: Index) -> str:
    """Return the name of the model that an index keeps; the bundled one if it keeps no name."""
    section = index.settings.get(LATE_INTERACTION_SECTION)
    name = cast("dict[str, object]", section).get("model") if isinstance(section, dict) else None
    return name if isinstance(name, str) and name else FAST_RERANKER

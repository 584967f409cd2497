"""Opens the encoder, the retriever and the reranker with which an index is searched."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from ..errors import ArgumentError, ModelError
from ..errors.arguments import described
from ..index import Index
from ..inference import Dtype, kind_of, resolve_model
from ..inference.remote import is_remote
from ..rerank import CrossEncoderReranker, LateInteractionReranker, RemoteReranker, Reranker
from ..retrieval import (
    REMOTE_POOLING,
    BiEncoder,
    DenseRetriever,
    EarlyLayerEncoder,
    EarlyLayers,
    Encoder,
    Feedback,
    Fusion,
    HybridRetriever,
    LexicalRetriever,
    ParallelEncoder,
    RemoteEncoder,
)
from .choices import FirstStage

Devices = str | Sequence[str] | None
"""Where a model runs: one device, or several as a list or joined by commas; None is the fastest one available."""


def load_encoder(
    encoder: str | Path, *, device: Devices = None, dtype: Dtype = "float32", early: EarlyLayers | None = None
) -> Encoder:
    """Load a bi-encoder by its name.

    Args:
        encoder: A hub id, a local folder or a bundled name, or the address of a server: see ``RemoteEncoder``.
        device: Where it runs; with several devices there is a copy on each.
        dtype: The number format in which it calculates.
        early: The layers that embed, where ``encoder`` names a cross-encoder; None for a bi-encoder.
    """
    if is_remote(encoder):
        _require_no_device(encoder, device, dtype)
        return RemoteEncoder(str(encoder))
    encoders = [_load_encoder(encoder, device_name, dtype, early) for device_name in device_names(device)]
    return encoders[0] if len(encoders) == 1 else ParallelEncoder(encoders)


def _load_encoder(name: str | Path, device: str | None, dtype: Dtype, early: EarlyLayers | None) -> BiEncoder:
    if early is None:
        return BiEncoder(name, device=device, dtype=dtype)
    return EarlyLayerEncoder(name, layers=early.layers, pooling=early.pooling, device=device, dtype=dtype)


def _require_no_device(server: str | Path, device: Devices, dtype: Dtype) -> None:
    """Check that nobody chooses where the model of a server runs."""
    if device is not None or dtype != "float32":
        given = f"device={device!r}" if device is not None else f"dtype={dtype!r}"
        raise ArgumentError(f"{given} is for a model that runs here; {server} chooses by itself")


def require_one_device(device: Devices) -> None:
    """Check that there are not several devices.

    Raises:
        ArgumentError: There are several.
    """
    devices = device_names(device)
    if len(devices) > 1:
        raise ArgumentError(f"a search runs on one device, and {device!r} names {len(devices)}: name one of them")


def device_names(device: Devices) -> list[str] | list[None]:
    """Return the names of the devices; None where it is left open.

    Raises:
        ArgumentError: It names none, or something that is no name.
    """
    if device is None:
        return [None]
    unchecked: object = cast("object", device.split(",") if isinstance(device, str) else device)
    listed = list(cast("Sequence[object]", unchecked)) if isinstance(unchecked, list | tuple) else []
    names = [name.strip() for name in listed if isinstance(name, str)]
    if not all(names) or not names or len(names) < len(listed):
        raise ArgumentError(f"device must name one device or several, as in 'cuda:0,cuda:1', not {device!r}")
    return names


def require_encoder(encoder: object) -> None:
    """Check that something is an encoder as far as its methods tell.

    Raises:
        ArgumentError: It has none of them.
    """
    if not callable(getattr(encoder, "encode_queries", None)) or isinstance(encoder, type):
        raise ArgumentError(f"encoder must be a model or the name of one, not {described(encoder)}")


def open_encoder(
    index: Index, encoder: str | Path | Encoder | None, *, device: Devices = None, dtype: Dtype = "float32"
) -> Encoder:
    """Open the encoder of an index.

    An index names its model, but never causes a download by itself, because the folder may come from anyone.

    Args:
        index: The index to search.
        encoder: A model or its name; None is the model that built the index, if it is on this machine.
        device: Where a model given by name runs.
        dtype: The number format in which a model given by name calculates.

    Raises:
        IndexModelMismatch: The encoder is not the model that built the index.
    """
    if encoder is None:
        name = built_with(index)
        if index.model.pooling == REMOTE_POOLING:
            raise ModelError(
                f"{index.path} was built with the model {name!r} of a server: name the server as the encoder, as in "
                f"http://127.0.0.1:8080#{name}"
            )
        try:
            resolve_model(name, download=False)
        except ModelError as error:
            raise type(error)(
                f"{index.path} was built with {index.model.id!r}: {error} "
                f"Or name it as the encoder, to fetch it: {name!r}."
            ) from error
        opened = load_encoder(name, device=device, dtype=dtype, early=EarlyLayers.named(index.model.pooling))
    else:
        opened = load_encoder(encoder, device=device, dtype=dtype) if isinstance(encoder, str | Path) else encoder
        require_encoder(opened)
    index.model.require_same(opened.fingerprint)
    return opened


def open_retriever(  # noqa: PLR0913 - each argument has a default
    index: Index,
    encoder: str | Path | Encoder | None = None,
    *,
    first_stage: FirstStage | None = None,
    fusion: Fusion | None = None,
    device: Devices = None,
    dtype: Dtype = "float32",
    passages: int = 1,
    feedback: Feedback | None = None,
) -> DenseRetriever | LexicalRetriever | HybridRetriever:
    """Open the retriever of an index.

    Args:
        index: The index to search.
        encoder: A model or its name, as for ``open_encoder``; "lexical" needs none.
        first_stage: How candidates are found; None is "dense".
        fusion: How "hybrid" combines scores.
        device: Where a model given by name runs.
        dtype: The number format in which a model given by name calculates.
        passages: The most passages of a document that a hit may have; with "lexical" it has one.
        feedback: How strong pseudo-relevance feedback is; "lexical" has none.
    """
    if first_stage == "lexical":
        return LexicalRetriever(index)
    if first_stage not in (None, "dense", "hybrid"):
        raise ArgumentError(f"first_stage must be 'dense', 'lexical', 'hybrid' or None, not {first_stage!r}")
    opened = open_encoder(index, encoder, device=device, dtype=dtype)
    if first_stage == "hybrid":
        return HybridRetriever(index, opened, fusion=fusion, passages=passages, feedback=feedback)
    return DenseRetriever(index, opened, passages=passages, feedback=feedback)


def built_with(index: Index) -> str:
    """Return the name, with its revision, of the encoder that an index was built with."""
    model = index.model
    return f"{model.id}@{model.revision}" if model.revision else model.id


def open_reranker(
    reranker: str | Path | Reranker | None, *, device: str | None = None, dtype: Dtype = "float32"
) -> Reranker | None:
    """Open a reranker by its name or the address of its server; a model or None is returned as it is."""
    if isinstance(reranker, str | Path) and is_remote(reranker):
        _require_no_device(reranker, device, dtype)
        return RemoteReranker(str(reranker))
    if isinstance(reranker, str | Path):
        is_fast = kind_of(resolve_model(reranker)) == "late interaction"
        return (LateInteractionReranker if is_fast else CrossEncoderReranker)(reranker, device=device, dtype=dtype)
    if reranker is not None and not callable(getattr(reranker, "score", None)):
        raise ArgumentError(
            f"reranker must be a model, the name of one, or None, not {type(reranker).__name__}: {reranker!r:.80}"
        )
    return reranker

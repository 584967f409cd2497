"""Which models an index is searched with. Knows names and fingerprints, and no search."""

from pathlib import Path

from ..errors import ModelError
from ..index import Index
from ..inference import resolve_model
from ..rerank import CrossEncoderReranker, Reranker
from ..retrieval import BiEncoder, Encoder


def open_encoder(index: Index, encoder: str | Path | Encoder | None, *, device: str | None = None) -> Encoder:
    """The encoder that was asked for; None is the one that ``index`` was built with, if it is on this machine.

    An index names its model, but never causes a download on its own: the folder may come from anyone. Raises
    ``IndexModelMismatch`` where the encoder is not the model that the index was built with.
    """
    if encoder is None:
        name = built_with(index)
        try:
            resolve_model(name, download=False)
        except ModelError as error:
            raise type(error)(
                f"{index.path} was built with {index.model.id!r}: {error} "
                f"Or name it as the encoder, to fetch it: {name!r}."
            ) from error
        encoder = name
    opened = BiEncoder(encoder, device=device) if isinstance(encoder, str | Path) else encoder
    index.model.require_same(opened.fingerprint)
    return opened


def built_with(index: Index) -> str:
    """The name, with its revision, of the encoder that an index was built with."""
    model = index.model
    return f"{model.id}@{model.revision}" if model.revision else model.id


def open_reranker(reranker: str | Path | Reranker | None, *, device: str | None = None) -> Reranker | None:
    """The reranker that was asked for; None stays None."""
    return CrossEncoderReranker(reranker, device=device) if isinstance(reranker, str | Path) else reranker

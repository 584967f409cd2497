"""The first layers of a cross-encoder as a bi-encoder, in memory or as a folder.

A cross-encoder takes query and passage together, and its last layers represent the pair. Its first layers still
represent the text: their output for a single text can be pooled into a vector.
"""

import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import ArgumentError, ModelError
from ..errors.arguments import checked_choice, checked_count, checked_path
from ..inference import (
    Dtype,
    ModelFiles,
    load_model,
    require_reranker,
    resolve_model,
    token_limit,
    without_progress_bars,
)
from .bi_encoder import BiEncoder

EarlyPooling = Literal["mean", "cls"]
"""How the vectors of the tokens become one: their mean, or the vector of the first token."""

_STACKS = ("encoder.layer", "transformer.layer", "layers")
"""The attributes in which base models of transformers keep their layers."""
_NAMED = re.compile(r"(\w+) of layer ([1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True)
class EarlyLayers:
    """How many of the first layers are kept, and how the last of them is pooled.

    As text it is the ``pooling`` of a fingerprint.
    """

    layers: int = 2
    pooling: EarlyPooling = "mean"

    def __post_init__(self) -> None:
        checked_choice(self.pooling, "pooling", get_args(EarlyPooling))
        checked_count(self.layers, "layers")

    def __str__(self) -> str:
        return f"{self.pooling} of layer {self.layers}"

    @classmethod
    def named(cls, pooling: str) -> "EarlyLayers | None":
        """Parse the ``pooling`` of a fingerprint; None where it is that of a whole model."""
        parsed = _NAMED.fullmatch(pooling)
        if parsed is None or parsed[1] not in get_args(EarlyPooling):
            return None
        return cls(int(parsed[2]), "mean" if parsed[1] == "mean" else "cls")


class EarlyLayerEncoder(BiEncoder):
    """Embeds texts with the first ``layers`` layers of a cross-encoder, one text at a time.

    The fingerprint is the cross-encoder's, with a pooling such as "mean of layer 2". An index that was built with it
    therefore says which model to open.

    Args:
        model: A hub id, a local folder or a bundled name of a cross-encoder.
        layers: How many of its first layers to use.
        pooling: "mean" or "cls".
        device: As for ``BiEncoder``.
        dtype: As for ``BiEncoder``.
        max_length: As for ``BiEncoder``.

    Raises:
        ArgumentError: The model has fewer layers.
    """

    def __init__(
        self,
        model: str | Path,
        *,
        layers: int = 2,
        pooling: EarlyPooling = "mean",
        device: str | None = None,
        dtype: Dtype = "float32",
        max_length: int | None = None,
    ) -> None:
        early = EarlyLayers(layers, pooling)
        with tempfile.TemporaryDirectory(prefix="bicross-") as scratch:
            folder = Path(scratch) / "model"
            _write(model, folder, early, max_length)
            super().__init__(folder, device=device, dtype=dtype)
        files = ModelFiles.of(model, resolve_model(model))
        self._fingerprint = replace(
            self._fingerprint,
            id=files.id,
            revision=files.revision,
            weights_sha256=files.weights_sha256,
            tokenizer_sha256=files.tokenizer_sha256,
            settings_sha256=files.settings_sha256,
            pooling=str(early),
        )


def write_early_layers(
    model: str | Path,
    output: str | Path,
    *,
    layers: int = 2,
    pooling: EarlyPooling = "mean",
    max_length: int | None = None,
) -> Path:
    """Write the first layers of a cross-encoder as a model of sentence-transformers, and return its folder.

    The new model gives the vectors of ``EarlyLayerEncoder``, untrained. It can be used and trained further like any
    bi-encoder.

    Args:
        model: A hub id, a local folder or a bundled name of a cross-encoder.
        output: The folder to write; it appears when it is complete.
        layers: How many of the first layers to keep.
        pooling: "mean" or "cls".
        max_length: Lowers the number of tokens that the new model reads.

    Raises:
        ArgumentError: ``output`` exists already, or the model has fewer layers.
    """
    early, output = EarlyLayers(layers, pooling), checked_path(output, "output").absolute()
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise ArgumentError(f"{output} is there already, and is not an empty folder: name another")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    except OSError as error:
        raise ModelError(f"no model can be written to {output}: {error}") from error
    try:
        _write(model, scratch / "model", early, max_length)
        (scratch / "model").replace(output)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return output


def _write(model: str | Path, folder: Path, early: EarlyLayers, max_length: int | None) -> None:
    from sentence_transformers import CrossEncoder, SentenceTransformer  # slow to import
    from sentence_transformers.base.modules import Normalize
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    source = resolve_model(model)
    require_reranker(source, model)
    loaded: Any = load_model(CrossEncoder, source, device="cpu")
    limit = token_limit(loaded[0], max_length, least=int(loaded.tokenizer.num_special_tokens_to_add(pair=False)) + 1)
    base = loaded.model.base_model
    total = _keep_first(base, early.layers, model)
    with tempfile.TemporaryDirectory(prefix="bicross-") as scratch, without_progress_bars():
        base.save_pretrained(scratch)
        loaded.tokenizer.save_pretrained(scratch)
        transformer: Any = Transformer(scratch, max_seq_length=limit)
        pooled = Pooling(transformer.get_embedding_dimension(), early.pooling)
        whole: Any = SentenceTransformer(modules=[transformer, pooled, Normalize()], device="cpu")
        whole.save_pretrained(str(folder), create_model_card=False)
    files = ModelFiles.of(model, source)
    (folder / "README.md").write_text(
        f"# The first {early.layers} of {total} layers of {files.id}\n\n"
        f"A bi-encoder for sentence-transformers, not trained further. A vector is the {early}, at length one; a\n"
        f"text has at most {limit} tokens. Made by bicross of weights with the sha256\n"
        f"`{files.weights_sha256}`, whose licence holds for these.\n",
        encoding="utf-8",
    )


def _keep_first(base: Any, layers: int, name: str | Path) -> int:  # noqa: ANN401 - models share no useful base
    """Remove the later layers from a base model of transformers, and return how many layers it had."""
    modules, config = dict(base.named_modules()), base.config
    stack = next((modules[path] for path in _STACKS if path in modules), None)
    if stack is None or len(stack) != config.num_hidden_layers:
        raise ModelError(f"{name} is a model of the kind {config.model_type!r}, of which no layers can be taken")
    total = len(stack)
    if layers > total:
        raise ArgumentError(f"layers={layers}: {name} has {total} layers, so take from 1 to {total}")
    del stack[layers:]
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:layers]
    return total

"""Loads models safely, and chooses their device, number format, length limit and batch size."""

import logging
import platform
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from ..errors import ArgumentError, ModelError
from ..errors.arguments import checked_choice, checked_count, described
from .checkpoints import LATE_INTERACTION, missing_files, require_whole, require_words

Dtype = Literal["auto", "float32", "bfloat16", "float16", "int8"]
"""The number format of the layers. "int8" is for models that run packed on a CPU, and rounds the most. "auto" is
bfloat16 where the device has instructions for it, else float32."""
Model = TypeVar("Model")
logger = logging.getLogger("bicross")


def load_model(constructor: Callable[..., Model], folder: Path, *, device: str | None, new_head: bool = False) -> Model:
    """Load a model from a local folder.

    Weights are loaded from local safetensors files only, and code that comes with a model is never run. The weights are
    float32 whatever the number format of the checkpoint; conversion to another format comes later.

    Args:
        constructor: A model class of sentence-transformers.
        folder: A folder that ``resolve_model`` returned.
        device: A torch device; None lets sentence-transformers choose.
        new_head: Whether the files may lack the head, which is then random, because the model is to be trained.

    Returns:
        The model.

    Raises:
        ModelError: The folder cannot be loaded, lacks a weight or has one too many, a weight is not finite, or the
            tokenizer knows no word.
        ArgumentError: The device is not available.
    """
    if (folder / LATE_INTERACTION).is_file():
        raise ModelError(
            f"{folder} holds a late-interaction reranker, which is no model of transformers: name its base"
        )
    import torch  # takes a second: a call for help or with a mistake should not wait for it

    if device is not None:
        _require_device(device)
    # Tensors of another shape are refused by require_whole, which names them.
    model_arguments = {"dtype": torch.float32, "use_safetensors": True, "ignore_mismatched_sizes": True}
    with without_progress_bars(), _without_reports():
        try:
            model = constructor(
                str(folder), device=device, local_files_only=True, trust_remote_code=False, model_kwargs=model_arguments
            )
            require_whole(model, folder, new_head=new_head)
            require_words(model, folder)
        except ModelError:
            raise
        except Exception as error:  # the folder may come from anyone, and may fail in any library below
            lacking, reason = missing_files(folder), str(error).strip().split("\n")[0]
            if lacking:
                raise ModelError(f"the model {folder} cannot be loaded without its tokenizer: {lacking}") from error
            raise ModelError(f"the model {folder} cannot be loaded: {type(error).__name__}: {reason}") from error
    _require_finite(model, folder)
    return model


def load_encoder(folder: Path, *, device: str | None) -> Any:  # noqa: ANN401 - models share no useful base
    """Load an encoder, without sentence-transformers where it is understood in full: see ``inference.direct``.

    Args:
        folder: A folder that ``resolve_model`` returned.
        device: A torch device; None lets sentence-transformers choose.

    Returns:
        A SentenceTransformer, or a ``DirectModel``, which has the same modules.

    Raises:
        ModelError: As for ``load_model``.
        ArgumentError: The device is not available.
    """
    from .direct import direct_encoder  # imports torch

    loaded = _direct(direct_encoder, folder, device)
    if loaded is not None:
        return loaded
    from sentence_transformers import SentenceTransformer  # takes seconds: only for models that need it

    return load_model(SentenceTransformer, folder, device=device)


def load_reranker(folder: Path, *, device: str | None) -> Any:  # noqa: ANN401
    """Load a reranker as ``load_encoder`` loads an encoder: a CrossEncoder, or a ``DirectModel``."""
    from .direct import direct_reranker

    loaded = _direct(direct_reranker, folder, device)
    if loaded is not None:
        return loaded
    from sentence_transformers import CrossEncoder

    return load_model(CrossEncoder, folder, device=device)


def _direct(open_model: Callable[[Path, str | None], Model | None], folder: Path, device: str | None) -> Model | None:
    if device is not None:
        _require_device(device)
    try:
        loaded = open_model(folder, device)
    except Exception as error:  # noqa: BLE001 - the folder may come from anyone, and load_model says what is wrong
        logger.debug("%s is opened by sentence-transformers: %s", folder, error)
        return None
    if loaded is not None:
        _require_finite(loaded, folder)
    return loaded


def _require_finite(model: Any, folder: Path) -> None:  # noqa: ANN401 - models share no useful base
    """Raise if a weight is not finite. Scores may hide it: attention on a CPU turns some NaN into finite numbers."""
    for name, parameter in model.named_parameters():
        extremes = parameter.detach().aminmax() if parameter.numel() else ()  # NaN if one number is NaN
        if not all(extreme.isfinite() for extreme in extremes):
            raise ModelError(
                f"the model {folder} cannot be used: its parameter {name} holds numbers that are not finite; "
                "download it or save it again"
            )


def token_limit(module: Any, max_length: int | None, *, least: int, own: int | None = None) -> int:  # noqa: ANN401
    """The most tokens of one input of a model, special tokens included.

    Args:
        module: The first module of a model of sentence-transformers, which takes the texts.
        max_length: A lower limit that the user asks for, in tokens; None for the limit of the model.
        least: The fewest tokens that leave room for text.
        own: The limit that the model has for texts of this kind alone, in place of that of its settings.

    Returns:
        The smallest of ``max_length`` and the limits of the model's settings, its tokenizer and its position table.

    Raises:
        ArgumentError: ``max_length`` is below ``least``.
        ModelError: The limit of the model is below ``least``.
    """
    if max_length is not None and checked_count(max_length, "max_length", least=-(2**63)) < least:
        raise ArgumentError(
            f"max_length is {max_length}; with this model the least that leaves room for text is {least}"
        )
    settings = (own,) if own else (module.max_seq_length, module.tokenizer.model_max_length)
    limit = min(int(tokens) for tokens in (*settings, _positions(module)) if tokens and tokens > 0)
    if limit < least:
        raise ModelError(f"the model reads {limit} tokens at once; {least} are the least that leave room for text")
    return limit if max_length is None else min(max_length, limit)


def own_limit(module: Any) -> int | None:  # noqa: ANN401
    """The limit that the settings of a model put in place of that of its tokenizer, in tokens; None without one."""
    settings: dict[str, dict[str, Any]] = module.processing_kwargs
    buckets = [settings.get(name) or {} for name in ("chat_template", "text", "common")]
    return next((int(bucket["max_length"]) for bucket in buckets if bucket.get("max_length")), None)


def _positions(module: Any) -> int | None:  # noqa: ANN401
    """The number of usable positions. RoBERTa and its relatives reserve the first rows of the table for padding."""
    for name, part in module.named_modules():
        if name.endswith("position_embeddings") and getattr(part, "padding_idx", None) is not None:
            return part.num_embeddings - part.padding_idx - 1
    return getattr(getattr(module, "config", None), "max_position_embeddings", None)


def resolve_dtype(dtype: str, device: str | None) -> Dtype:
    """Return the number format that a model calculates in: for "auto" the one that suits the device.

    Args:
        dtype: One of ``Dtype``.
        device: The device that was asked for; None is the one that is taken then.

    Raises:
        ArgumentError: ``dtype`` is not one of ``Dtype``.
    """
    chosen: Any = checked_choice(dtype, "dtype", get_args(Dtype))
    if chosen != "auto":
        return chosen
    import torch

    taken = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind = str(device or taken).partition(":")[0]
    if kind == "cuda":
        return "bfloat16" if torch.cuda.is_available() and torch.cuda.get_device_capability() >= (8, 0) else "float32"
    return "bfloat16" if kind == "cpu" and cpu_has_bfloat16() else "float32"


def cpu_has_bfloat16() -> bool:
    """Return whether the processor has instructions for bfloat16. oneDNN takes it on others too, and is slow there."""
    import torch

    supported: Any = torch.ops.mkldnn._is_mkldnn_bf16_supported
    if platform.machine().lower() in ("x86_64", "amd64"):
        supported = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)  # processors with AMX have it too
    return torch.backends.mkldnn.is_available() and bool(supported())


def cast_model(model: Any, dtype: Dtype) -> Any:  # noqa: ANN401 - models share no useful base
    """Convert the weights of a model to another number format.

    Args:
        model: A model of torch.
        dtype: The number format.

    Returns:
        The model.

    Raises:
        ArgumentError: ``dtype`` is "int8", which only models that run packed support.
    """
    import torch

    if dtype == "int8":
        raise ArgumentError(
            "dtype='int8' is for models that run packed, and this one runs through sentence-transformers (the log says "
            "why); use dtype='float32'"
        )
    warn_if_slow(dtype, next(model.parameters()).device.type)
    return model.to(getattr(torch, dtype))


@cache  # one warning in a process is enough, however many models it loads
def warn_if_slow(dtype: str, device_type: str) -> None:
    """Log a warning if a CPU has no instructions for a number format, and so is slower with it than with float32.

    Args:
        dtype: The number format of the layers.
        device_type: The type of a torch device, "cpu" for example.
    """
    if device_type == "cpu" and dtype in ("bfloat16", "float16") and not _multiplies_fast(dtype):
        logger.warning(
            "dtype=%r is several times slower than float32 on this CPU, which has no instructions for it; "
            "use dtype='float32' (--dtype float32)",
            dtype,
        )


def _multiplies_fast(dtype: str) -> bool:
    """Whether the CPU multiplies in half precision by instructions of its own, through oneDNN."""
    import torch

    operations: Any = torch.ops.mkldnn
    supported = {
        "bfloat16": operations._is_mkldnn_bf16_supported,
        "float16": operations._is_mkldnn_fp16_supported,
    }
    return torch.backends.mkldnn.is_available() and bool(supported[dtype]())


def batch_size_for(device: object) -> int:
    """The batch size in texts: small on a CPU, to avoid padding; large on a GPU, to launch few kernels."""
    return 8 if str(device).startswith("cpu") else 64


def _require_device(device: str) -> None:
    import torch

    given: Any = device
    if not isinstance(given, str | torch.device):
        raise ArgumentError(f"device must be the name of one, such as 'cuda:0', not {described(device)}")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ArgumentError(f"the device {device!r} cannot be used here: {str(error).splitlines()[0]}") from error


@contextmanager
def without_progress_bars() -> Generator[None]:
    """Hide the progress bars of transformers while weights are loaded or saved, because a library prints nothing."""
    from transformers.utils import logging

    shown: Any = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


@contextmanager
def _without_reports() -> Generator[None]:
    """Hide the tables of transformers about weights that are missing, because ``require_whole`` refuses these."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)

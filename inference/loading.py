"""How models are loaded: device, number format, safety, length. Knows no model in particular."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from ..errors import ArgumentError, ModelError

Dtype = Literal["float32", "bfloat16", "float16", "int8"]
"""How the layers calculate; "int8" is for models that run packed on a CPU, and rounds the most."""
Model = TypeVar("Model")


def load_model(constructor: Callable[..., Model], folder: Path, *, device: str | None) -> Model:
    """Call ``constructor``, a model class of sentence-transformers, on a folder that ``resolve_model`` returned.

    Weights come from safetensors and local files only, and no code that comes with a model is run. They are float32,
    whatever the checkpoint was stored in: what runs in another number format is converted later. Raises ``ModelError``
    where the folder cannot be loaded or a weight is not finite, ``ArgumentError`` for a device that is not there.
    """
    import torch  # takes a second, which nobody should wait for who only asks for help or makes a mistake

    if device is not None:
        _require_device(device)
    model_arguments = {"dtype": torch.float32, "use_safetensors": True}
    with without_progress_bars():
        try:
            model = constructor(
                str(folder), device=device, local_files_only=True, trust_remote_code=False, model_kwargs=model_arguments
            )
        except Exception as error:  # the folder may come from anyone, and may fail in any library below
            reason = str(error).strip().split("\n")[0]
            raise ModelError(f"the model {folder} cannot be loaded: {type(error).__name__}: {reason}") from error
    _require_finite(model, folder)
    return model


def _require_finite(model: Any, folder: Path) -> None:  # noqa: ANN401 - models share no useful base
    """A weight of NaN need not show: attention on a CPU makes finite numbers of some."""
    for name, parameter in model.named_parameters():
        extremes = parameter.detach().aminmax() if parameter.numel() else ()  # NaN, where one number is
        if not all(extreme.isfinite() for extreme in extremes):
            raise ModelError(
                f"the model {folder} cannot be used: its parameter {name} holds numbers that are not finite; "
                "download it or save it again"
            )


def token_limit(model: Any, max_length: int | None, *, least: int) -> int:  # noqa: ANN401
    """The tokens that a model of sentence-transformers reads at once, special tokens included, at most ``max_length``.

    They are as many as its settings, its tokenizer and its table of positions all allow. Raises ``ArgumentError`` where
    ``max_length`` is below ``least``, ``ModelError`` where what the model allows is.
    """
    if max_length is not None and max_length < least:
        raise ArgumentError(
            f"max_length is {max_length}; with this model the least that leaves room for text is {least}"
        )
    allowed = (model.max_seq_length, model.tokenizer.model_max_length, _positions(model))
    limit = min(int(tokens) for tokens in allowed if tokens and tokens > 0)
    if limit < least:
        raise ModelError(f"the model reads {limit} tokens at once; {least} are the least that leave room for text")
    return limit if max_length is None else min(max_length, limit)


def _positions(model: Any) -> int | None:  # noqa: ANN401
    """Tokens that there are positions for. RoBERTa and its kin leave the first of their table to the padding."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return module.num_embeddings - module.padding_idx - 1
    return getattr(getattr(model[0], "config", None), "max_position_embeddings", None)


def require_dtype(dtype: str) -> None:
    """Raise ``ArgumentError`` where ``dtype`` is not one of ``Dtype``."""
    if dtype not in get_args(Dtype):
        raise ArgumentError(f"dtype must be one of {', '.join(get_args(Dtype))}, not {dtype!r}")


def cast_model(model: Any, dtype: Dtype) -> Any:  # noqa: ANN401 - models share no useful base
    """The model with weights in another number format.

    Raises ``ArgumentError`` for "int8", in which only models that run packed calculate.
    """
    import torch

    if dtype == "int8":
        raise ArgumentError(
            "dtype='int8' is for models that run packed, and this one runs through sentence-transformers (the log says "
            "why); use dtype='bfloat16' or 'float32'"
        )
    return model.to(getattr(torch, dtype))


def batch_size_for(device: object) -> int:
    """Texts to run at once: on a CPU little padding counts most, on a GPU few launches."""
    return 8 if str(device).startswith("cpu") else 64


def _require_device(device: str) -> None:
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ArgumentError(f"the device {device!r} cannot be used here: {str(error).splitlines()[0]}") from error


@contextmanager
def without_progress_bars() -> Generator[None]:
    """Keep transformers from drawing a bar while weights are read or written: a library prints nothing."""
    from transformers.utils import logging

    shown: Any = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()

"""How models are loaded: device, number format, safety. Knows no model in particular."""

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
    where the folder cannot be loaded, ``ArgumentError`` for a device that is not there.
    """
    import torch  # takes a second, which nobody should wait for who only asks for help or makes a mistake

    if device is not None:
        _require_device(device)
    model_arguments = {"dtype": torch.float32, "use_safetensors": True}
    with _without_progress_bars():
        try:
            return constructor(
                str(folder), device=device, local_files_only=True, trust_remote_code=False, model_kwargs=model_arguments
            )
        except Exception as error:  # the folder may come from anyone, and may fail in any library below
            reason = str(error).strip().split("\n")[0]
            raise ModelError(f"the model {folder} cannot be loaded: {type(error).__name__}: {reason}") from error


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
def _without_progress_bars() -> Generator[None]:
    """Keep transformers from drawing a bar while weights load: a library prints nothing."""
    from transformers.utils import logging

    shown: Any = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()

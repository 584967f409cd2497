"""Loads the tokenizer of a model folder without its weights."""

import logging
from pathlib import Path
from typing import Any, cast

from tokenizers import normalizers

from ..errors import ModelError
from .checkpoints import read_modules, require_words_of, tokenizer_files
from .checksum import combined_sha256
from .tokenizer import TextTokenizer

logger = logging.getLogger("bicross")


def load_tokenizer(folder: Path) -> TextTokenizer:
    """Load the tokenizer of a model folder as ``load_model`` would, without the weights.

    Raises:
        ModelError: The tokenizer cannot be loaded.
    """
    from .direct import read_tokenizer

    try:
        direct = read_tokenizer(folder)
        if direct is not None:
            return TextTokenizer.of(direct)
    except Exception as error:  # noqa: BLE001 - transformers says what is wrong
        logger.debug("the tokenizer in %s is opened by transformers: %s", folder, error)
    import transformers  # takes seconds: not at the import of this module

    auto: Any = transformers.AutoTokenizer
    try:
        location, settings = _transformer_settings(folder)
        options: dict[str, Any] = settings.get("processor_kwargs") or settings.get("tokenizer_args") or {}
        loaded = auto.from_pretrained(str(location), **options | {"local_files_only": True, "trust_remote_code": False})
        if settings.get("do_lower_case"):
            _lower_case(loaded.backend_tokenizer)
        require_words_of(loaded, location)
        return TextTokenizer.of(loaded)
    except ModelError:
        raise
    except Exception as error:  # the folder may come from anyone, and tokenizers raises a bare Exception
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"the tokenizer in {folder} cannot be loaded: {type(error).__name__}: {reason}") from error


def read_vocabulary(folder: Path, sha256: str) -> TextTokenizer | None:
    """Read the ``tokenizer.json`` of a model folder, to measure texts with it; imports no torch and no transformers.

    Args:
        folder: The model folder.
        sha256: What ``ModelFiles.tokenizer_sha256`` has to be.

    Returns:
        The tokenizer; None if it is another one, or has another form.
    """
    paths = tokenizer_files(folder)
    if [path.name for path in paths] != ["tokenizer.json"] or combined_sha256(paths) != sha256:
        return None
    try:
        return TextTokenizer(paths[0].read_text(encoding="utf-8"))
    except Exception as error:  # noqa: BLE001 - tokenizers raises a bare Exception
        logger.debug("the tokenizer in %s cannot be measured: %s", folder, error)
        return None


def _transformer_settings(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The folder in which sentence-transformers looks for the tokenizer, and its settings from beside modules.json."""
    if not (folder / "modules.json").is_file():
        return folder, {}
    from sentence_transformers.base.modules import Transformer

    [first, *_] = read_modules(folder)
    reader: Any = Transformer
    return folder / first["path"], reader.load_config(str(folder), subfolder=first["path"], local_files_only=True)


def _lower_case(backend: Any) -> None:  # noqa: ANN401 - a Tokenizer, whose stubs are partial
    """Make lowercasing the first step unless it is one already, as ``do_lower_case`` of sentence-transformers does."""
    normalizer, sequence_type = backend.normalizer, cast(Any, normalizers.Sequence)
    steps: list[Any] = (
        [] if normalizer is None else list(normalizer) if isinstance(normalizer, sequence_type) else [normalizer]
    )
    if not any(isinstance(step, normalizers.Lowercase) for step in steps):
        backend.normalizer = sequence_type([normalizers.Lowercase(), *steps])

"""What a model folder holds: which kind of model, and whether all of its weights and its tokenizer are there."""

from .completeness import require_whole
from .fingerprints import has_prompts, settings_sha256, tokenizer_files
from .kinds import LATE_INTERACTION, Kind, architectures_of, kind_of, require_encoder, require_reader, require_reranker
from .layout import read_modules, read_settings
from .vocabularies import missing_files, require_words, require_words_of

__all__ = [
    "LATE_INTERACTION",
    "Kind",
    "architectures_of",
    "has_prompts",
    "kind_of",
    "missing_files",
    "read_modules",
    "read_settings",
    "require_encoder",
    "require_reader",
    "require_reranker",
    "require_whole",
    "require_words",
    "require_words_of",
    "settings_sha256",
    "tokenizer_files",
]

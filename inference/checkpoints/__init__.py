"""What a model folder holds: which kind of model, and whether all of its weights are there."""

from .completeness import require_whole
from .fingerprints import has_prompts, settings_sha256, tokenizer_files
from .kinds import Kind, kind_of, require_encoder, require_reranker
from .layout import read_modules, read_settings

__all__ = [
    "Kind",
    "has_prompts",
    "kind_of",
    "read_modules",
    "read_settings",
    "require_encoder",
    "require_reranker",
    "require_whole",
    "settings_sha256",
    "tokenizer_files",
]

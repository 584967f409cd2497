"""Transformer encoders: found, verified and loaded. Knows no index and no document."""

from .adapter import MODEL_SETTINGS, cache_folder
from .loading import Dtype, batch_size_for, load_model
from .model_store import ModelFiles, resolve_model

__all__ = ["MODEL_SETTINGS", "Dtype", "ModelFiles", "batch_size_for", "cache_folder", "load_model", "resolve_model"]

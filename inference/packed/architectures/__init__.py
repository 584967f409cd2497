"""Turns models of the transformers library into packed ones, by the names of their modules."""

from .build import build
from .heads import Head, head_of, head_of_causal, head_of_reader
from .options import Architecture, BuildOptions, CannotPackError

__all__ = [
    "Architecture",
    "BuildOptions",
    "CannotPackError",
    "Head",
    "build",
    "head_of",
    "head_of_causal",
    "head_of_reader",
]

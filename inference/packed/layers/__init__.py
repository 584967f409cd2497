"""Layers over packed tokens: linear layers, attention within sequences, norms."""

from .attention import ALL, Bias, KeysAndValues, View, serves_all_lengths
from .biases import DisentangledBias, DistanceBias
from .int8 import Int8Linears
from .layer import Attention, FeedForward, Layer, Projections, Rotation
from .linear import Linear, make_linear
from .norms import LayerNorm, Norm, Norms, RootMeanSquareNorm
from .sequences import Group, Sequences

__all__ = [
    "ALL",
    "Attention",
    "Bias",
    "DisentangledBias",
    "DistanceBias",
    "FeedForward",
    "Group",
    "Int8Linears",
    "KeysAndValues",
    "Layer",
    "LayerNorm",
    "Linear",
    "Norm",
    "Norms",
    "Projections",
    "RootMeanSquareNorm",
    "Rotation",
    "Sequences",
    "View",
    "make_linear",
    "serves_all_lengths",
]

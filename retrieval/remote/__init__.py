"""Encoders whose models run on servers."""

from .encoder import REMOTE_POOLING, RemoteEncoder

__all__ = ["REMOTE_POOLING", "RemoteEncoder"]

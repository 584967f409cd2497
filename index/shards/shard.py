"""Shard: what a process that has a part of an index does. It needs ``bicross.index`` alone, and no model."""

import logging
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TypeVar

from ...errors import BicrossError
from ..segments import Verify
from ..writing import read_manifest
from .parts import GenerationKey, Part
from .requests import Request

logger = logging.getLogger("bicross")

Answer = TypeVar("Answer")
KEPT_GENERATIONS = 3
"""The generations that stay open, because searches on them may be under way."""


class Shard:
    """Answers requests about one part of an index. Any number of threads may ask.

    A generation that is asked for is opened, so that a shard that was started anew needs nobody to tell it which one.
    """

    def __init__(self, path: str, shard: int, shards: int) -> None:
        """Open the part of the newest generation, if that is possible already.

        Only the sizes of files are checked here; ``open`` checks everything.

        Args:
            path: The folder of the index.
            shard: The number of the shard, from 0.
            shards: How many there are.
        """
        self._path, self._shard, self._shards = Path(path), shard, shards
        self._opening = threading.Lock()
        self._parts: OrderedDict[GenerationKey, Part] = OrderedDict()
        self._verified: set[GenerationKey] = set()
        try:
            self._part(GenerationKey.of(read_manifest(self._path)))
        except (BicrossError, OSError) as error:  # whoever asks for a generation is told the same
            logger.warning("shard %d of %s could not be opened: %s", shard, path, error)

    def open(self, key: GenerationKey) -> None:
        """Open the part of a generation, and verify the checksum of every file that was not verified yet.

        Raises:
            IndexCorrupt: A file is missing or damaged, or the index does not have this generation.
        """
        with self._opening:
            if key not in self._verified:
                self._keep(key, "full")
                self._verified.add(key)

    def answer(self, key: GenerationKey, request: Request[Answer]) -> Answer:
        """Answer a request on one generation."""
        return request.of(self._part(key))

    def _part(self, key: GenerationKey) -> Part:
        part = self._parts.get(key)
        if part is None:
            with self._opening:
                part = self._parts.get(key) or self._keep(key, "size")
        return part

    def _keep(self, key: GenerationKey, verify: Verify) -> Part:
        like = next((self._parts[known] for known in reversed(self._parts) if known in self._verified), None)
        part = Part.open(self._path, key, shard=self._shard, shards=self._shards, verify=verify, like=like)
        self._parts[key] = part
        while len(self._parts) > KEPT_GENERATIONS:
            forgotten, _ = self._parts.popitem(last=False)
            self._verified.discard(forgotten)
        return part

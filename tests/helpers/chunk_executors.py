"""Executors of chunks that need no cluster, and an encoder that brings trouble: what tests of builds use."""

import errno
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from bicross.pipelines.indexing import ChunkBuilder, ChunkDone, ChunkJob, SourceChunk
from numpy.typing import NDArray

from helpers.fakes import HashEncoder


@dataclass
class InThisProcess:
    """Writes chunks here, in another order than that of their documents."""

    dtype: str = "float32"
    part_bytes: int | None = 400
    stop_after: int | None = None
    """After so many chunks the driver dies."""
    written: list[str] = field(default_factory=list)

    def run(self, job: ChunkJob, chunks: Sequence[SourceChunk], done: Callable[[ChunkDone], None]) -> None:
        builder = ChunkBuilder(job)
        order = list(chunks)
        random.Random(0).shuffle(order)
        for chunk in order:
            if self.stop_after is not None and len(self.written) >= self.stop_after:
                raise KeyboardInterrupt
            done(builder.build(chunk))
            self.written.append(chunk.name)


class TroubledEncoder(HashEncoder):
    """Something happens to its process when it encodes a text with a word: each time, or once."""

    def __init__(self, word: str, trouble: str, flag: Path | None = None) -> None:
        """With a file ``flag`` it happens once: the file says that it has happened.

        Args:
            word: The word.
            trouble: "kill" and "stop" are signals, "full" is the error of a full disk, "wait" waits until ``flag`` is
                there, which another process makes.
            flag: The file.
        """
        super().__init__(dimension=16)
        self.word, self.trouble, self.flag = word, trouble, flag

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        if any(self.word in passage.split() for passage in passages) and not (self.flag and self.flag.exists()):
            self._happen()
        return super().encode_documents(passages)

    def _happen(self) -> None:
        if self.trouble == "wait":
            while not self.flag.exists():
                time.sleep(0.05)
            return
        if self.flag:
            self.flag.write_text(str(os.getpid()))
        if self.trouble == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.kill(os.getpid(), signal.SIGKILL if self.trouble == "kill" else signal.SIGSTOP)

"""Encoders that make trouble for the process of a builder: they stand still, lack room, or are of another version."""

import importlib
import os
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpers.fakes import HashEncoder


class WatchedEncoder(HashEncoder):
    """Takes its time, and notes in which process it runs and what it encodes: a file for each process, a line a text.

    Args:
        folder: Where it notes that.
        seconds: How long a call takes.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        super().__init__(dimension=16)
        self.folder, self.seconds = folder, seconds

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        with (self.folder / str(os.getpid())).open("a", encoding="utf-8") as file:
            file.writelines(f"{passage}\n" for passage in passages)
        time.sleep(self.seconds)
        return super().encode_documents(passages)

    def processes(self) -> list[int]:
        return sorted(int(file.name) for file in self.folder.iterdir())


class SmallDiskEncoder(HashEncoder):
    """The first process that encodes a text with it can write no file of more than some bytes, as on a full disk."""

    def __init__(self, flag: Path, limit: int = 700) -> None:
        super().__init__(dimension=16)
        self.flag, self.limit = flag, limit

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        try:
            self.flag.touch(exist_ok=False)
        except FileExistsError:
            time.sleep(0.2)  # the other one would do everything before this one fails once
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        return super().encode_documents(passages)


class OtherVersionEncoder(HashEncoder):
    """Where it is unpickled, that is another version of bicross."""

    def __init__(self) -> None:
        super().__init__(dimension=16)

    def __reduce__(self) -> tuple[Callable[[], "OtherVersionEncoder"], tuple[()]]:
        return _in_another_version, ()


def _in_another_version() -> OtherVersionEncoder:
    plan: Any = importlib.import_module("bicross.index.staging.plan")  # the room exports a function of the same name
    plan.version = lambda _: "0.0.1"
    plan.software.cache_clear()
    return OtherVersionEncoder()


class UnknownEncoder(HashEncoder):
    """Cannot be unpickled, as where its module is not installed."""

    def __init__(self) -> None:
        super().__init__(dimension=16)

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return importlib.import_module, ("my_encoders",)

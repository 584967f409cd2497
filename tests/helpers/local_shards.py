"""Shards in the process of a test: every request and answer is pickled, as if it were sent, and shards can be lost."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bicross.index import Index, ShardedIndex
from bicross.index.shards import Gathered, GenerationKey, Request, Shard


def sent(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - what was pickled here


class LocalShards:
    """The ``Shards`` of an index. Those in ``lost`` do not answer; ``asked`` has the kinds of all requests."""

    def __init__(self, path: Path | str, count: int) -> None:
        self.shards = [Shard(str(path), number, count) for number in range(count)]
        self.lost: set[int] = set()
        self.asked: list[str] = []

    @property
    def count(self) -> int:
        return len(self.shards)

    def open(self, key: GenerationKey, shards: Sequence[int]) -> Mapping[int, str]:
        for shard in shards:
            if shard not in self.lost:
                self.shards[shard].open(sent(key))
        return {shard: "it is lost" for shard in shards if shard in self.lost}

    def ask(self, key: GenerationKey, requests: Mapping[int, Request[Any]], *, seconds: float) -> Gathered[Any]:
        self.asked += [type(request).__name__ for request in requests.values()]
        answers = {
            shard: sent(self.shards[shard].answer(sent(key), sent(request)))
            for shard, request in requests.items()
            if shard not in self.lost
        }
        return Gathered(answers, {shard: "it is lost" for shard in requests if shard in self.lost})


def sharded(index: Index, count: int) -> ShardedIndex:
    return ShardedIndex(index.path, LocalShards(index.path, count))

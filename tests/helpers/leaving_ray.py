"""A process that leaves Ray while a shard is silent: python -m helpers.leaving_ray INDEX; prints what happens then."""

import os
import signal
import sys

from bicross.errors import ShardsUnavailable
from bicross.index import ShardedIndex
from bicross.pipelines.cluster.sharding import open_sharded

from helpers.local_ray import local_ray
from helpers.shard_requests import WhichProcess
from helpers.toy_collections import unit_vectors


def searched(parts: ShardedIndex) -> str:
    try:
        return f"{len(parts.search(unit_vectors(1, seed=1), 5)[0])} found"
    except ShardsUnavailable as error:
        return str(error)


def main() -> None:
    import ray

    with local_ray() as address:
        parts = open_sharded(sys.argv[1], shards=2, address=address, seconds=60.0)
        impatient = ShardedIndex(parts.path, parts._shards, seconds=2.0)
        pid, _ = parts._ask().all(WhichProcess())[0]
        os.kill(pid, signal.SIGSTOP)
        print(searched(impatient), flush=True)
    print(searched(parts), ray.is_initialized(), flush=True)


if __name__ == "__main__":
    main()

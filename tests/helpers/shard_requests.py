"""Requests that tests put to shards in other processes, which import them from here."""

import os
import sys


class WhichProcess:
    """Asks for the id of the process, and which of some packages it has imported."""

    packages = ("torch", "transformers", "fastapi", "bicross.retrieval", "bicross.rerank", "bicross.pipelines")

    def of(self, part):
        return os.getpid(), [name for name in self.packages if name in sys.modules]

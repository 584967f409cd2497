"""A server of the Model Context Protocol over standard input and output, with fake models.

``python -m helpers.agent_process INDEX [FILE]``; with FILE it answers no search before that is there. It prints where
it must not: what reaches standard output beside the protocol would break every client.
"""

import ctypes
import os
import sys
import time
import warnings
from pathlib import Path

from bicross.pipelines.integrations.mcp import protocol_streams


def main(path, answers_after=None):
    with protocol_streams() as streams:
        from bicross.index import Index
        from bicross.pipelines.integrations.mcp import run_stdio
        from bicross.pipelines.server import ModelOptions, ServerSettings, Service

        from helpers.fakes import HashEncoder, OverlapReranker

        class NoisyReranker(OverlapReranker):
            def score(self, pairs):
                print("a library prints")
                os.write(1, b"a library writes\n")
                ctypes.CDLL(None).puts(b"a library in C prints")
                ctypes.CDLL(None).fflush(None)
                warnings.warn("a library warns", stacklevel=1)
                while ready and answers_after is not None and not Path(answers_after).exists():
                    time.sleep(0.01)
                return super().score(pairs)

        ready = []
        models = ModelOptions(encoder=HashEncoder(), reranker=NoisyReranker())
        service = Service({"animals": Index.open(path)}, ServerSettings(refresh_seconds=0.05), models)
        run_stdio(service, streams, on_ready=lambda: ready.append(True))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Servers in processes of their own, with fake models.

``python -m helpers.serving_process INDEX SERVERS [FILE]`` prints the process id and the port of each when it is ready,
and how each of them ended. With FILE they answer no search before it is there.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bicross.index import Index
from bicross.pipelines.server import Limits, ModelOptions, ServerSettings, Service, listen, run_server

from helpers.fakes import HashEncoder, OverlapReranker


class BusyReranker(OverlapReranker):
    """An ``OverlapReranker`` that has no result before it may."""

    def __init__(self):
        super().__init__()
        self.may_answer: Callable[[], bool] = lambda: True

    def score(self, pairs):
        while not self.may_answer():
            time.sleep(0.01)
        return super().score(pairs)


def serve(path, answers_after):
    settings = ServerSettings(port=0, limits=Limits(header_seconds=1.0, body_seconds=1.0))
    reranker = BusyReranker()
    listener = listen(settings)
    service = Service({"animals": Index.open(path)}, settings, ModelOptions(encoder=HashEncoder(), reranker=reranker))

    def ready():
        if answers_after is not None:  # not before: what makes a server ready is a search too
            reranker.may_answer = answers_after.exists
        say("ready", os.getpid(), listener.getsockname()[1])

    run_server(service, listener, on_ready=ready)


def say(*words):
    os.write(1, f"{' '.join(map(str, words))}\n".encode())  # a whole line at once, from several processes


def serve_several(path, servers, answers_after):
    """Each server is a fork of this process: what they import takes seconds."""
    for _ in range(servers):
        if not os.fork():
            status = 1
            try:
                serve(path, answers_after)
                status = 0
            finally:
                os._exit(status)
    for _ in range(servers):
        process, status = os.wait()
        say("ended", process, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    serve_several(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]) if sys.argv[3:] else None)

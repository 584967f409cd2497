"""Servers in processes of their own, with fake models.

``python -m helpers.serving_process INDEX SERVERS busy`` prints the process id and the port of each when it is ready,
and how each of them ended. Busy ones answer no search before they are told to end.
"""

import os
import sys
import time

from bicross.index import Index
from bicross.pipelines.server import Limits, ModelOptions, ServerSettings, Service, listen, run_server

from helpers.fakes import HashEncoder, OverlapReranker


class BusyReranker(OverlapReranker):
    """An ``OverlapReranker`` that has no result before it is told to."""

    def __init__(self):
        super().__init__()
        self.may_end = lambda: True

    def score(self, pairs):
        while not self.may_end():
            time.sleep(0.01)
        return super().score(pairs)


def serve(path, *, busy):
    settings = ServerSettings(port=0, limits=Limits(header_seconds=1.0, body_seconds=1.0))
    reranker = BusyReranker()
    listener = listen(settings)
    service = Service({"animals": Index.open(path)}, settings, ModelOptions(encoder=HashEncoder(), reranker=reranker))

    def ready():
        if busy:
            reranker.may_end = lambda: service.admission.stopping
        say("ready", os.getpid(), listener.getsockname()[1])

    run_server(service, listener, on_ready=ready)


def say(*words):
    os.write(1, f"{' '.join(map(str, words))}\n".encode())  # a whole line at once, from several processes


def serve_several(path, servers, *, busy):
    """Each server is a fork of this process: what they import takes seconds."""
    for _ in range(servers):
        if not os.fork():
            status = 1
            try:
                serve(path, busy=busy)
                status = 0
            finally:
                os._exit(status)
    for _ in range(servers):
        process, status = os.wait()
        say("ended", process, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    serve_several(sys.argv[1], int(sys.argv[2]), busy=sys.argv[3] == "busy")

"""A server in its own process, with fake models: ``python -m helpers.serving_process INDEX SECONDS_PER_BATCH``."""

import sys
import time

from bicross.index import Index
from bicross.pipelines.server import Limits, ModelOptions, ServerSettings, Service, listen, run_server

from helpers.fakes import HashEncoder, OverlapReranker


class SlowReranker(OverlapReranker):
    """An ``OverlapReranker`` that takes a while for each batch."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def score(self, pairs):
        time.sleep(self.seconds)
        return super().score(pairs)


def serve(path, seconds):
    settings = ServerSettings(port=0, limits=Limits(header_seconds=1.0, body_seconds=1.0))
    models = ModelOptions(encoder=HashEncoder(), reranker=SlowReranker(seconds))
    listener = listen(settings)
    service = Service({"animals": Index.open(path)}, settings, models)
    run_server(service, listener, on_ready=lambda: print(listener.getsockname()[1], flush=True))
    print("ended", flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], float(sys.argv[2]))

"""A program that runs one command of bicross with models that take their time: ``python FILE INDEX_COMMAND ...``.

It prints ``ready`` before the command begins, so that a test knows when to interrupt it. The environment says how long
models take for a text, in ``SECONDS_A_TEXT``, and after how many seconds a build makes checkpoints.
"""

import os
import signal
import sys
import time

from bicross.index.writing import checkpoints
from bicross.pipelines import models
from bicross.pipelines.commands import demo, index, main

from helpers.fakes import HashEncoder, OverlapReranker

SECONDS_A_TEXT = float(os.environ["SECONDS_A_TEXT"])


class SlowEncoder(HashEncoder):
    def encode_documents(self, passages):
        time.sleep(SECONDS_A_TEXT * len(passages))
        return super().encode_documents(passages)


class SlowReranker(OverlapReranker):
    fingerprint = model_fingerprint = "overlap"

    def score(self, pairs):
        time.sleep(SECONDS_A_TEXT * len(pairs))
        return super().score(pairs)


def load_encoder(*_, **__):
    time.sleep(0.1)
    return SlowEncoder()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where the tests run in the background
    checkpoints.FIRST_SECONDS = float(os.environ.get("CHECKPOINT_SECONDS", "0.2"))
    for module in (models, index):
        module.load_encoder = module.open_encoder = load_encoder
    models.open_reranker = lambda *_, **__: SlowReranker()
    demo.BiEncoder = load_encoder
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.exit(main())

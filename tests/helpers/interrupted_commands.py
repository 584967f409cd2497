"""Runs and interrupts commands of bicross, each in a process that is forked after the slow imports: ``python FILE``.

Models are fakes that take their time; with ``--train FOLDER`` they are tiny real ones, made in that folder with data.
Each line of standard input is a request, the arguments of ``answer`` in JSON; each line of output is what it returns.
"""

import gc
import importlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NamedTuple

import numpy as np

NOT_BEGUN = "interrupted before the command had begun"
LONGEST_SECONDS = 120  # not a measurement: a command that does not end must not hold the tests
WORK = ("faiss", "ir_measures", "pandas", "pyarrow.parquet", "scipy.stats", "sklearn.isotonic", "sklearn.linear_model")
"""What the commands import when they work."""
ROOMS = ("evaluation", "indexing", "search", "tuning", "pairs", "pairs.clustering")
ROOMS += tuple(f"commands.{name}" for name in ("evaluate", "index", "syncing", "tune", "pairs"))


class Ended(NamedTuple):
    """How a command ended: its exit code, what it said, and the seconds it took, and of these after the signal."""

    code: int
    said: str
    seconds: float
    ending: float


def answer(command, after=None, number=signal.SIGINT, seconds_a_text=0.0):
    """Run a command; after some seconds, send it a signal.

    Args:
        command: The arguments of ``bicross``.
        after: When to send a signal; None for never.
        number: Which signal.
        seconds_a_text: How long a fake model takes for a text.
    """
    with tempfile.TemporaryFile() as said:
        begin = time.monotonic()
        child = os.fork()
        if child == 0:
            os._exit(_code(command, said.fileno(), seconds_a_text))
        if after is not None:
            time.sleep(after)
            os.kill(child, number)
        signalled = time.monotonic()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said.seek(0)
        now = time.monotonic()
        return Ended(code, said.read().decode(), now - begin, now - signalled)


def _code(command, file, seconds_a_text):
    from bicross.pipelines.commands import main

    signal.alarm(LONGEST_SECONDS)
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    Slow.seconds_a_text = seconds_a_text
    sys.argv[1:] = command
    try:
        return main()
    except KeyboardInterrupt:  # a loaded machine took longer to come to main
        print(NOT_BEGUN)
        return 128 + signal.SIGINT
    except BaseException:  # noqa: BLE001 - the test is to see it
        traceback.print_exc()
        return 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


class Slow:
    seconds_a_text = 0.0


def use_slow_fakes():
    """Let every command open fakes that take their time, and a build make checkpoints early."""
    from bicross.index.writing import checkpoints
    from bicross.pipelines import models
    from bicross.pipelines.commands import demo, index
    from bicross.pipelines.indexing import sync
    from bicross.pipelines.search import opening

    from helpers.fakes import HashEncoder, OverlapReranker

    class SlowEncoder(HashEncoder):
        def encode_documents(self, passages):
            time.sleep(Slow.seconds_a_text * len(passages))
            return super().encode_documents(passages)

    class SlowReranker(OverlapReranker):
        fingerprint = model_fingerprint = "overlap"

        def score(self, pairs):
            time.sleep(Slow.seconds_a_text * len(pairs))
            return super().score(pairs)

    checkpoints.FIRST_SECONDS = 0.2
    for module in (models, index, sync):
        module.load_encoder = module.open_encoder = lambda *_, **__: SlowEncoder()
    for module in (models, opening):
        module.open_reranker = lambda *_, **__: SlowReranker()
    demo.BiEncoder = lambda *_, **__: SlowEncoder()


def use_slow_scorer():
    """Let ``bicross score`` open a fake. The rooms that it imports have taken the other fakes by then."""
    from bicross.pipelines.commands.pairs import score

    class SlowScorer:
        def score(self, pairs):
            time.sleep(Slow.seconds_a_text * len(pairs))
            return np.ones(len(pairs))

        def is_cut(self, pairs):
            return np.zeros(len(pairs), bool)

    score.PairScorer = lambda *_, **__: SlowScorer()


def make_training_data(folder):
    """Write a BEIR folder of ten judged queries, and two tiny models to learn from it."""
    importlib.import_module("transformers")  # slow, and each command needs it
    from bicross.pipelines import training

    from helpers.tiny_models import save_bi_encoder
    from helpers.tiny_reranker_training import TOPICS, save_base

    judged = folder / "judged"
    (judged / "qrels").mkdir(parents=True)
    ids = ["-".join(topic) for topic in TOPICS]
    texts = {
        "corpus": [f"the {animal} sleeps in the {place}" for animal, place in TOPICS],
        "queries": [f"what does the {animal} do in the {place} ?" for animal, place in TOPICS],
    }
    for name, of_name in texts.items():
        rows = [{"_id": id_, "text": text} for id_, text in zip(ids, of_name, strict=True)]
        (judged / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [f"{id_}\t{id_}\t1\n" for id_ in ids]
    (judged / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    save_base(folder / "base")
    save_bi_encoder(folder / "bi")
    assert training.train_reranker_on  # which imports the trainer


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where the tests run in the background
    if sys.argv[1:2] == ["--train"]:
        make_training_data(Path(sys.argv[2]))
    else:
        use_slow_fakes()  # before the rooms, which take them by name
        for name in (*WORK, *(f"bicross.pipelines.{room}" for room in ROOMS)):
            importlib.import_module(name)
        use_slow_scorer()
    gc.freeze()  # so that no command goes through all that was imported, and copies its memory
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(**json.loads(line))) + "\n")
        sys.stdout.flush()

"""A program that trains a tiny reranker, interrupts it, and goes on: ``python FILE FOLDER MOMENT ...``.

Each command runs in a process of its own, forked after the slow imports. A moment is a share of the time that the
undisturbed training takes. Standard output is JSON: for each moment the exit code and the message of the interrupted
command, and the exit code of the same command after it; both are 0 where the moment came too late.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import transformers  # noqa: F401 - slow to import, and each command needs it
from bicross.pipelines import training
from bicross.pipelines.commands import main

from helpers.tiny_models import save_bi_encoder
from helpers.tiny_reranker_training import TOPICS, save_base

QUICK = ["--steps", "6", "--evaluate-every", "2", "--lists-per-step", "2", "--device", "cpu", "--max-length", "32"]


def judged_folder(path):
    (path / "qrels").mkdir(parents=True)
    ids = ["-".join(topic) for topic in TOPICS]
    corpus = [{"_id": id_, "text": f"the {a} sleeps in the {p}"} for id_, (a, p) in zip(ids, TOPICS, strict=True)]
    queries = [
        {"_id": id_, "text": f"what does the {a} do in the {p} ?"} for id_, (a, p) in zip(ids, TOPICS, strict=True)
    ]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        (path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = [f"{id_}\t{id_}\t1\n" for id_ in ids]
    (path / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    return path


def train(folder, output, *, after=None):
    """Run the command; after some seconds, interrupt it. Returns its exit code and what it said."""
    stderr_file = folder / "said"
    command = ["train", "reranker", str(folder / "judged"), "-o", str(output), "--rank", "4", "--depth", "6", *QUICK]
    command += ["--model", str(folder / "base"), "--encoder", str(folder / "bi")]
    child = os.fork()
    if child == 0:
        file = os.open(stderr_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv[1:] = command
        os._exit(main())
    if after is not None:
        time.sleep(after)
        os.kill(child, signal.SIGINT)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), stderr_file.read_text()


if __name__ == "__main__":
    place = Path(sys.argv[1])
    judged_folder(place / "judged")
    save_base(place / "base")
    save_bi_encoder(place / "bi")
    assert training.train_reranker_on  # which imports the trainer
    begin = time.monotonic()
    whole, text = train(place, place / "whole")
    seconds = time.monotonic() - begin
    assert whole == 0, text
    results = []
    for number, moment in enumerate(map(float, sys.argv[2:])):
        interrupted = train(place, place / str(number), after=moment * seconds)
        results.append([*interrupted, train(place, place / str(number))[0] if interrupted[0] else 0])
    print(json.dumps(results))

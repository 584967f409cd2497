"""Trains a reranker as bicross bundles one: an adapter of all-MiniLM-L6-v2, in OUT/adapter.

Usage: python examples/train_bundled_reranker.py DATA -o OUT [--steps N] [--seed N]

DATA holds the BEIR folders squad-dev, cosqa and medquad-qa. Only their training parts are read: squad-dev without the
last eight article titles, the dev split of cosqa, the train split of medquad-qa. A tenth of the queries of each is kept
out of training; checkpoint and blend weight are chosen on it. The same command goes on where it was cut off.
"""

import argparse
import logging
import random
import tempfile
from pathlib import Path

import numpy as np
from bicross.index import read_documents
from bicross.inference.training import CHECKPOINTS, QUALITY, RankingList, TrainingProgress, TrainingSettings
from bicross.pipelines import build_index, read_judged
from bicross.pipelines.held_out import BLEND, BLENDS, Score, ndcg_by_blend
from bicross.pipelines.mining import Mining, held_out_queries, mine_lists
from bicross.pipelines.training_lists import TrainingLists, read_lists, write_lists
from bicross.rerank.training import train_reranker
from bicross.retrieval import BiEncoder, Encoder, HybridRetriever

BASE = "sentence-transformers/all-MiniLM-L6-v2"
SOURCES = (("squad-dev", "test"), ("cosqa", "dev"), ("medquad-qa", "train"))
MEDQUAD_QUERIES = 4000
HELD_OUT_QUERIES = 60
DEPTH = 50

logger = logging.getLogger("train")


def training_queries(data: Path, name: str, split: str, seed: int) -> tuple[list[str], list[str]]:
    """(trained on, held out) query ids of one collection; nothing that is kept for testing is in either."""
    judged = read_judged(data / name, split=split)
    ids = sorted(judged.judged_ids)
    if name == "squad-dev":
        titles = {document.id: document.title for document in read_documents(data / name)}
        kept = set(sorted(set(titles.values()))[:-8])
        ids = [q for q in ids if titles[next(d for d, grade in judged.qrels[q].items() if grade > 0)] in kept]
    random.Random(seed).shuffle(ids)
    if name == "medquad-qa":
        ids = ids[: MEDQUAD_QUERIES + MEDQUAD_QUERIES // 9]
    held_out = len(ids) // 10
    return ids[held_out:], ids[:held_out]


def mined(data: Path, name: str, split: str, encoder: Encoder, seed: int) -> TrainingLists:
    """Each training query with its positives and what stage one finds near them."""
    judged = read_judged(data / name, split=split)
    trained, held_out = (judged.only(ids) for ids in training_queries(data, name, split, seed))
    held_out = held_out.first(HELD_OUT_QUERIES)
    documents = list(read_documents(data / name))
    texts = {document.id: document.passage for document in documents}
    with tempfile.TemporaryDirectory() as scratch:
        index = build_index(
            documents, Path(scratch) / "index", encoder=encoder, reranker=None, lexical=True, chunking=None
        )
        retriever = HybridRetriever(index, encoder)
        lists = mine_lists(trained, texts, retriever, Mining(depth=DEPTH))
        return TrainingLists(tuple(lists), tuple(held_out_queries(held_out, retriever, 2 * DEPTH)))


def training_lists(data: Path, output: Path, seed: int) -> dict[str, TrainingLists]:
    """By collection; those that were mined before are read."""
    found: dict[str, TrainingLists] = {}
    for name, split in SOURCES:
        file = output / CHECKPOINTS / f"{name}.jsonl"
        if not file.is_file():
            write_lists(file, mined(data, name, split, BiEncoder(), seed))
        found[name] = read_lists(file)
        logger.info("%s: %d lists", name, len(found[name].training))
    return found


def evaluate(lists: dict[str, TrainingLists], score: Score) -> dict[str, float]:
    """The gain of nDCG@10 over stage one on the collection that gains least, at the blend where that is largest.

    The mean would choose for SQuAD, of which the training data is made for the most part; a user's own collection is
    more like the one of which training saw least.
    """
    means = np.array([ndcg_by_blend(found.held_out, score) for found in lists.values()])
    gains = means - means[:, :1]
    best = int(gains.min(axis=0).argmax())
    logger.info("blend %.1f, gains %s", BLENDS[best], dict(zip(lists, gains[:, best].round(4).tolist(), strict=True)))
    return {QUALITY: float(gains[:, best].min()), BLEND: BLENDS[best]}


def log(now: TrainingProgress) -> None:
    if now.step % 50 == 0 and now.loss is not None:
        logger.info("step %d of %d  loss %.4f", now.step, now.steps, now.loss)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    lists = training_lists(arguments.data, arguments.output, arguments.seed)
    training: list[RankingList] = [item for found in lists.values() for item in found.training]
    train_reranker(
        training,
        TrainingSettings(
            output=arguments.output,
            learning_rate=8e-4,
            max_steps=arguments.steps,
            max_length=192,
            dtype="bfloat16",
            seed=arguments.seed,
        ),
        model=BASE,
        evaluate=lambda score: evaluate(lists, score),
        watch=log,
    )


if __name__ == "__main__":
    main()

"""Trains the bundled reranker, `bicross-rerank-mini`: the recipe behind models/bicross-rerank-mini/README.md.

Usage: python examples/train_bundled_reranker.py DATA -o OUT [--steps N] [--seed N]

DATA holds the BEIR folders squad-dev, cosqa and medquad-qa. Only their training parts are read: squad-dev without the
last eight article titles, the dev split of cosqa, the train split of medquad-qa. A tenth of the queries of each is kept
out of training: `benchmarks/choose_blend.py` picks the blend weight on it.
"""

import argparse
import json
import logging
import random
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from bicross.inference import resolve_model
from bicross.rerank.training import RankingList, TrainingSettings, adapter_state, add_adapters, train_listwise
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForSequenceClassification, AutoTokenizer

BASE = "sentence-transformers/all-MiniLM-L6-v2"
MEDQUAD_QUERIES = 4000
NEGATIVES = 50
RANK, SCALE = 32, 2.0

logger = logging.getLogger("train")


def read_jsonl(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_judged(folder: Path, split: str) -> dict[str, list[str]]:
    """Relevant document ids by query id."""
    judged: dict[str, list[str]] = defaultdict(list)
    for row in (folder / "qrels" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query_id, document_id, grade = row.split("\t")
        if int(grade) > 0:
            judged[query_id].append(document_id)
    return judged


def training_queries(data: Path, name: str, split: str, seed: int) -> tuple[list[str], list[str]]:
    """(trained on, held out) query ids of one collection; nothing that is kept for testing is in either."""
    judged = read_judged(data / name, split)
    ids = sorted(judged)
    if name == "squad-dev":
        titles = {d["_id"]: d["title"] for d in read_jsonl(data / name / "corpus.jsonl")}
        kept = set(sorted(set(titles.values()))[:-8])
        ids = [q for q in ids if titles[judged[q][0]] in kept]
    random.Random(seed).shuffle(ids)
    if name == "medquad-qa":
        ids = ids[: MEDQUAD_QUERIES + MEDQUAD_QUERIES // 9]
    held_out = len(ids) // 10
    return ids[held_out:], ids[:held_out]


def mine(data: Path, name: str, split: str, encoder: SentenceTransformer, seed: int) -> list[RankingList]:
    """Each training query with its positives and the encoder's nearest other passages."""
    judged = read_judged(data / name, split)
    ids, _ = training_queries(data, name, split, seed)
    documents = read_jsonl(data / name / "corpus.jsonl")
    passages = [f"{d['title']} {d['text']}".strip() for d in documents]
    row_of = {d["_id"]: row for row, d in enumerate(documents)}
    text_of = {q["_id"]: q["text"] for q in read_jsonl(data / name / "queries.jsonl")}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        vectors = encoder.encode_document(passages, batch_size=64, show_progress_bar=False).astype(np.float32)
        queries = encoder.encode_query([text_of[i] for i in ids], batch_size=64).astype(np.float32)
    lists: list[RankingList] = []
    for query_id, vector in zip(ids, queries, strict=True):
        positives = {row_of[d] for d in judged[query_id]}
        positive_texts = {passages[row] for row in positives}
        nearest = np.argsort(-(vectors @ vector))[: NEGATIVES + len(positives) + 5]
        negatives = [passages[row] for row in nearest if row not in positives and passages[row] not in positive_texts]
        lists += [RankingList(text_of[query_id], passages[row], negatives[:NEGATIVES]) for row in sorted(positives)]
    logger.info("%s: %d lists", name, len(lists))
    return lists


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(arguments.seed)
    arguments.output.mkdir(parents=True, exist_ok=True)

    base = resolve_model(BASE)
    encoder = SentenceTransformer(str(base), device="cpu")
    encoder.max_seq_length = 128  # mining needs near misses, not exact ranks
    lists: list[RankingList] = []
    for name, split in [("squad-dev", "test"), ("cosqa", "dev"), ("medquad-qa", "train")]:
        lists += mine(arguments.data, name, split, encoder, arguments.seed)

    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForSequenceClassification.from_pretrained(
        base,
        num_labels=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",  # its backward pass on a CPU is a fifth faster than the fused kernel's
    )
    add_adapters(model, rank=RANK, scale=SCALE)
    losses: list[float] = []
    started = time.monotonic()

    def on_step(step: int, loss: float) -> None:
        losses.append(loss)
        if step % 50 == 0:
            rate = (time.monotonic() - started) / step
            logger.info("step %d  loss %.4f  %.2f s/step", step, sum(losses[-50:]) / 50, rate)
        if step % 200 == 0 or step == arguments.steps:
            save_file(adapter_state(model), arguments.output / "adapter.safetensors")

    settings = TrainingSettings(steps=arguments.steps, seed=arguments.seed)
    train_listwise(model, tokenizer, lists, settings, on_step=on_step)


if __name__ == "__main__":
    main()

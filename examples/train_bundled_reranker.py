"""Trains the bundled reranker, `bicross-rerank-mini`: the recipe behind models/bicross-rerank-mini/README.md.

Usage: python examples/train_bundled_reranker.py DATA -o OUT [--steps N] [--seed N] [--blend-only]

DATA holds the BEIR folders squad-dev, cosqa and medquad-qa. Only their training parts are read: squad-dev without the
last eight article titles, the dev split of cosqa, the train split of medquad-qa. A tenth of the queries of each is kept
out of training; the blend weight is chosen on it.
"""

import argparse
import json
import logging
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from bicross.index import read_documents
from bicross.inference import resolve_model
from bicross.inference.adapter import ADAPTER_SETTINGS, AdapterSettings, merged_model
from bicross.inference.checksum import sha256_of
from bicross.pipelines import SearchPipeline, SearchResult, build_index
from bicross.rerank import CrossEncoderReranker
from bicross.rerank.training import RankingList, TrainingSettings, adapter_state, add_adapters, train_listwise
from bicross.retrieval import BiEncoder, DenseRetriever
from numpy.typing import NDArray
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForSequenceClassification, AutoTokenizer

BASE = "sentence-transformers/all-MiniLM-L6-v2"
SOURCES = (("squad-dev", "test"), ("cosqa", "dev"), ("medquad-qa", "train"))
MEDQUAD_QUERIES = 4000
BLEND_QUERIES = 60
BLENDS = [round(0.1 * i, 1) for i in range(11)]
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


def choose_blend(data: Path, adapter: Path, seed: int) -> float:
    """The weight of the reranker against stage one, by nDCG@10 on the queries that were kept out of training.

    The weight with the largest gain on the collection that gains least. The mean would choose for SQuAD, of which the
    training data is made for the most part; a user's own collection is more like the one of which training saw least.
    """
    reranker = CrossEncoderReranker(merged_model(adapter, find_base=resolve_model), dtype="bfloat16")
    encoder = BiEncoder()
    gains: list[NDArray[np.float64]] = []  # by weight, over stage one
    for name, split in SOURCES:
        judged = read_judged(data / name, split)
        trained, held_out = training_queries(data, name, split, seed)
        held_out = held_out[:BLEND_QUERIES]
        needed = {d for query_id in (*trained, *held_out) for d in judged[query_id]}
        documents = [d for d in read_documents(data / name) if name != "medquad-qa" or d.id in needed]
        texts = {q["_id"]: q["text"] for q in read_jsonl(data / name / "queries.jsonl")}
        with tempfile.TemporaryDirectory() as scratch:
            index = build_index(documents, Path(scratch) / "index", encoder=encoder, chunking=None)
            pipeline = SearchPipeline(DenseRetriever(index, encoder), reranker, blend=1.0)
            found = [pipeline.search(texts[query_id], top_k=100) for query_id in held_out]
        rows = [ndcg_by_blend(results, set(judged[q])) for q, results in zip(held_out, found, strict=True)]
        means = np.mean(rows, axis=0)
        logger.info("%s: %s", name, dict(zip(BLENDS, np.round(means, 4).tolist(), strict=True)))
        gains.append(means - means[0])
    return BLENDS[int(np.min(gains, axis=0).argmax())]


def ndcg_by_blend(results: Sequence[SearchResult], relevant: set[str]) -> list[float]:
    """nDCG@10 of one query, with binary grades, for each of BLENDS."""
    logits, cosines = (
        (values - values.mean()) / values.std()
        for values in (np.array([r.logit for r in results]), np.array([r.retrieval_score for r in results]))
    )
    hit = np.array([r.document.id in relevant for r in results])
    discounts = 1 / np.log2(np.arange(2, 12))
    ideal = discounts[: min(10, len(relevant))].sum()
    orders = [np.argsort(-(b * logits + (1 - b) * cosines), kind="stable")[:10] for b in BLENDS]
    return [float((hit[order] * discounts).sum() / ideal) for order in orders]


def write_settings(output: Path, blend: float) -> None:
    """adapter.json, which says how to merge the adapter and how to use the result."""
    settings = AdapterSettings(
        base=BASE,
        base_sha256=sha256_of(resolve_model(BASE) / "model.safetensors"),
        adapter_sha256=sha256_of(output / "adapter.safetensors"),
        scale=SCALE,
        blend=blend,
    )
    (output / ADAPTER_SETTINGS).write_text(json.dumps(asdict(settings), indent=2) + "\n", encoding="utf-8")


def train(data: Path, output: Path, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    base = resolve_model(BASE)
    encoder = SentenceTransformer(str(base), device="cpu")
    encoder.max_seq_length = 128  # mining needs near misses, not exact ranks
    lists: list[RankingList] = []
    for name, split in SOURCES:
        lists += mine(data, name, split, encoder, seed)

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
        if step % 200 == 0 or step == steps:
            save_file(adapter_state(model), output / "adapter.safetensors")

    train_listwise(model, tokenizer, lists, TrainingSettings(steps=steps, seed=seed), on_step=on_step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--blend-only", action="store_true", help="choose the blend for the adapter in OUT")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    arguments.output.mkdir(parents=True, exist_ok=True)
    if not arguments.blend_only:
        train(arguments.data, arguments.output, arguments.steps, arguments.seed)
    write_settings(arguments.output, 1.0)
    write_settings(arguments.output, choose_blend(arguments.data, arguments.output, arguments.seed))


if __name__ == "__main__":
    main()

"""Trains the exit heads of a bundled reranker: the recipe behind models/NAME/exits.safetensors.

Usage: python examples/train_exit_heads.py DATA ADAPTER [--layers 3,4] [--queries 300] [--seed 0]

ADAPTER is the folder of a bundled adapter, such as models/bicross-rerank-mini; the heads are written into it. DATA
holds the BEIR folders squad-dev, cosqa and medquad-qa. Only their training parts are read: squad-dev without the last
eight article titles, the dev split of cosqa, the train split of medquad-qa. Judgments serve only to draw queries: the
heads learn the scores of the last layer for candidates from documents drawn from each collection.
"""

import argparse
import logging
import random
import tempfile
from dataclasses import replace
from pathlib import Path

from bicross.index import Document, read_documents
from bicross.inference import EXITS, AdapterSettings, merged_model, resolve_model, save_heads
from bicross.inference.checksum import sha256_of
from bicross.pipelines import build_index, read_judged
from bicross.pipelines.search import read_layers
from bicross.pipelines.training import exit_lists
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder, DenseRetriever
from bicross.training import RankingList
from bicross.training.rerankers import ExitSettings, train_exits

SOURCES = (("squad-dev", "test"), ("cosqa", "dev"), ("medquad-qa", "train"))
LAST_TITLES = 8

logger = logging.getLogger("train")


def training_part(
    folder: Path, split: str, arguments: argparse.Namespace, *, scratch: Path
) -> tuple[list[str], list[Document]]:
    """Return queries, and documents that answer them or were drawn; nothing that is kept for testing."""
    judged = read_judged(folder, split=split)
    documents = list(read_documents(folder, on_error="skip", errors_path=scratch / "unreadable.jsonl"))
    titles = {document.id: document.title for document in documents}
    if folder.name == "squad-dev":
        tested = set(sorted(set(titles.values()))[-LAST_TITLES:])
        documents = [document for document in documents if document.title not in tested]
    ids_of_documents = {document.id for document in documents}
    ids = [query_id for query_id in sorted(judged.judged_ids) if ids_of_documents.issuperset(judged.qrels[query_id])]
    chance = random.Random(arguments.seed)
    chosen = chance.sample(ids, min(arguments.queries, len(ids)))
    needed = {document_id for query_id in chosen for document_id in judged.qrels[query_id]}
    others = [document for document in documents if document.id not in needed]
    drawn = chance.sample(others, max(0, min(arguments.documents - len(needed), len(others))))
    return [judged.queries[query_id] for query_id in chosen], [d for d in documents if d.id in needed] + drawn


def lists_of(folder: Path, split: str, arguments: argparse.Namespace) -> list[RankingList]:
    """Return the queries of one collection, each with some of its first-stage candidates."""
    encoder = BiEncoder(dtype=arguments.dtype)
    with tempfile.TemporaryDirectory() as scratch:
        queries, documents = training_part(folder, split, arguments, scratch=Path(scratch))
        index = build_index(documents, Path(scratch) / "index", encoder=encoder, reranker=None)
        lists = exit_lists(DenseRetriever(index, encoder), queries, passages=arguments.passages, seed=arguments.seed)
    logger.info("%s: %d queries, %d documents", folder.name, len(lists), len(documents))
    return lists


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("adapter", type=Path, metavar="ADAPTER")
    parser.add_argument("--layers", default="3,4")
    parser.add_argument("--queries", type=int, default=300, help="queries of each collection")
    parser.add_argument("--documents", type=int, default=1500, help="documents of each collection")
    parser.add_argument("--passages", type=int, default=16, help="candidates of each query to learn from")
    parser.add_argument("--dtype", default="bfloat16", help="number format of the model")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    layers = read_layers(arguments.layers)
    settings = AdapterSettings.read(arguments.adapter)
    lists: list[RankingList] = []
    for name, split in SOURCES:
        lists += lists_of(arguments.data / name, split, arguments)
    reranker = CrossEncoderReranker(merged_model(arguments.adapter, find_base=resolve_model), dtype=arguments.dtype)
    trained = train_exits(reranker, lists, ExitSettings(layers=layers, seed=arguments.seed))
    save_heads(arguments.adapter / EXITS, {layer: trained_exit.head for layer, trained_exit in trained.items()})
    replace(settings, exits_sha256=sha256_of(arguments.adapter / EXITS)).write(arguments.adapter)
    for layer, trained_exit in trained.items():
        logger.info("after layer %d: held-out correlation %.3f", layer, trained_exit.correlation)


if __name__ == "__main__":
    main()

"""Makes the training data of the bundled fast reranker: BEIR folders with the splits train and dev.

Usage: python examples/bundled_fast_reranker_data.py DATA -o OUT

DATA holds the BEIR folders of COLLECTIONS. Only their training parts are written, and of some of these a part alone,
so that a collection is mined in minutes. A tenth of the queries becomes the split dev; no document answers a query of
both splits: covid-qa is split by paper, fool-me-twice by page.
"""

import argparse
import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from bundled_reranker_data import SOURCES, copy_training_part, read_jsonl, read_judged, write

COLLECTIONS = ("acl-abstracts", "cosqa", "covid-qa", "fool-me-twice", "medquad-qa", "pubmedqa", "squad-dev")
SEED = 0
ABSTRACTS, TITLES = 3000, 2750
PAGES = 0.6
"""The share of the pages of fool-me-twice, each with all of its sentences and claims."""
FEWER_DOCUMENTS = {"cosqa": 3500, "medquad-qa": 1000}
FEWER_QUERIES = {"medquad-qa": {"train": 750, "dev": 250}}

Judged = dict[str, list[str]]
Documents = list[dict[str, str]]


def groups(judged: Judged, key: Callable[[str], str]) -> list[list[str]]:
    """Return the ids of the queries in groups: documents that answer queries of two groups differ in their key."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            name = parent[name]
        return name

    for ids in judged.values():
        roots = {root(key(document)) for document in ids}
        for other in roots:
            parent[other] = min(roots)
    found: dict[str, list[str]] = defaultdict(list)
    for query, ids in judged.items():
        found[root(key(ids[0]))].append(query)
    return [sorted(found[name]) for name in sorted(found)]


def part_of(name: str, judged: Judged, documents: Documents, rng: random.Random) -> tuple[Judged, Documents]:
    """Return the part of a collection that is used."""
    if name == "acl-abstracts":
        kept = set(rng.sample([document["_id"] for document in documents], ABSTRACTS))
        chosen = rng.sample(sorted(query for query in judged if judged[query][0] in kept), TITLES)
        return {query: judged[query] for query in chosen}, [d for d in documents if d["_id"] in kept]
    if name == "fool-me-twice":
        title = {document["_id"]: document["title"] for document in documents}
        pages = sorted(set(title.values()))
        kept = set(rng.sample(pages, round(PAGES * len(pages))))
        whole = {query: ids for query, ids in judged.items() if all(title[document] in kept for document in ids)}
        return whole, [document for document in documents if document["title"] in kept]
    return judged, documents


def write_grouped(data: Path, name: str, output: Path) -> None:
    """Write a collection whose splits have no document in common."""
    rng = random.Random(SEED)
    documents = read_jsonl(data / name / "corpus.jsonl")
    judged, documents = part_of(name, read_judged(data / name, "train"), documents, rng)
    title = {document["_id"]: document["title"] for document in documents}
    keys: dict[str, Callable[[str], str]] = {
        "covid-qa": lambda document: document.split("-")[0],
        "fool-me-twice": lambda document: title[document],
    }
    parts = groups(judged, keys.get(name, lambda document: document))
    rng.shuffle(parts)
    dev: list[str] = []
    while len(dev) < len(judged) // 10:
        dev += parts.pop()
    train = [query for part in parts for query in part]
    rng.shuffle(dev)
    texts = {query["_id"]: query["text"] for query in read_jsonl(data / name / "queries.jsonl")}
    splits = {part: {query: judged[query] for query in ids} for part, ids in (("train", train), ("dev", dev))}
    write(output / name, documents, [{"_id": query, "text": texts[query]} for query in (*train, *dev)], splits)


def cut_down(folder: Path) -> None:
    """Keep fewer queries and documents of a collection: those that answer its queries, and some others."""
    rng, limits = random.Random(SEED), FEWER_QUERIES.get(folder.name, {})
    splits = {split: read_judged(folder, split) for split in ("train", "dev")}
    for split, limit in limits.items():
        splits[split] = {query: splits[split][query] for query in rng.sample(sorted(splits[split]), limit)}
    needed = {document for judged in splits.values() for ids in judged.values() for document in ids}
    documents = read_jsonl(folder / "corpus.jsonl")
    others = sorted(document["_id"] for document in documents if document["_id"] not in needed)
    wanted = max(0, min(len(others), FEWER_DOCUMENTS[folder.name] - len(needed)))
    kept = needed | set(rng.sample(others, wanted))
    texts = {query["_id"]: query["text"] for query in read_jsonl(folder / "queries.jsonl")}
    queries = [{"_id": query, "text": texts[query]} for judged in splits.values() for query in judged]
    write(folder, [document for document in documents if document["_id"] in kept], queries, splits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    splits = dict(SOURCES)
    for name in COLLECTIONS:
        if name in splits:
            copy_training_part(arguments.data, name, splits[name], arguments.output, SEED)
        else:
            write_grouped(arguments.data, name, arguments.output)
        if name in FEWER_DOCUMENTS:
            cut_down(arguments.output / name)


if __name__ == "__main__":
    main()

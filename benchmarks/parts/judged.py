"""The judged queries of a collection: those for measuring and those for tuning; and the mean nDCG@10 of a ranking.

The queries for measuring were used neither to train the bundled reranker nor for tuning. Queries are drawn as in
examples/bundled_reranker_data.py, which keeps the same ones out of training.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from bicross.pipelines import Judged, Run, read_judged
from bicross.pipelines.evaluation import per_query
from bicross.pipelines.evaluation.judgments import Qrels

NDCG = "nDCG@10"
LAST_TITLES = 8
"""Articles of squad-dev, the last in alphabetical order, that are kept for testing."""


@dataclass(frozen=True, slots=True)
class Part:
    """Judged queries of a collection, in a fixed random order.

    Args:
        collection: The name of the BEIR folder.
        split: The split of its judgments.
        articles: Only queries whose first relevant document belongs to the last eight articles, or to the others.
        share: Per cent of the queries that are taken, from the first on.
    """

    collection: str
    split: str
    articles: Literal["last", "other"] | None = None
    share: int = 100

    def read(self, data: Path, limit: int | None = None) -> Judged:
        """Read at most ``limit`` of the queries; ``data`` is the folder that holds the collection."""
        folder = data / self.collection
        judged = read_judged(folder, split=self.split)
        ids = sorted(judged.judged_ids)
        if self.articles is not None:
            last = _of_last_titles(folder)
            ids = [i for i in ids if (_first_relevant(judged, i) in last) == (self.articles == "last")]
        random.Random(0).shuffle(ids)
        return judged.only(ids[: len(ids) * self.share // 100][:limit])


TESTED = {"squad-dev": Part("squad-dev", "test", articles="last")}
"""The collections of which not the whole test split is measured."""
TUNED_ON = {
    "scifact": Part("scifact", "train"),
    "nfcorpus": Part("nfcorpus", "dev"),
    "cranfield": Part("scifact", "train"),
    "cosqa": Part("cosqa", "dev", share=10),
    "squad-dev": Part("squad-dev", "test", articles="other", share=10),
}
"""What tunes each collection. Of cosqa and squad-dev it is the tenth that the bundled reranker was not trained on;
Cranfield has no other queries."""
CALIBRATED_ON = (TUNED_ON["squad-dev"],)
"""What the relevance of the bundled reranker is calibrated on: questions about prose that it was not trained
on. In CoSQA, which is code, high logits are seldom judged relevant: with it, right answers in prose get 0.06."""


def measured_part(collection: str) -> Part:
    """Return the queries that a collection is measured on."""
    return TESTED.get(collection, Part(collection, "test"))


def unshared_queries(folder: Path) -> Judged:
    """Return the test queries of a BEIR folder that share no relevant document with its training queries."""
    test, train = (read_judged(folder, split=split) for split in ("test", "train"))
    relevant_in_train = {document for query_id in train.judged_ids for document in _relevant(train, query_id)}
    return test.only([query_id for query_id in test.judged_ids if not relevant_in_train & _relevant(test, query_id)])


def read_queries(folder: Path, split: str) -> tuple[dict[str, str], Qrels]:
    """Return the texts of the queries that have a relevant document, and their judgments."""
    judged = read_judged(folder, split=split)
    queries = {query_id: judged.queries[query_id] for query_id in sorted(judged.judged_ids)}
    return queries, {query_id: judged.qrels[query_id] for query_id in queries}


def mean_ndcg(qrels: Qrels, run: Run) -> float:
    """Return the mean nDCG@10 over all judged queries."""
    return float(np.mean(list(per_query([NDCG], qrels, run)[NDCG].values())))


def _relevant(judged: Judged, query_id: str) -> set[str]:
    return {document for document, grade in judged.qrels[query_id].items() if grade > 0}


def _first_relevant(judged: Judged, query_id: str) -> str:
    return next(document for document, grade in judged.qrels[query_id].items() if grade > 0)


def _of_last_titles(folder: Path) -> set[str]:
    """Return the ids of the documents of the last eight articles."""
    with (folder / "corpus.jsonl").open(encoding="utf-8") as lines:
        titles = {document["_id"]: document["title"] for document in map(json.loads, lines)}
    last = sorted(set(titles.values()))[-LAST_TITLES:]
    return {document for document, title in titles.items() if title in last}

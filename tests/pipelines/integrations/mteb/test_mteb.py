"""The evaluators of MTEB and BEIR measure a pipeline as ``evaluate`` does."""

import pytest

pytest.importorskip("mteb", reason="needs mteb: pip install 'bicross[mteb]'")
pytest.importorskip("beir", reason="needs beir: pip install beir")

import mteb
from beir.retrieval.evaluation import EvaluateRetrieval
from bicross.errors import ArgumentError
from bicross.index import Document
from bicross.pipelines import SearchPipeline, build_index, evaluate
from bicross.pipelines.integrations import beir as beir_adapter
from bicross.pipelines.integrations.mteb import BicrossSearch
from datasets import Dataset
from helpers.fakes import HashEncoder, OverlapReranker
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models import SearchProtocol
from pytrec_eval import RelevanceEvaluator

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # to load MTEB takes seconds
ENCODER = HashEncoder()
CORPUS = {
    f"d{number}": {"title": f"title{number}", "text": f"word{number} and word{number % 5} of the sea"}
    for number in range(30)
}
QUERIES = {f"q{number}": f"word{number} sea" for number in range(8)}
QRELS = {f"q{number}": {f"d{number}": 2, f"d{number + 5}": 1} for number in range(8)}
MEASURES = {"nDCG@10": "ndcg_at_10", "R@5": "recall_at_5"}


class Ties(OverlapReranker):
    """Gives many candidates the same score, which evaluators would order by id."""

    def score(self, pairs):
        return super().score(pairs).round(0)


class LocalTask(AbsTaskRetrieval):
    metadata = TaskMetadata(
        name="Local",
        description="a small collection",
        reference=None,
        dataset={"path": "local", "revision": "1"},
        type="Retrieval",
        category="t2t",
        modalities=["text"],
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score="ndcg_at_10",
        date=None,
        domains=None,
        task_subtypes=None,
        license=None,
        annotations_creators=None,
        dialect=None,
        sample_creation=None,
        bibtex_citation=None,
    )

    def load_data(self, num_proc=None, **kwargs):
        corpus = Dataset.from_list([{"id": id_, **row} for id_, row in CORPUS.items()])
        queries = Dataset.from_list([{"id": id_, "text": text} for id_, text in QUERIES.items()])
        split = {"corpus": corpus, "queries": queries, "relevant_docs": QRELS, "top_ranked": None}
        self.dataset = {"default": {"test": split}}
        self.data_loaded = True


@pytest.fixture(scope="module")
def means(tmp_path_factory):
    """What bicross itself measures."""
    documents = [Document(id_, row["text"], row["title"]) for id_, row in CORPUS.items()]
    index = build_index(documents, tmp_path_factory.mktemp("mteb") / "i", encoder=ENCODER)
    pipeline = SearchPipeline.open(index, encoder=ENCODER, reranker=Ties())
    system = evaluate(pipeline, QUERIES, QRELS, measures=list(MEASURES)).system("reranked")
    return {name: mean.mean for name, mean in system.means.items()}


def test_mteb_measures_what_evaluate_measures(means):
    model = BicrossSearch(encoder=ENCODER, reranker=Ties())
    assert isinstance(model, SearchProtocol)
    result = mteb.evaluate(model, LocalTask(), cache=None, encode_kwargs={})
    [scores] = result.task_results[0].scores["test"]
    for ours, theirs in MEASURES.items():
        assert scores[theirs] == round(means[ours], 5)  # as MTEB rounds
    with pytest.raises(ArgumentError, match="is for retrieval tasks"):
        model.search([], top_k=1, top_ranked={})
    with pytest.raises(ArgumentError, match="call index first"):
        BicrossSearch(encoder=ENCODER).search([], top_k=1)


def test_beir_measures_what_evaluate_measures(means, tmp_path):
    search = beir_adapter.BicrossSearch(encoder=ENCODER, reranker=Ties(), path=tmp_path / "i")
    retriever = EvaluateRetrieval(search, k_values=[5, 10])
    results = retriever.retrieve(CORPUS, QUERIES)
    ndcg, _, recall, _ = retriever.evaluate(QRELS, results, retriever.k_values)
    assert ndcg["NDCG@10"] == round(means["nDCG@10"], 5)  # as it rounds
    assert recall["Recall@5"] == round(means["R@5"], 5)
    values = RelevanceEvaluator(QRELS, {"ndcg_cut.10", "recall.5"}).evaluate(results).values()
    for ours, theirs in (("nDCG@10", "ndcg_cut_10"), ("R@5", "recall_5")):
        assert sum(of_query[theirs] for of_query in values) / len(QUERIES) == pytest.approx(means[ours], abs=1e-6)
    assert retriever.retrieve(CORPUS, QUERIES) == results
    with pytest.raises(ArgumentError, match="has other documents than this collection"):
        retriever.retrieve({"x": {"text": "other"}}, QUERIES)

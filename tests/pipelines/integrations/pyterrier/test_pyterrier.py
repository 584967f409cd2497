"""The Transformers of PyTerrier in its operators and experiments, and its own test case. Nothing starts Java."""

import pytest

pytest.importorskip("pyterrier", reason="needs pyterrier: pip install 'bicross[pyterrier]'")

import pandas as pd
import pyterrier as pt
from bicross.errors import ArgumentError, QueryError
from bicross.index import Document
from bicross.pipelines import SearchPipeline, build_index, evaluate
from bicross.pipelines.integrations.pyterrier import BicrossReranker, BicrossRetriever
from helpers.fakes import HashEncoder, OverlapReranker
from pyterrier import testing

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # to load PyTerrier takes seconds
ENCODER, RERANKER = HashEncoder(), OverlapReranker()
TEXTS = {f"d{number}": f"word{number} and word{number % 5} of the sea" for number in range(20)}
QUERIES = {f"q{number}": f"word{number} sea" for number in range(5)}
QRELS = {f"q{number}": {f"d{number}": 2, f"d{number + 5}": 1} for number in range(5)}
TOPICS = pd.DataFrame({"qid": list(QUERIES), "query": list(QUERIES.values())})
JUDGED = pd.DataFrame(
    [{"qid": q, "docno": d, "label": grade} for q, grades in QRELS.items() for d, grade in grades.items()]
)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    documents = [Document(id_, text, metadata={"n": int(id_[1:])}) for id_, text in TEXTS.items()]
    return build_index(documents, tmp_path_factory.mktemp("pt") / "i", encoder=ENCODER, reranker=None)


def retriever_over(index, **values):
    return BicrossRetriever(index, **({"encoder": ENCODER, "reranker": RERANKER} | values))


def test_a_retriever_returns_what_the_pipeline_finds(index):
    found = retriever_over(index, top_k=3).transform(TOPICS)
    answers = SearchPipeline.open(index, encoder=ENCODER, reranker=RERANKER).search_batch(
        list(QUERIES.values()), top_k=3
    )
    assert list(found.columns) == ["qid", "query", "docno", "score", "rank", "text", "title"]
    assert found["docno"].tolist() == [result.document.id for results in answers for result in results]
    assert found["rank"].tolist() == [0, 1, 2] * 5
    assert [TEXTS[id_] for id_ in found["docno"]] == found["text"].tolist()
    for _, group in found.groupby("qid"):
        assert group["score"].is_monotonic_decreasing
        assert group["score"].is_unique
    assert retriever_over(index, where="n < 3").search("sea")["docno"].nunique() == 3


def test_operators_and_experiments_measure_what_evaluate_measures(index):
    first = retriever_over(index, reranker=None)
    both = first % 8 >> BicrossReranker(RERANKER)
    whole = retriever_over(index, options=None, top_k=10)
    table = pt.Experiment([first, both, whole], TOPICS, JUDGED, ["ndcg_cut_10", "recip_rank"], names=["a", "b", "c"])
    pipeline = SearchPipeline.open(index, encoder=ENCODER, reranker=RERANKER)
    means = evaluate(pipeline, QUERIES, QRELS, measures=["nDCG@10", "RR"]).system("reranked").means
    assert table["ndcg_cut_10"][2] == pytest.approx(means["nDCG@10"].mean, abs=1e-6)
    assert table["recip_rank"][2] == pytest.approx(means["RR"].mean, abs=1e-6)
    assert len(both.transform(TOPICS)) == 8 * 5
    assert not pt.java.started()


def test_a_reranker_orders_as_the_model_does():
    rows = pd.DataFrame({"qid": "1", "query": "the sea", "docno": list("abc"), "text": ["bread", "the sea", "a sea"]})
    ranked = BicrossReranker(RERANKER).transform(rows)
    assert ranked["docno"].tolist() == ["b", "c", "a"]
    assert ranked["score"].tolist() == pytest.approx([RERANKER.logit("the sea", text) for text in ranked["text"]])
    assert ranked["rank"].tolist() == [0, 1, 2]
    titled = rows.assign(title=["the sea", "", "x"])
    assert BicrossReranker(RERANKER, top_k=1).transform(titled)["docno"].tolist() == ["b"]
    assert BicrossReranker(RERANKER).transform(titled)["docno"].tolist()[1] == "a"


class TestRetriever(testing.TransformerTestCase):
    test_schematic = None  # it downloads an inventory of PyTerrier's documentation

    @staticmethod
    def get_transformer():
        return BicrossRetriever(SearchPipeline(Nothing(), None))

    @classmethod
    def tearDownClass(cls):
        """PyTerrier's prints a report as warnings."""


class TestReranker(TestRetriever):
    @staticmethod
    def get_transformer():
        return BicrossReranker(RERANKER)


class Nothing:
    """A retriever that is only asked which columns it gives."""

    def retrieve(self, queries, k, *, where=None):
        return [[] for _ in queries]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda i: retriever_over(i, top_k=0), ArgumentError, "top_k must be at least 1"),
        (lambda i: retriever_over(i).transform(TOPICS.assign(query=" ")), QueryError, "is blank"),
        (lambda i: BicrossReranker(top_k=0), ArgumentError, "top_k must be at least 1"),
        (lambda i: BicrossRetriever(5), ArgumentError, "index must be the folder of an index"),
    ],
)
def test_the_message_has_the_value_and_the_remedy(index, call, error, message):
    with pytest.raises(error, match=message):
        call(index)

"""Every public function and class of ``bicross.retrieval`` with wrong types: an answer, or an error of bicross."""

import bicross.retrieval as public
import pytest
from bicross.errors import ArgumentError
from bicross.index import Document
from bicross.inference import RemoteOptions
from bicross.pipelines import build_index
from bicross.retrieval import ANALYZER, DenseRetriever, HybridRetriever, LexicalRetriever, NormalisedSum, TermShare
from helpers.fakes import HashEncoder
from helpers.wrong_values import call_with_wrong_values

ENCODER = HashEncoder()
NOT_CALLED = {
    "ANALYZERS",
    "DEFAULT_ENCODER",
    "LANGUAGES",
    "REMOTE_POOLING",
    # Protocols.
    "Encoder",
    "CandidateExploringRetriever",
    "Explorer",
    "ExploringRetriever",
    "Fusion",
    "IndexRetriever",
    "PinnableRetriever",
    "Retriever",
    "TokenRetriever",
    # It loads models: see tests/rerank/test_wrong_types.py.
    "BiEncoder",
    "EarlyPooling",
    # On arrays that a retriever made.
    "feedback_scores",
}
QUERIES = {"queries": ["word1"], "k": 3, "where": None}
OF_INDEX = {
    "analyzer_of": {"index": None},
    "DenseRetriever": {"index": None, "encoder": ENCODER, "passages": 1, "feedback": None},
    "HybridRetriever": {
        "index": None,
        "encoder": ENCODER,
        "fusion": None,
        "weights": None,
        "passages": 1,
        "feedback": None,
    },
    "LexicalRetriever": {"index": None, "weights": None},
}
EARLY = {"model": "nowhere", "layers": 2, "pooling": "mean", "max_length": None}
NOBODY = {"server": "http://127.0.0.1:1", "model": None, "dialect": "openai", "key": None, "max_tokens": None}
OF_MODELS = {
    "RemoteEncoder": NOBODY | {"options": RemoteOptions(tries=1, timeout=0.1)},
    "EarlyLayerEncoder": EARLY | {"device": None, "dtype": "float32"},
    "write_early_layers": EARLY | {"output": "written"},
}
FUNCTIONS = {
    "EarlyLayers": {"layers": 2, "pooling": "mean"},
    "analyse": {"texts": ["a word"]},
    "analyzer_named": {"name": "en"},
    "Analyzer": {"name": ANALYZER},
    "NormalisedSum": {"lexical_weight": 0.3},
    "ReciprocalRank": {"k": 60.0},
    "TermShare": {"lexical_weight": 0.5, "limit": 20.0},
    "ParallelEncoder": {"encoders": [ENCODER]},
    "Feedback": {"weight": 0.2, "documents": 1, "smoothing": 0.2, "neighbours": 5},
    "fused": {"candidates": [], "fusion": NormalisedSum()},
    "fusion_of_query": {"fusion": TermShare(), "limit": 20.0},
    "pinned": {"retriever": None},
    "has_index": {"retriever": None},
    "can_explore": {"retriever": None},
    "can_explore_candidates": {"retriever": None},
    "has_token_ids": {"retriever": None},
}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    documents = [Document(f"d{number}", f"word{number} and text") for number in range(4)]
    path = tmp_path_factory.mktemp("indexes") / "i"
    return build_index(documents, path, encoder=ENCODER, reranker=None, lexical=True)


def test_every_public_name_is_tried():
    assert set(public.__all__) == FUNCTIONS.keys() | OF_INDEX.keys() | OF_MODELS.keys() | NOT_CALLED | {"ANALYZER"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    for argument in FUNCTIONS[name]:
        call_with_wrong_values(getattr(public, name), FUNCTIONS[name], argument)


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_MODELS)
def test_what_names_a_model(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for argument in OF_MODELS[name]:
        call_with_wrong_values(getattr(public, name), OF_MODELS[name], argument, answered=False)


@pytest.mark.parametrize("name", OF_INDEX)
def test_what_takes_an_index(name, index):
    for argument in OF_INDEX[name]:
        call_with_wrong_values(getattr(public, name), OF_INDEX[name] | {"index": index}, argument)


@pytest.mark.parametrize("kind", ["dense", "hybrid", "lexical"])
def test_methods_of_retrievers(kind, index):
    retriever = {
        "dense": lambda: DenseRetriever(index, ENCODER),
        "hybrid": lambda: HybridRetriever(index, ENCODER),
        "lexical": lambda: LexicalRetriever(index),
    }[kind]()
    for name in ("retrieve", "candidates", "retrieve_and_explore"):
        if hasattr(retriever, name):
            for argument in QUERIES:
                call_with_wrong_values(getattr(retriever, name), QUERIES, argument)
    if kind == "dense":
        for argument in ("queries", "where"):
            call_with_wrong_values(retriever.explorer, {"queries": ["word1"], "where": None}, argument)
    call_with_wrong_values(retriever.over, {"index": index}, "index")


@pytest.mark.parametrize("name", ["en", "de", "any", "bm25s-english-1"])
def test_analyzers(name):
    call_with_wrong_values(public.analyzer_named(name), {"texts": ["a word"]}, "texts")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda index: DenseRetriever(index, ENCODER).retrieve("one", 3),
            r"queries must be a list of texts.*\['one'\]",
        ),
        (lambda index: LexicalRetriever(index).retrieve([5], 3), r"queries must be texts, and number 0 is 5 \(int\)"),
        (
            lambda index: HybridRetriever(index, ENCODER).retrieve(["\ud800"], 3),
            r"number 0 is not valid Unicode \(U\+D800",
        ),
        (lambda index: DenseRetriever("i", ENCODER), r"index must be a Index, not 'i' \(str\)"),
        (lambda index: DenseRetriever(index, "all-MiniLM"), "encoder must be a model, such as a BiEncoder, not 'all-M"),
        (lambda index: HybridRetriever(index, ENCODER, fusion="rrf"), r"fusion must be NormalisedSum\(\) or another"),
        (lambda index: NormalisedSum(True), r"lexical_weight must be a number from 0 to 1, not True \(bool\)"),
        (lambda index: public.analyzer_named(["en"]), r"name must be a str, not \['en'\]"),
    ],
)
def test_the_message_has_the_value_and_the_remedy(call, message, index):
    with pytest.raises(ArgumentError, match=message):
        call(index)

"""Every public function and method of ``bicross.pipelines`` with wrong types: an answer, or an error of bicross."""

import dataclasses
from pathlib import Path

import bicross.pipelines as public
import numpy as np
import pytest
from bicross.errors import ArgumentError, EvaluationError, QueryError
from bicross.index import Document
from bicross.pipelines import (
    AnswerOptions,
    AnswerPipeline,
    ContextOptions,
    ContextPipeline,
    Judged,
    ReplyPipeline,
    ScoreCache,
    SearchOptions,
    SearchPipeline,
    TuningOptions,
    build_index,
    evaluate,
    read_run,
    write_run,
)
from bicross.retrieval import DenseRetriever
from helpers.fakes import HashEncoder, OverlapReranker, WordVectorReranker
from helpers.tiny_readers import CapitalReader
from helpers.wrong_values import WRONG, call_with_wrong_values, is_answered

ENCODER, RERANKER, FAST = HashEncoder(), OverlapReranker(), WordVectorReranker()
DOCUMENTS = [Document(f"d{number}", f"word{number} and text") for number in range(4)]
QUERIES, QRELS, RUN = {"q": "word1"}, {"q": {"d1": 1}}, {"q": [("d1", 1.0)]}
CUTOFFS = {"top_k": 2, "retrieve_k": 4, "rerank_k": 3}
SEARCH = CUTOFFS | {"where": None, "deadline_ms": None, "min_relevance": None}
OPTIONS = {field.name: field.default for field in dataclasses.fields(SearchOptions)}
WRITING = {"path": "index", "documents": [], "encoder": ENCODER, "device": None, "reranker": None, "progress": False}
FUNCTIONS = {
    "SearchOptions": OPTIONS | CUTOFFS | {"blend": 0.5, "first_stage": "dense"},
    "AnswerOptions": {field.name: field.default for field in dataclasses.fields(AnswerOptions)},
    "ContextOptions": {field.name: field.default for field in dataclasses.fields(ContextOptions)},
    "TuningOptions": {field.name: field.default for field in dataclasses.fields(TuningOptions)},
    "ScoreCache": {"max_bytes": 10_000},
    "fit_stop_rule": {
        "retrieval_scores": [np.arange(9.0)[::-1]] * 20,
        "logits": [np.arange(9.0)] * 20,
        "risk": 0.05,
        "k": 5,
        "blend": 0.5,
    },
    "build_index": {
        "documents": DOCUMENTS,
        "path": "new",
        "encoder": ENCODER,
        "reranker": None,
        "lexical": False,
        "precompute": False,
        "chunking": None,
        "index_type": "auto",
        "target_recall": 0.95,
        "memory_bytes": None,
        "overwrite": True,
        "resume": False,
        "device": None,
        "cluster": None,
    },
    "Machine": {"memory_bytes": 64e9, "cores": 16},
    "plan_capacity": {
        "documents": 10**7,
        "dim": 384,
        "queries_per_second": 5.0,
        "passages_per_document": 1.5,
        "rerank_k": 100,
        "machine": None,
        "replicas": 2,
        "search_ms": 50.0,
        "scanned_share": 0.5,
        "dtype": "int8",
    },
    "Turn": {"text": "hello", "role": "user"},
    "fold_dialogue": {"dialogue": ["hello", "word1"], "turns": None},
    "exchanges_of": {"dialogue": ["hello", "word1"], "id_": "a", "role": None, "turns": 1},
    "rank_replies": {
        "dialogue": ["hello", "word1"],
        "candidates": ["word1", "word2"],
        "encoder": ENCODER,
        "reranker": RERANKER,
        "top_k": None,
        "turns": None,
    },
    "add_documents": WRITING | {"cluster": None},
    "upsert_documents": WRITING,
    "sync_documents": WRITING | {"documents": DOCUMENTS, "allow_deletes": True, "dry_run": False},
    "delete_documents": {"path": "index", "ids": ["nowhere"], "where": None},
    "index_terms": {"path": "index", "analyzer": None},
    "precompute": {"path": "index", "fast_reranker": FAST, "on_progress": None},
    "drop_token_vectors": {"path": "index"},
    "evaluate_runs": {"runs": {"a": RUN}, "qrels": QRELS, "queries": None, "measures": ["nDCG@10"]},
    "read_qrels": {"path": "judgments", "queries": None},
    "read_run": {"path": "run"},
    "read_judged": {"source": None, "split": "test", "topics": "topics.tsv", "qrels": "judgments"},
    "find_duplicates": {
        "documents": DOCUMENTS,
        "threshold": 0.9,
        "top_k": 3,
        "reranker": None,
        "reranker_threshold": 0.5,
        "grouping": "medoids",
        "where": None,
        "encoder": ENCODER,
        "batch_size": 2,
        "progress": False,
    },
    "cluster_documents": {
        "documents": DOCUMENTS,
        "threshold": 0.9,
        "min_size": 2,
        "where": None,
        "language": None,
        "encoder": ENCODER,
        "batch_size": 2,
        "progress": False,
    },
    "to_arrow": {"results": []},
    "to_pandas": {"results": []},
    "write_run": {"path": "written", "run": RUN, "tag": "x"},
}
NOT_CALLED = {
    # Records that bicross makes, and types.
    "Answer",
    "AnswerSource",
    "CacheUse",
    "Citation",
    "Cluster",
    "Clusters",
    "CapacityPlan",
    "Context",
    "Depth",
    "DuplicateGroup",
    "Duplicates",
    "Evaluation",
    "Judged",
    "RankedReply",
    "Reply",
    "Run",
    "SearchResult",
    "Settings",
    "SimilarPair",
    "StopRule",
    "SyncReport",
    "Timings",
    "Tuned",
    "Tuning",
    # Below, with an index.
    "AnswerPipeline",
    "ContextPipeline",
    "ReplyPipeline",
    "SearchPipeline",
    "evaluate",
    "tune",
    "tune_retriever",
    # Below: loads the tokenizer that is named.
    "retokenize",
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("judgments").write_text("q 0 d1 1\n")
    Path("run").write_text("q Q0 d1 1 1.0 x\n")
    Path("topics.tsv").write_text("q\tword1\n")


@pytest.fixture
def index(in_a_folder):
    return build_index(DOCUMENTS, "index", encoder=ENCODER, reranker=None, lexical=True)


@pytest.fixture
def pipeline(index):
    return SearchPipeline(DenseRetriever(index, ENCODER), RERANKER, **CUTOFFS)


def test_every_public_name_is_tried():
    assert set(public.__all__) == FUNCTIONS.keys() | NOT_CALLED


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name, index):
    for argument in FUNCTIONS[name]:
        call_with_wrong_values(getattr(public, name), FUNCTIONS[name], argument)


def test_pipelines_and_their_searches(pipeline, index):
    parts = {"retriever": pipeline.retriever, "reranker": RERANKER, "options": None, "cache": None} | OPTIONS | CUTOFFS
    parts |= {"fast_reranker": FAST}
    opened = {"path": "index", "encoder": ENCODER, "reranker": RERANKER, "options": None, "cache_mb": None}
    opened |= {"fast_reranker": FAST}
    calls = [
        (SearchPipeline, parts),
        (SearchPipeline.open, opened),
        (pipeline.search, SEARCH | {"query": "word1"}),
        (pipeline.search_batch, SEARCH | {"queries": ["word1"], "timings": None}),
        (pipeline.options.replaced, CUTOFFS | {"min_relevance": None}),
        (pipeline.options.complete, {"retrieve_k": 3, "rerank_k": 2}),
        (ScoreCache.of_megabytes, {"megabytes": 1.5}),
        (evaluate, {"pipeline": pipeline, "queries": QUERIES, "qrels": QRELS, "measures": ["nDCG@10"], "runs": None}),
    ]
    for call, arguments in calls:
        for argument in arguments:
            call_with_wrong_values(call, arguments, argument)
    for make in WRONG.values():
        is_answered(pipeline.fit_stop_rule, {"queries": make()})
        is_answered(pipeline.fit_stop_rule, {"queries": ["word1"], "risk": make()})
        for argument in ("index", "judged", "encoder", "reranker", "options"):
            right = {"index": index, "judged": Judged("n", QUERIES, QRELS), "encoder": ENCODER, "reranker": RERANKER}
            is_answered(public.tune, right | {argument: make()})
        for argument in ("retriever", "judged", "reranker", "options"):
            right = {"retriever": pipeline.retriever, "judged": Judged("n", QUERIES, QRELS), "reranker": RERANKER}
            is_answered(public.tune_retriever, right | {argument: make()})


def test_retokenize(index):
    for argument in ("path", "reranker"):
        arguments = {"path": index.path, "reranker": "nowhere"}
        call_with_wrong_values(public.retokenize, arguments, argument, answered=False)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda _: SearchOptions(rerank_k=np.zeros(2)), ArgumentError, "rerank_k must be a whole number of at least 1"),
        (
            lambda _: SearchOptions(calibration=5),
            ArgumentError,
            r"calibration must be a Platt or Isotonic, not 5 \(int\)",
        ),
        (lambda _: SearchOptions(adaptive=1), ArgumentError, r"adaptive must be True or False, not 1 \(int\)"),
        (lambda p: SearchPipeline(p.retriever, "mini"), ArgumentError, "reranker must be a reranker, such as a CrossE"),
        (lambda p: SearchPipeline(5, None), ArgumentError, "retriever must be a retriever, such as a DenseRetriever"),
        (lambda p: p.search("x", deadline_ms=10**400), ArgumentError, "deadline_ms must be a number of milliseconds"),
        (lambda p: p.search_batch({"q": "x"}), QueryError, "search_batch takes a list of queries, not dict"),
        (lambda p: p.search_batch(["x"], timings=5), ArgumentError, r"timings must be a Timings, not 5 \(int\)"),
        (lambda p: evaluate(p, QUERIES, {"q": ["d1"]}), ArgumentError, r"qrels\['q'\] must be a mapping of grades by"),
        (
            lambda p: evaluate(p, QUERIES, {"q": {"d1": True}}),
            ArgumentError,
            "the grade of document 'd1' for query 'q'",
        ),
        (
            lambda p: evaluate(p, ["word1"], QRELS),
            ArgumentError,
            "queries must be a mapping of texts by query id, such",
        ),
        (lambda _: write_run("out", {"q": [("d1", "1")]}), ArgumentError, r"run must have \(document id, score\) for"),
        (lambda _: write_run(".", RUN), ArgumentError, r"\. is a folder; name the file to write, such as run\.txt"),
        (lambda _: read_run("x" * 5000), EvaluationError, "no file can have the name 'xxx"),
        (lambda _: read_run(5), ArgumentError, r"path must be the path of a file, as text or as a Path, not 5 \(int\)"),
    ],
)
def test_the_message_has_the_value_and_the_remedy(call, error, message, pipeline):
    with pytest.raises(error, match=message):
        call(pipeline)


def test_answers(pipeline):
    options, reader = FUNCTIONS["AnswerOptions"], CapitalReader()
    parts = {"retriever": pipeline.retriever, "reranker": RERANKER, "reader": reader, "search": None, "options": None}
    for argument in parts | options:
        call_with_wrong_values(AnswerPipeline, parts | options, argument)
    opened = {"path": "index", "encoder": ENCODER, "reranker": RERANKER, "reader": reader, "search": None}
    for argument in opened:
        call_with_wrong_values(AnswerPipeline.open, opened, argument)
    answers = AnswerPipeline(pipeline.retriever, RERANKER, reader)
    call = options | {"question": "word1", "where": None, "deadline_ms": None}
    for argument in call:
        call_with_wrong_values(answers.answer, call, argument)
    for argument in ("questions", "timings"):
        call_with_wrong_values(answers.answer_batch, {"questions": ["word1"], "timings": None}, argument)


def test_contexts(pipeline):
    options = FUNCTIONS["ContextOptions"]
    parts = {"retriever": pipeline.retriever, "reranker": RERANKER, "search": None, "options": None} | options
    for argument in parts:
        call_with_wrong_values(ContextPipeline, parts, argument)
    contexts = ContextPipeline(pipeline.retriever, RERANKER)
    call = options | {"query": "word1", "where": None, "deadline_ms": None}
    for argument in call:
        call_with_wrong_values(contexts.context, call, argument)
    call_with_wrong_values(contexts.context_batch, {"queries": ["word1"], "timings": None}, "queries")
    call_with_wrong_values(contexts.context_batch, {"queries": ["word1"], "timings": None}, "timings")
    context = contexts.context("word1")
    for argument in ("question", "instructions"):
        call_with_wrong_values(context.messages, {"question": "what?", "instructions": "do"}, argument)


def test_replies(pipeline):
    parts = {"retriever": pipeline.retriever, "reranker": RERANKER, "search": None, "top_k": 2, "turns": None}
    for argument in parts:
        call_with_wrong_values(ReplyPipeline, parts, argument)
    opened = {"path": "index", "encoder": ENCODER, "reranker": RERANKER, "search": None, "top_k": 2, "turns": None}
    for argument in opened:
        call_with_wrong_values(ReplyPipeline.open, opened, argument)
    replies = ReplyPipeline(pipeline.retriever, RERANKER)
    for argument in ("dialogue", "where", "deadline_ms"):
        call_with_wrong_values(replies.replies, {"dialogue": ["word1"], "where": None, "deadline_ms": None}, argument)
    call_with_wrong_values(replies.replies_batch, {"dialogues": [["word1"]]}, "dialogues")
    call_with_wrong_values(replies.query, {"dialogue": ["word1"]}, "dialogue")

"""Every public function and class of ``bicross.rerank`` with wrong types: an answer, or an error of bicross."""

from pathlib import Path

import bicross.rerank as public
import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.inference import RemoteOptions
from bicross.rerank import CrossEncoderReranker, Isotonic, LateInteractionReranker, Platt
from bicross.retrieval import BiEncoder
from helpers.wrong_values import call_with_wrong_values

NOT_CALLED = {
    "DEFAULT_RERANKER",
    "DEFAULT_SIMILARITY",
    "UNCALIBRATED",
    # Types, protocols, and records that bicross makes.
    "Bin",
    "CalibratedReranker",
    "Calibration",
    "CalibrationMethod",
    "Cascade",
    "CascadeReranker",
    "CascadeScores",
    "IdentifiedReranker",
    "Pair",
    "PairLabel",
    "QueryLimitedReranker",
    "RankedText",
    "RankingKey",
    "Reranker",
    "TokenPair",
    "TokenReranker",
    "TokenVectorPair",
    "TokenVectorReranker",
    # Parts of a reranker of one's own, which are called for every batch with what was checked before.
    "dcg",
    "distinct",
    "each_once",
    "group_by_query",
    "ideal_dcg",
    "cutting_queries",
    "long_queries",
    "merge_scores",
    "ndcg",
    "require_exits",
    "require_scoring_outputs",
    "same_reranker",
    "restrict_key",
    # Below, and in the tests of pairs, with a model.
    "CrossEncoderReranker",
    "LateInteractionReranker",
    "PairScorer",
    "classify_texts",
    "RemoteReranker",
}
NOBODY = {
    "server": "http://127.0.0.1:1",
    "model": None,
    "dialect": "jina",
    "key": None,
    "logits": None,
    "options": RemoteOptions(tries=1, timeout=0.1),
}
CALLBACKS = {"score_at", "ranking_key"}
SCORES = {"probabilities": [0.1, 0.9], "relevant": [0, 1]}
FUNCTIONS = {
    "Platt": {"slope": 1.0, "intercept": 0.0},
    "Isotonic": {"logits": (0.0, 1.0), "probabilities": (0.1, 0.5)},
    "calibration_from_dict": {"record": {"method": "platt", "slope": 1.0, "intercept": 0.0}},
    "fit_calibration": {"logits": [0.1, 0.4, 0.2, 0.9], "relevant": [0, 1, 1, 0], "method": "platt"},
    "reliability": SCORES | {"bins": 5},
    "expected_calibration_error": SCORES | {"bins": 5},
    "brier_score": SCORES,
    "check_cascade": {"cascade": [(2, 3)]},
    "run_cascade": {
        "queries": ["a", "a"],
        "stages": [(1, 1)],
        "score_at": lambda _, rows: np.zeros(len(rows), np.float32),
        "ranking_key": None,
    },
    "require_exit_layers": {"layers": [2], "last": 4},
    "can_exit_early": {"reranker": None},
    "check_pairs": {"pairs": [("the", "cat")]},
    "check_token_pairs": {"pairs": [("the", np.array([5, 6], np.int32))]},
    "check_token_vector_pairs": {"pairs": [("the", np.ones((2, 3), np.int8))], "dim": 3},
    "calibration_of": {"reranker": None},
    "is_identified": {"reranker": None},
    "takes_token_ids": {"reranker": None},
    "takes_token_vectors": {"reranker": None},
    "paired": {"firsts": ["the cat"], "seconds": ["a dog"]},
}


def test_every_public_name_is_tried():
    assert set(public.__all__) <= FUNCTIONS.keys() | NOT_CALLED


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    for argument in FUNCTIONS[name].keys() - {"last"}:
        call_with_wrong_values(getattr(public, name), FUNCTIONS[name], argument, callback=argument in CALLBACKS)


@pytest.mark.parametrize("argument", NOBODY)
def test_the_reranker_of_a_server(argument):
    call_with_wrong_values(public.RemoteReranker, NOBODY, argument)


@pytest.mark.parametrize("calibration", [Platt(1.0, 0.0), Isotonic((0.0, 1.0), (0.1, 0.5))], ids=["platt", "isotonic"])
def test_calibrations(calibration):
    call_with_wrong_values(calibration.apply, {"logits": [1.0]}, "logits")


@pytest.mark.slow
def test_models_and_their_methods(tmp_path, monkeypatch):
    from helpers.tiny_late_interaction import save_late_interaction
    from helpers.tiny_models import save_bi_encoder, save_cross_encoder

    monkeypatch.chdir(tmp_path)
    reranker = CrossEncoderReranker(save_cross_encoder(Path("reranker"), outputs=1), device="cpu")
    encoder = BiEncoder(save_bi_encoder(Path("encoder")), device="cpu")
    fast = LateInteractionReranker(save_late_interaction(Path("fast"), Path("encoder")), device="cpu")
    texts, tokens = {"pairs": [("the", "cat")]}, {"pairs": [("the", np.array([5, 6], np.int32))]}
    methods = [
        (reranker.score, texts),
        (reranker.score_tokens, tokens),
        (reranker.score_cascade, texts | {"cascade": []}),
        (reranker.score_cascade_tokens, tokens | {"cascade": []}),
        (reranker.first_tokens, texts | {"layers": [1]}),
        (reranker.unknown_shares, {"texts": ["the"]}),
        (fast.score, texts),
        (fast.score_token_vectors, {"pairs": [("the", np.ones((2, fast.dim), np.int8))]}),
        (fast.token_vectors, {"passages": ["the"]}),
        (fast.long_queries, {"queries": ["the"]}),
        (fast.unknown_shares, {"texts": ["the"]}),
        (encoder.encode_queries, {"queries": ["the"]}),
        (encoder.encode_documents, {"passages": ["the"]}),
        (encoder.count_tokens, {"texts": ["the"]}),
        (encoder.unknown_shares, {"texts": ["the"]}),
    ]
    for method, arguments in methods:
        for argument in arguments:
            call_with_wrong_values(method, arguments, argument)
    classes = {CrossEncoderReranker: "reranker", LateInteractionReranker: "fast", BiEncoder: "encoder"}
    for class_, folder in classes.items():
        for argument, value in {"model": 5, "device": 5, "dtype": ["float32"], "max_length": "9"}.items():
            with pytest.raises(Exception) as caught:
                class_(**{"model": folder, "device": "cpu", argument: value})
            assert type(caught.value).__module__ == "bicross.errors", (argument, caught.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Platt("1", 0.0), "'1' among its slope; it must be a finite number"),
        (lambda: Platt(1.0, 0.0).apply("high"), r"logits must be numbers, not 'high' \(str\)"),
        (lambda: Isotonic(None, (0.5,)), "logits must be a list of numbers, not None"),
        (lambda: public.check_cascade("3:30"), r"as in \[\(3, 30\), \(4, 10\)\]; not '3:30'"),
        (lambda: public.fit_calibration([0.0, 1.0], [0, 1], method=5), "method must be one of platt, isotonic, not 5"),
        (lambda: public.reliability([0.5], [1], bins=10**9), "bins must be at most 10000"),
        (lambda: public.require_exit_layers("34", 6), r"layers must be a list of whole numbers, as in \[3, 4\]"),
    ],
)
def test_the_message_has_the_value_and_the_remedy(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()

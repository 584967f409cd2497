"""Early exit: who goes on by brute force, scores by transformers, and what is refused."""

import logging
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from bicross.errors import ArgumentError, ModelCorrupt, ModelError, QueryError
from bicross.inference import read_exits, write_exits
from bicross.rerank import (
    CrossEncoderReranker,
    cascade,
    check_cascade,
    group_by_query,
    merge_scores,
    restrict_key,
    run_cascade,
)
from bicross.rerank.cascade import whole_queries
from helpers.examples import examples
from helpers.gpu_cases import PASSAGES
from helpers.tiny_exit_models import first_tokens, head, save_deep
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

QUERIES = ["who sleeps at night ?", "dog"]
PAIRS = [(query, passage) for query in QUERIES for passage in [*PASSAGES, "cat " * 700]]
STAGES = [(2, 6), (4, 3)]


@pytest.fixture(scope="module", params=["bert", "distilbert", "modernbert-biases"])
def folder(request, tmp_path_factory):
    return save_deep(tmp_path_factory.mktemp("deep") / request.param, request.param)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    folder = save_deep(tmp_path_factory.mktemp("deep") / "bert", "bert")
    return CrossEncoderReranker(folder, device="cpu")


def brute_force(queries, stages, logits_by_layer, ranking_key=lambda logits: logits):
    """Query by query, pair by pair; ``logits_by_layer`` has the logits of every pair by layer."""
    logits, stopped = np.zeros(len(queries), np.float32), np.zeros(len(queries), int)
    for query in set(queries):
        alive = [i for i, other in enumerate(queries) if other == query]
        for layer, keep in stages:
            if len(alive) <= keep:
                continue
            logits[alive] = logits_by_layer[layer][alive]
            ordered = sorted(alive, key=lambda i: (-ranking_key(logits)[i], i))
            stopped[ordered[keep:]] = layer
            alive = sorted(ordered[:keep])
        logits[alive] = logits_by_layer[0][alive]
    return logits, stopped


def test_scores_are_the_oracles(folder):
    heads, reranker = read_exits(folder), CrossEncoderReranker(folder, device="cpu")
    states = first_tokens(folder, PAIRS)
    logits_by_layer = {layer: heads[layer](states[:, layer - 1]) for layer in (2, 4)} | {0: reranker.score(PAIRS)}
    for values in logits_by_layer.values():
        assert np.diff(np.sort(values)).mean() > 1e-3, "pairs are told apart"
    logits, stopped = brute_force([query for query, _ in PAIRS], STAGES, logits_by_layer)
    scores = reranker.score_cascade(PAIRS, STAGES)
    np.testing.assert_array_equal(scores.stopped, stopped)
    np.testing.assert_allclose(scores.logits, logits, atol=1e-4)
    assert np.bincount(stopped).tolist() == [6, 0, len(PAIRS) - 12, 0, 6]
    assert scores.logits.dtype == np.float32
    np.testing.assert_allclose(scores.exits[2], logits_by_layer[2], atol=1e-4)
    assert np.isnan(scores.exits[4]).sum() == len(PAIRS) - 12


def test_an_empty_cascade_reads_everything(folder):
    reranker = CrossEncoderReranker(folder, device="cpu")
    scores = reranker.score_cascade(PAIRS, [])
    np.testing.assert_array_equal(scores.logits, reranker.score(PAIRS))
    assert not scores.stopped.any()


def test_token_ids_are_read_as_texts_are(bert):
    encoded = bert._packed.tokenizer.encode([passage for _, passage in PAIRS])
    tokens = [(query, ids) for (query, _), ids in zip(PAIRS, encoded, strict=True)]
    for stages in (STAGES, []):
        texts, ids = bert.score_cascade(PAIRS, stages), bert.score_cascade_tokens(tokens, stages)
        np.testing.assert_array_equal(texts.logits, ids.logits)
        np.testing.assert_array_equal(texts.stopped, ids.stopped)


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(len(PAIRS))), queries=st.integers(1, 2))
def test_neither_the_order_nor_other_queries_change_anything(bert, order, queries):
    whole = bert.score_cascade(PAIRS, STAGES)
    rows = [row for row in order if PAIRS[row][0] in QUERIES[:queries]]
    scores = bert.score_cascade([PAIRS[row] for row in rows], STAGES)
    np.testing.assert_array_equal(scores.stopped, whole.stopped[rows])
    np.testing.assert_allclose(scores.logits, whole.logits[rows], atol=1e-5)


@pytest.mark.parametrize("limit", [1, 1200])
def test_parts_that_fit_into_memory_give_the_same(bert, monkeypatch, limit):
    whole = bert.score_cascade(PAIRS, STAGES)
    rated = bert.score_cascade(PAIRS, STAGES, ranking_key=lambda rows, logits: -rows.astype(float))
    calls, reading = [], bert._packed.run_layered

    def counted(pairs):
        calls.append(len(pairs))
        return reading(pairs)

    monkeypatch.setattr(bert._packed, "run_layered", counted)
    monkeypatch.setattr(cascade.whole_queries, "__defaults__", (limit,))
    scores = bert.score_cascade(PAIRS, STAGES)
    assert calls == [len(PAIRS) // 2] * 2, "a query is never divided"
    np.testing.assert_array_equal(scores.stopped, whole.stopped)
    np.testing.assert_allclose(scores.logits, whole.logits, atol=1e-5)
    np.testing.assert_array_equal(
        bert.score_cascade(PAIRS, STAGES, ranking_key=lambda rows, logits: -rows.astype(float)).stopped, rated.stopped
    )


def test_whoever_rates_decides(bert):
    """Numbers of pairs are those of the call, whole queries come together, and logits are those known by then."""
    asked = []

    def ranking_key(rows, logits):
        asked.append((rows.tolist(), logits.copy()))
        return rows.astype(float)

    scores = bert.score_cascade(PAIRS, [(2, 2)], ranking_key=ranking_key)
    assert np.flatnonzero(scores.stopped == 0).tolist() == [9, 10, 20, 21], "the last two of each query"
    [(rows, logits)] = asked
    assert rows == list(range(len(PAIRS)))
    np.testing.assert_array_equal(logits, scores.exits[2])


@pytest.mark.parametrize("pairs", [[], PAIRS[:1], PAIRS[:3], [PAIRS[0], PAIRS[-1]]])
def test_where_nobody_would_stop_everything_is_read(bert, pairs):
    scores = bert.score_cascade(pairs, [(2, 3), (4, 2)] if len(pairs) < 3 else [(2, 3)])
    assert scores.logits.shape == scores.stopped.shape == (len(pairs),)
    assert not scores.stopped.any()
    assert scores.exits == {}, "no exit is computed"
    np.testing.assert_allclose(scores.logits, bert.score(pairs), atol=1e-5)


def test_equals_keep_their_order(bert, monkeypatch):
    for layer in (2, 4):
        monkeypatch.setitem(bert._exits, layer, lambda states: np.zeros(len(states), np.float32))
    pairs = [("dog", passage) for passage in PASSAGES[:6]]
    assert bert.score_cascade(pairs, [(2, 4), (4, 1)]).stopped.tolist() == [0, 4, 4, 4, 2, 2]


def test_threads_share_a_reranker(bert):
    inputs = [[(query, passage) for passage in PASSAGES] for query in ("cat", "owl", "who", "dog runs")]
    expected = [bert.score_cascade(pairs, STAGES) for pairs in inputs]
    with ThreadPoolExecutor(4) as pool:
        for scores, alone in zip(
            pool.map(lambda p: bert.score_cascade(p, STAGES), inputs * 2), expected * 2, strict=True
        ):
            np.testing.assert_array_equal(scores.logits, alone.logits)
            np.testing.assert_array_equal(scores.stopped, alone.stopped)


@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_number_formats(bert, dtype, tmp_path):
    folder = save_deep(tmp_path / "bert", "bert")
    try:
        reranker = CrossEncoderReranker(folder, device="cpu", dtype=dtype)
    except ArgumentError:
        pytest.skip("this processor refuses int8")
    scores, full_logits = reranker.score_cascade(PAIRS, STAGES), reranker.score(PAIRS)
    read = scores.stopped == 0
    assert read.sum() == 6
    assert np.abs(scores.logits - full_logits)[read].max() < 0.2 * np.ptp(full_logits)


def test_what_is_no_cascade():
    assert check_cascade([(3, 30), [4, 10]]) == ((3, 30), (4, 10))
    assert check_cascade([]) == ()
    for wrong in ([2, 30], [(2,)], [(0, 5)], [(2, 0)], [(2, 3.0)], [(True, 3)], ["ab"], [("2", 3)], [None]):
        with pytest.raises(ArgumentError, match=r"a cascade is a list of \(layer, candidates\), as in .*; not "):
            check_cascade(wrong)
    for wrong in ([(4, 30), (2, 10)], [(2, 30), (2, 10)], [(2, 10), (4, 30)], [(2, 10), (4, 10)]):
        with pytest.raises(
            ArgumentError, match="each stage needs a later layer and fewer candidates than the one before"
        ):
            check_cascade(wrong)


def test_a_model_without_those_exits_names_the_remedy(bert, tmp_path):
    message = (
        r"stops after layer 3, and .*bert has exits after the layers 2, 4 only: .* `bicross train exits --layers 2,3,4`"
    )
    with pytest.raises(ModelError, match=message):
        bert.score_cascade(PAIRS, [(2, 30), (3, 10)])
    bare = CrossEncoderReranker(save_deep(tmp_path / "bare", "bert", exits=()), device="cpu")
    assert bare.exit_layers == ()
    assert bare.exits_fingerprint == ""
    with pytest.raises(ModelError, match=r"bare has no exits: train them with `bicross train exits --layers 2`"):
        bare.score_cascade(PAIRS, [(2, 30)])
    assert bare.score_cascade(PAIRS[:2], []).stopped.tolist() == [0, 0]


def test_a_model_that_does_not_run_packed(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="bicross"):
        other = CrossEncoderReranker(save_deep(tmp_path / "data2vec", "data2vec"), device="cpu")
    [record] = [record for record in caplog.records if "runs through sentence-transformers" in record.getMessage()]
    assert "Data2VecText" in record.getMessage()
    assert not other.runs_packed
    assert other.exit_layers == ()
    for ask in (lambda: other.score_cascade(PAIRS, [(2, 3)]), lambda: other.first_tokens(PAIRS, [2])):
        with pytest.raises(ModelError, match=r"runs packed, and .*data2vec runs through .* \(the log says why"):
            ask()
    np.testing.assert_array_equal(other.score_cascade(PAIRS[:2], []).logits, other.score(PAIRS[:2]))


@pytest.mark.parametrize(("layer", "width"), [(5, 24), (2, 23)])
def test_heads_that_cannot_be_the_models_are_refused(tmp_path, layer, width):
    folder = save_deep(tmp_path / "bert", "bert", exits=())
    write_exits(folder, {layer: head(width, 0)})
    with pytest.raises(
        ModelCorrupt, match=f"an exit after layer {layer} for a width of {width}, and the model has 5 layers"
    ):
        CrossEncoderReranker(folder, device="cpu")


def test_an_exit_that_is_not_finite_is_an_error(bert, monkeypatch):
    monkeypatch.setitem(bert._exits, 2, lambda states: np.where(np.arange(len(states)) == 12, np.nan, 0.0))
    with pytest.raises(ModelError, match="the exit after layer 2 gave a score that is not finite for 'dog'"):
        bert.score_cascade(PAIRS, STAGES)


def test_bad_pairs_are_refused_as_score_refuses_them(bert):
    with pytest.raises(ArgumentError, match=r"pair 1 must be \(query, passage\)"):
        bert.score_cascade([("a", "b"), "ab"], STAGES)
    with pytest.raises(QueryError, match="Shorten it"):
        bert.score_cascade([("cat " * 600, "dog")] * 9, STAGES)


@pytest.mark.parametrize("layers", [[], [0], [5], [2, 1], [2, 2]])
def test_layers_that_have_no_first_tokens(bert, layers):
    with pytest.raises(ArgumentError, match="exits need layers from 1 to 4, in ascending order"):
        bert.first_tokens(PAIRS, layers)


def test_fingerprints_tell_heads_apart_and_not_whole_scores(tmp_path, bert):
    other = save_deep(tmp_path / "bert", "bert")
    assert CrossEncoderReranker(other, device="cpu").exits_fingerprint == bert.exits_fingerprint
    write_exits(other, {2: head(24, 99)})
    changed = CrossEncoderReranker(other, device="cpu")
    assert changed.fingerprint == bert.fingerprint
    assert changed.exits_fingerprint != bert.exits_fingerprint


names = st.lists(st.sampled_from("abc"), max_size=14)


@settings(max_examples=examples(200), deadline=None)
@given(
    queries=names,
    seed=st.integers(0, 99),
    keeps=st.lists(st.integers(1, 6), unique=True, max_size=3),
    ties=st.booleans(),
)
def test_who_goes_on_is_what_brute_force_says(queries, seed, keeps, ties):
    random = np.random.default_rng(seed)
    stages = [(2 * number + 1, keep) for number, keep in enumerate(sorted(keeps, reverse=True))]
    logits_by_layer = {
        layer: random.normal(size=len(queries)).astype(np.float32) for layer in [0, *(a for a, _ in stages)]
    }
    if ties:
        logits_by_layer = {layer: values.round() for layer, values in logits_by_layer.items()}
    prior = random.normal(size=len(queries))
    asked = []

    def read(layer, rows):
        asked.append((layer, rows.tolist()))
        return logits_by_layer[layer][rows]

    scores = run_cascade(queries, stages, read, ranking_key=lambda rows, logits: logits + prior[rows])
    logits, stopped = brute_force(queries, stages, logits_by_layer, ranking_key=lambda logits: logits + prior)
    np.testing.assert_array_equal(scores.stopped, stopped)
    np.testing.assert_array_equal(scores.logits, logits)
    for (_, before), (_, after) in pairwise(asked):
        assert set(after) <= set(before)
        assert after == sorted(after)


@given(queries=names, sizes=st.lists(st.integers(1, 50), min_size=14, max_size=14), limit=st.integers(1, 120))
def test_parts_hold_whole_queries_within_the_limit(queries, sizes, limit):
    parts = whole_queries(queries, sizes[: len(queries)], limit)
    assert sorted(row for rows in parts for row in rows) == list(range(len(queries)))
    for rows in parts:
        inside = {queries[row] for row in rows}
        assert len(rows) == sum(query in inside for query in queries)
        assert sum(sizes[row] for row in rows) <= limit or len(inside) == 1


def test_parts_are_put_together():
    queries = ["b", "a", "b", "a", "c"]
    groups = group_by_query(queries)
    assert [rows.tolist() for rows in groups] == [[0, 2], [1, 3], [4]]
    values = np.arange(5, dtype=np.float32)
    stages, ranking_key = [(2, 1)], (lambda rows, logits: values[rows])
    parts = [
        (
            rows,
            run_cascade(
                [queries[i] for i in rows],
                stages,
                lambda _, local_rows, rows=rows: values[rows[local_rows]],
                ranking_key=restrict_key(ranking_key, rows),
            ),
        )
        for rows in groups
    ]
    merged = merge_scores(parts, 5)
    assert merged.logits.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert merged.stopped.tolist() == [2, 2, 0, 0, 0]
    np.testing.assert_array_equal(merged.exits[2], [0.0, 1.0, 2.0, 3.0, np.nan])

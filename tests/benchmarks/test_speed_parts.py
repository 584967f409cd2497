"""What the benchmarks of speed are made of: texts, turns, FLOP, tables."""

import itertools
import math
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError
from bicross.index import Document, Hit, Passage
from bicross.inference import TextTokenizer
from bicross.rerank import CrossEncoderReranker
from helpers import tiny_models
from parts import other_engines
from parts.flops import Cost, Lengths, Peak
from parts.latency.compared import Documents, batches
from parts.rerank_variants import Variant, load
from parts.rounds import in_turn, percentiles_ms, ratio, slices
from parts.speed_texts import FEWEST_WORDS, MOST_WORDS, Overlap, passages_of, spread, word_counts
from parts.tables.markdown import markdown
from rerank_quality import Candidates, compare, mean_tau
from torch.utils.flop_counter import FlopCounterMode
from vectors import sentences_of


def test_passages_are_whole_sentences_of_the_lengths_that_were_drawn():
    chance = np.random.default_rng(1)
    sentences = [f"Sentence {n} " + "word " * int(chance.integers(3, 25)) + "ends." for n in range(8000)]
    texts = [" ".join(sentences[start : start + 40]) for start in range(0, 8000, 40)]
    passages = list(passages_of(texts))
    all_sentences = set(sentences)
    for passage in passages:
        assert set(sentences_of(passage)) <= all_sentences
    counts = [len(passage.split()) for passage in passages]
    assert np.mean(counts) == pytest.approx(np.mean(word_counts(5000)), rel=0.1)
    assert len(passages) == len(set(passages))


def test_lengths_are_within_bounds_and_always_the_same():
    counts = word_counts(2000)
    assert counts.min() >= FEWEST_WORDS
    assert counts.max() <= MOST_WORDS
    np.testing.assert_array_equal(counts, word_counts(2000))


def test_candidates_share_most_with_the_query():
    chance = np.random.default_rng(2)
    passages = [" ".join(chance.choice(list("abcdefghij"), size=4)) for _ in range(60)]
    sets = [set(passage.split()) for passage in passages]
    held = {word: sum(word in words for words in sets) for word in "abcdefghij"}
    for query in ("a b c", "j", "a z", "z"):
        shared_words = set(query.split()) & set(held)
        weights = [
            sum(math.log(1 + 60 / held[word]) for word in shared_words & words) / len(words) ** 0.25 for words in sets
        ]
        nearest = Overlap(passages).nearest(query, 20)
        assert len(nearest) == len(set(nearest)) == 20
        best = sorted(weights, reverse=True)[:20]
        np.testing.assert_allclose([weights[number] for number in nearest], best)


def test_all_get_every_item_and_only_their_results():
    calls = []

    def call(name, item):
        calls.append((name, item))
        return name, item

    compared = {name: lambda item, name=name: call(name, item) for name in "ab"}
    taken = in_turn(compared, [[1, 2], [3]], note="test", warm_up=False)
    assert taken.results == {name: [(name, item) for item in (1, 2, 3)] for name in "ab"}
    assert {name: len(seconds) for name, seconds in taken.seconds.items()} == {"a": 3, "b": 3}
    assert [item for _, item in calls] == [1, 1, 2, 2, 3, 3]
    in_turn(compared, [[4]], note="test")
    assert len(calls) == 6 + 2 + 2  # the first item once more, untimed


def test_seconds_are_those_of_the_clock():
    now = [5.0]

    def work(item):
        now[0] += item

    taken = in_turn({"a": work, "b": work}, [[1.0, 2.0], [4.0]], note="test", clock=lambda: now[0])
    assert taken.seconds == {"a": [1.0, 2.0, 4.0], "b": [1.0, 2.0, 4.0]}


def test_rounds_have_items_of_their_own():
    assert slices([1, 2, 3, 4, 5], rounds=2, each=2) == [[1, 2], [3, 4]]
    assert slices([1, 2, 3], rounds=2, each=2) == [[1, 2], [3, 1]]
    assert spread(["a", "b", "c", "d"], 2) == ["a", "c"]
    assert spread(["a", "b"], 9) == ["a", "b"]


def test_ratios_are_of_neighbours():
    assert ratio([2.0, 30.0, 8.0], [1.0, 10.0, 2.0]) == 3.0
    assert percentiles_ms([0.001, 0.002, 0.003])["p50_ms"] == pytest.approx(2)


@pytest.mark.slow
@pytest.mark.parametrize("length", [1, 7, 32])
def test_flop_are_those_that_torch_counts(tmp_path, length):
    from transformers import AutoModelForSequenceClassification

    folder = tiny_models.save_cross_encoder(tmp_path / "model", outputs=1)
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=torch.ones((3, length), dtype=torch.long))
    cost = Cost.of_folder(folder, head=True)
    assert cost == Cost.of(model)
    assert cost.flop([length] * 3) == counter.get_total_flops()


@pytest.mark.slow
def test_tokens_are_those_that_the_model_reads(tmp_path):
    folder = tiny_models.save_cross_encoder(tmp_path / "model", outputs=1)
    tokenizer = tiny_models.tokenizer()
    pairs = [("the cat", "a dog runs ."), ("the cat", "owl " * 60), ("who", "at")]
    cut = [len(tokenizer(q, p, truncation="only_second", max_length=32)["input_ids"]) for q, p in pairs]
    lengths = Lengths(folder, 32)
    assert lengths.of_pairs(pairs) == cut
    texts = ["the cat", "owl " * 60]
    assert lengths.of(texts) == [len(tokenizer(t, truncation=True, max_length=32)["input_ids"]) for t in texts]


def test_a_share_is_of_the_peak():
    assert Peak("float32", 100.0, "way").share([50, 100, 200], [1.0, 4.0, 8.0]) == 0.25
    assert Peak("int8", None, "none").share([50], [1.0]) is None


def test_what_cannot_be_loaded_is_said():
    def refuse():
        raise ArgumentError("dtype must be another one")

    def lack():
        raise ImportError("it is not installed")

    loaded, reasons = load([Variant("a", "int8", refuse), Variant("b", "int8", lack), Variant("c", "int8", lambda: 1)])
    assert loaded == {"c": 1}
    assert reasons == {"a": "not available: dtype must be another one", "b": "not measured: it is not installed"}


def test_an_exported_model_scores_pairs_by_length_in_batches(tmp_path):
    folder = tiny_models.save_cross_encoder(tmp_path / "model", outputs=1)
    asked = []

    def run(inputs):
        asked.append(inputs["input_ids"].shape)
        return inputs["attention_mask"].sum(axis=1, keepdims=True)

    pairs = [("the cat", "runs " * n) for n in range(1, 41)]
    scores = other_engines.scoring(folder, run)(pairs)
    np.testing.assert_array_equal(scores, Lengths(folder, 32).of_pairs(pairs))
    assert [rows for rows, _ in asked] == [32, 8]
    assert asked[0][1] > asked[1][1], "the longest pairs come first, so that padding is small"


def test_an_engine_that_is_not_installed_is_named(tmp_path, monkeypatch):
    folder = tiny_models.save_cross_encoder(tmp_path / "model", outputs=1)
    monkeypatch.setattr(other_engines, "find_spec", lambda name: None if name == "openvino" else name)
    monkeypatch.setattr(other_engines, "_export", lambda folder, path: path.touch())
    monkeypatch.setattr(other_engines, "_onnx_runtime", lambda path, threads: lambda inputs: np.zeros(1))
    engines = other_engines.other_engines(str(folder), tmp_path, threads=1)
    assert [engine.name for engine in engines] == [
        "ONNX Runtime float32", "ONNX Runtime int8", "OpenVINO float32", "OpenVINO bfloat16",
    ]  # fmt: skip
    _, reasons = load(engines[2:])
    assert set(reasons.values()) == {"not measured: openvino is not installed"}
    assert "ONNX Runtime float32" in load(engines[:1])[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's exporter warns of its own code
@pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "onnxscript", "onnxruntime", "openvino"))), reason="needs the extra engines"
)
def test_other_engines_give_the_scores_of_sentence_transformers(tmp_path):
    folder = str(tiny_models.save_cross_encoder(tmp_path / "model", outputs=1))
    pairs = [("the cat", "runs " * n) for n in range(1, 41)]
    expected = CrossEncoderReranker(folder, device="cpu").score(pairs)
    scores, reasons = load(other_engines.other_engines(folder, tmp_path, threads=1))
    assert not reasons
    for name, score in scores.items():
        if name.endswith("float32"):
            np.testing.assert_allclose(score(pairs), expected, atol=1e-4, err_msg=name)
        assert np.corrcoef(score(pairs), expected)[0, 1] > 0.95, name


def candidates(queries, per_query):
    hits = {
        f"q{q}": [
            Hit(Document(f"d{n}", f"text {n}"), Passage(f"text {n}", 0, 6), 1 - n / 100) for n in range(per_query)
        ]
        for q in range(queries)
    }
    texts = {query_id: f"query {query_id}" for query_id in hits}
    return Candidates("toy", "key", texts, {query_id: {"d1": 1} for query_id in hits}, hits)


def test_a_reranker_is_judged_by_the_order_of_its_scores():
    to_score = candidates(queries=2, per_query=4)
    right = np.array([0, 9, 1, 2] * 2, np.float32)  # the relevant document, d1, comes first
    wrong = np.array([9, 8, 1, 2] * 2, np.float32)  # and here second: 1 / log2(3)
    reference, other = compare(to_score, right, {"other": wrong}, blend=1.0)
    assert (reference.ndcg_alone, reference.difference_alone, reference.kendall_tau) == (1, 0, pytest.approx(1))
    assert other.ndcg_alone == pytest.approx(1 / math.log2(3))
    assert other.difference_blended == other.difference_alone == pytest.approx(1 / math.log2(3) - 1)
    assert other.largest_score_difference == 9
    assert to_score.ends() == [4, 8]


def test_blending_is_the_pipelines():
    to_score = candidates(queries=1, per_query=3)
    scores = np.array([0, 0, 1], np.float32)
    assert to_score.ndcg(scores, blend=0.0) == pytest.approx(1 / math.log2(3))  # stage one alone has d1 second
    assert to_score.ndcg(scores, blend=1.0) == pytest.approx(
        1 / math.log2(4)
    )  # d2, then d0 and d1 as stage one has them


def test_orders_are_compared_query_by_query():
    def tau(a, b):
        signs = [np.sign(a[i] - a[j]) * np.sign(b[i] - b[j]) for i, j in itertools.combinations(range(len(a)), 2)]
        return np.mean(signs)

    chance = np.random.default_rng(3)
    first, second = chance.permuted(np.tile(np.arange(9.0), (4, 1)), axis=1), np.tile(np.arange(9.0), (4, 1))
    expected = np.mean([tau(a, b) for a, b in zip(first, second, strict=True)])
    assert mean_tau(list(first), list(second)) == pytest.approx(expected)


@pytest.mark.slow
def test_documents_begin_with_the_texts_of_their_vectors():
    texts = [f"text {n} has some words of its own" for n in range(50)]
    documents = Documents(texts, 20)
    assert len(documents) == 20
    for number in range(20):
        row = number * 50 // 20
        assert documents[number].startswith(texts[row])
        assert abs(len(documents[number].split()) - word_counts(20)[number]) <= 4  # half a text of eight words
    vectors = np.arange(40, dtype=np.float32).reshape(20, 2)
    tokenizer = TextTokenizer(tiny_models.tokenizer().backend_tokenizer.to_str())
    [batch] = batches(documents, vectors, tokenizer)
    assert [ids.tolist() for ids in batch.tokens] == [ids.tolist() for ids in tokenizer.encode(list(documents))]
    assert [document.text for document in batch.documents] == [documents[n] for n in range(20)]
    assert [[passage.text for passage in passages] for passages in batch.passages] == [
        [documents[n]] for n in range(20)
    ]
    np.testing.assert_array_equal(batch.vectors, vectors)


def test_tables_are_markdown():
    table = markdown(["", "ms"], [["a", 1234.5], ["b", 0.123], ["c", None], ["d", 12.34], ["e", 1600]])
    assert table.splitlines() == [
        *("|  | ms |", "| --- | --- |", "| a | 1,234 |", "| b | 0.12 |", "| c |  |", "| d | 12.3 |", "| e | 1,600 |")
    ]

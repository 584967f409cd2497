"""The benchmark of all pairs against neighbours: what it draws, counts and compares, and that it runs to its end."""

import itertools
import json
from dataclasses import asdict

import numpy as np
import pytest
from clustering_cost import (
    Judgment,
    agreement,
    bootstrap,
    cost,
    drawn_same,
    drawn_sentences,
    indexed,
    pairs_of,
    read_judgments,
    score_all,
    seconds_a_pair,
    top,
)
from helpers.fakes import HashEncoder
from parts.tables.clustering import Seconds, cost_table, duration

WORDS = [" ".join(words) for words in itertools.permutations(("cat", "dog", "owl", "park", "night"), 3)]


class Overlap:
    """Scores pairs by the words that they share, and counts what it reads."""

    blend = 1.0

    def __init__(self):
        self.pairs = []

    def score(self, pairs):
        self.pairs += pairs
        return np.array([len(set(a.split()) & set(b.split())) for a, b in pairs], np.float32)


def write_pairs(data):
    """Sentence pairs as the collections have them, each with its own name for what people said."""
    for name, field, values in (
        ("stsb", "score", (5.0, 1.0)),
        ("sick", "relatedness", (4.6, 4.4)),
        ("mrpc", "label", (1, 0)),
    ):
        (data / name).mkdir(parents=True)
        for split in ("train", "test"):
            rows = [
                {"sentence1": f"{a} {name} {split}", "sentence2": f"{a} {name} {split} too", field: values[row % 2]}
                for row, a in enumerate(WORDS[:20])
            ]
            (data / name / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return data


def test_judgments_are_those_of_all_files_and_half_of_them_say_the_same(tmp_path):
    judgments = read_judgments(write_pairs(tmp_path))
    assert len(judgments) == 3 * 2 * 20
    assert [judgment.same for judgment in judgments[:4]] == [True, False, True, False]
    assert sum(judgment.same for judgment in judgments) == 60


def test_sentences_are_distinct_and_a_smaller_draw_is_the_beginning_of_a_larger_one(tmp_path):
    judgments = read_judgments(write_pairs(tmp_path))
    sentences = drawn_sentences(judgments, 100)
    assert len(set(sentences)) == 100
    assert drawn_sentences(judgments, 40) == sentences[:40]
    with pytest.raises(SystemExit, match="the data hold 240 distinct sentences, fewer than 241"):
        drawn_sentences(judgments, 241)


def test_no_sentence_is_in_two_of_the_pairs_that_mean_the_same():
    judgments = [
        Judgment("a", "b", same=True),
        Judgment("b", "c", same=True),
        Judgment("c", "d", same=False),
        Judgment("e", "e ", same=True),
        Judgment("f", "g", same=True),
    ]
    sentences, pairs = drawn_same(judgments, 10)
    assert len(sentences) == len(set(sentences)) == 4
    drawn = {(sentences[a], sentences[b]) for a, b in pairs}
    assert ("f", "g") in drawn
    assert len(drawn & {("a", "b"), ("b", "c")}) == 1
    assert len(drawn_same(judgments, 1)[1]) == 1


def test_pairs_are_counted_as_they_are_made():
    pairs, scores = score_all(Overlap(), WORDS[:7])
    assert len(pairs) == len(set(pairs)) == pairs_of(7) == 21
    assert pairs_of(10_000) == 49_995_000
    assert all(scores[row] == len(set(WORDS[a].split()) & set(WORDS[b].split())) for row, (a, b) in enumerate(pairs))


def test_random_pairs_are_of_two_sentences_and_the_first_batch_is_not_counted():
    reranker = Overlap()
    figures = seconds_a_pair(reranker, WORDS, batches=3, size=50)
    assert len(figures) == 3
    assert len(reranker.pairs) == 4 * 50
    assert all(a != b for a, b in reranker.pairs)
    assert all(figure > 0 for figure in figures)


def test_the_interval_holds_the_mean_and_narrows_with_more_of_it():
    values = np.random.default_rng(3).normal(10, 2, 400)
    of_few, of_many = bootstrap(values[:25]), bootstrap(values)
    for interval, sample in ((of_few, values[:25]), (of_many, values)):
        assert interval.mean == pytest.approx(sample.mean())
        spread = 1.96 * sample.std() / len(sample) ** 0.5
        assert (interval.low, interval.high) == pytest.approx(
            (interval.mean - spread, interval.mean + spread), abs=0.15 * spread
        )
    assert of_many.high - of_many.low < (of_few.high - of_few.low) / 3
    assert bootstrap([1.0]) == Seconds(1.0, 1.0, 1.0)
    assert of_few.times(3).low == pytest.approx(3 * of_few.low)


def test_neighbours_are_those_of_brute_force(tmp_path):
    encoder = HashEncoder()
    _, _, near_pairs = indexed(WORDS, encoder, tmp_path / "index", 3)
    vectors = encoder.encode_documents(WORDS)
    products = vectors @ vectors.T
    np.fill_diagonal(products, -np.inf)
    lowest = np.sort(products, axis=1)[:, -3]  # of equally near ones any may be there
    assert len(near_pairs) == len(set(near_pairs)) >= len(WORDS) * 3 / 2
    for a, b in near_pairs:
        assert a < b
        assert products[a, b] >= min(lowest[a], lowest[b]) - 1e-5


def test_a_cost_is_what_was_measured_and_a_multiple_of_a_pair():
    measured = cost(WORDS, HashEncoder(), Seconds(2.0, 1.0, 3.0), k=2, rounds=2)
    assert measured.all_pairs == Seconds(2.0 * pairs_of(60), 1.0 * pairs_of(60), 3.0 * pairs_of(60))
    spent = measured.embed_seconds + measured.neighbours_seconds
    assert measured.two_stages.low == pytest.approx(spent + measured.found)
    assert measured.two_stages.high == pytest.approx(spent + 3 * measured.found)
    assert 60 <= measured.found <= 120
    assert "| 60 | 1,770 | 59.0 min | 29.5 min to 1.5 h |" in cost_table([asdict(measured)])
    assert [duration(seconds) for seconds in (0.5, 59.9, 60, 7200)] == ["0.5 s", "59.9 s", "1.0 min", "2.0 h"]


def test_what_both_find_is_compared_with_what_people_say():
    judgments = [Judgment(f"{a} one", f"{a} one two", same=True) for a in WORDS[::6]]
    agreed = agreement(judgments, HashEncoder(), Overlap(), count=10, k=19)
    assert (agreed["sentences"], agreed["pairs"], agreed["same"]) == (20, 190, 10)
    assert agreed["same_among_neighbours"] == agreed["cross_encoders_best_among_neighbours"] == 10  # k is all others
    exact = agreed["best"]["cross-encoder, all pairs"]
    assert exact["shared_with_all_pairs"] == 10
    assert agreed["best"]["bi-encoder, then cross-encoder"] == exact
    assert top([(0, 1), (0, 2), (1, 2)], [1.0, 3.0, 3.0], 2) == {(0, 2), (1, 2)}


@pytest.mark.slow
def test_the_script_reports_and_draws(small, run_script, tmp_path):
    data = write_pairs(tmp_path / "data")
    models = ["--reranker", small.reranker, "--encoder", small.encoder, "--threads", 1]
    effort = ["--sizes", "10,40", "--batches", 3, "--batch-pairs", 20, "--rounds", 1, "--same", 8, "--neighbours", 3]
    outputs = ["--output", tmp_path / "out.json", "--plot", tmp_path / "plot.svg"]
    process = run_script("clustering_cost.py", data, *models, *effort, *outputs)
    assert process.returncode == 0, process.stderr
    report = json.loads((tmp_path / "out.json").read_text())
    assert [(row["sentences"], row["pairs"]) for row in report["costs"]] == [(10, 45), (40, 780)]
    assert report["checked"]["sentences"] == 10
    assert len(report["batches"]) == 3
    assert report["agreement"]["same"] == 8
    assert "plot" not in report["settings"]
    assert (tmp_path / "plot.svg").read_text().count("<svg") == 1
    assert "bi-encoder, then cross-encoder" in process.stdout

import json

import pytest
from bicross.errors import ArgumentError, TrainingError
from bicross.pipelines.training.pair_tasks import PairData, read_judged_pairs
from bicross.training.pairs import JudgedPair


def written(path, labels, name="label"):
    rows = [{"text1": f"one {n}", "text2": f"two {n}", name: label} for n, label in enumerate(labels)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def targets(pairs):
    return {pair.first: pair.target for pair in (*pairs.training, *pairs.held_out)}


def test_labels_of_similarity_are_scaled(tmp_path):
    path = written(tmp_path / "pairs.jsonl", [0, "2.5", 5.0], "score")
    data = read_judged_pairs(PairData(source=path, range=(0, 5), held_out=0))
    assert targets(data) == {"one 0": 0.0, "one 1": 0.5, "one 2": 1.0}
    assert data.held_out == data.labels == ()


def test_paraphrases_are_yes_or_no(tmp_path):
    path = written(tmp_path / "pairs.jsonl", [1, 0, "1", True, False, "no", "Yes"])
    data = read_judged_pairs(PairData(source=path, task="paraphrase"))
    assert list(dict(sorted(targets(data).items())).values()) == [1, 0, 1, 1, 0, 0, 1]
    assert len(data.held_out) == 1


def test_labels_of_entailment_come_from_the_file_or_number_them(tmp_path):
    path = written(tmp_path / "pairs.jsonl", ["neutral", "entails", "neutral"])
    data = read_judged_pairs(PairData(source=path, task="entailment", held_out=0))
    assert data.labels == ("entails", "neutral")
    assert targets(data) == {"one 0": 1.0, "one 1": 0.0, "one 2": 1.0}
    path = written(tmp_path / "numbers.jsonl", [2, 0, "no"])
    data = read_judged_pairs(PairData(source=path, task="entailment", held_out=0, labels=("yes", "maybe", "no")))
    assert targets(data) == {"one 0": 2.0, "one 1": 0.0, "one 2": 2.0}


def test_the_same_two_texts_are_never_on_both_sides(tmp_path):
    rows = [{"text1": f"{n % 5}", "text2": f"{(n + 1) % 5}", "score": n / 40} for n in range(20)]
    rows += [{"text1": row["text2"], "text2": row["text1"], "score": 0.5} for row in rows]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = read_judged_pairs(PairData(source=path, held_out=0.4))
    sides = [{frozenset((pair.first, pair.second)) for pair in side} for side in (data.training, data.held_out)]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert len(data.training) + len(data.held_out) == 40
    dev = tmp_path / "dev.jsonl"
    dev.write_text(json.dumps({"text1": "1", "text2": "0", "score": 1}) + "\n")
    given = read_judged_pairs(PairData(source=path, dev=dev, limit=3))
    assert given.held_out == (JudgedPair("1", "0", 1.0),)
    assert len(given.training) == 3
    assert not {("0", "1"), ("1", "0")} & {(pair.first, pair.second) for pair in given.training}


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([5], {}, r"pairs.jsonl, line 1: the label 5 is not from 0 to 1: say with range \(--range\) what"),
        (["high"], {}, "the label 'high' is not a number"),
        ([True], {}, "the label True is not a number"),
        ([float("nan")], {}, "the label nan is not from 0 to 1"),
        (["maybe"], {"task": "paraphrase"}, "the label 'maybe' is neither 1 nor 0"),
        (["a", 1], {"task": "entailment"}, r"line 2: the label 1 is not a name: say with labels \(--labels\)"),
        (["-1"], {"task": "entailment"}, "the label '-1' is a number"),
        (["a", "c"], {"task": "entailment", "labels": ("a", "b")}, "line 2: the label 'c' is none of a, b: leave the"),
    ],
)
def test_a_label_that_means_nothing_is_an_error_with_its_line(tmp_path, labels, options, message):
    path = written(tmp_path / "pairs.jsonl", labels)
    with pytest.raises(TrainingError, match=message):
        read_judged_pairs(PairData(source=path, **options))


def test_options_that_do_not_fit_are_refused(tmp_path):
    for options, message in [
        ({"held_out": 1.0}, "held_out is a share"),
        ({"limit": 1}, "limit must be at least 2"),
        ({"range": (5, 0)}, "range must be the lowest and the highest label, as in 0:5, not 5:0"),
        ({"range": (0, 5), "task": "paraphrase"}, "range is for similarity"),
        ({"labels": ("a", "b")}, "labels are for entailment, not for similarity: leave a, b out"),
        ({"second_column": "b"}, "name both, or neither"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            PairData(source=tmp_path / "x.jsonl", **options)
    path = written(tmp_path / "pairs.jsonl", [1, 0])
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(ArgumentError, match=r"empty\.jsonl holds no pairs: is it the right file"):
        read_judged_pairs(PairData(source=tmp_path / "empty.jsonl"))
    with pytest.raises(ArgumentError, match=r"no pair of .* is left to train on: 2 of them are held out"):
        read_judged_pairs(PairData(source=path, dev=path))

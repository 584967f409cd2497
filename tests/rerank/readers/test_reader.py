"""Readers against transformers, their spans, their windows, and what is not a reader."""

import json
import logging
from itertools import pairwise

import numpy as np
import pytest
import torch
from bicross.errors import ArgumentError, ModelCorrupt, ModelError, QueryError
from bicross.inference import require_encoder
from bicross.rerank import CrossEncoderReranker, Platt
from bicross.rerank.readers import ExtractiveReader
from helpers.examples import examples
from helpers.tiny_architectures import LIMIT
from helpers.tiny_models import save_cross_encoder
from helpers.tiny_readers import save_reader
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

TEXT = "The cat sleeps all day on a warm sofa. A dog runs in the park, and an owl hunts at night in the field."
LONG = (
    " ".join(f"{animal} {word} in the field." for word in ("runs", "sleeps", "hunts") for animal in ("Dog", "Owl")) * 9
)
QUESTIONS = ["who sleeps all day?", "where does the dog run, and what hunts at night?"]
PAIRS = [(question, passage) for question in QUESTIONS for passage in (TEXT, LONG, "Élan 東京 ночь")]
QUICK = "bert"
FAMILIES = ("bert", "roberta", "distilbert", "electra", "modernbert", "deberta", "mpnet", "albert", "data2vec")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_reader(tmp_path_factory.mktemp("readers") / "bert")


@pytest.fixture(scope="module")
def reader(folder):
    return ExtractiveReader(folder)


def oracle(folder, question, passage):
    """The best span by transformers alone, for a pair in one window."""
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    model = AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoded = tokenizer(question, passage, return_tensors="pt", return_offsets_mapping=True)
    offsets = encoded.pop("offset_mapping")[0].tolist()
    with torch.inference_mode():
        outputs = model(**encoded)
    begin, end = outputs.start_logits[0].double(), outputs.end_logits[0].double()
    places = [position for position, part in enumerate(encoded.sequence_ids()) if part == 1]
    legal = [(first, last) for first in places for last in places if first <= last < first + 30]
    first, last = max(legal, key=lambda span: float(begin[span[0]] + end[span[1]]))
    score = float(begin[first] + end[last] - begin[0] - end[0])
    return passage[offsets[first][0] : offsets[last][1]].strip(), score


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "bert" else pytest.mark.slow) for name in FAMILIES]
)
def test_spans_and_scores_are_those_of_transformers(name, tmp_path, caplog):
    saved = save_reader(tmp_path / name, name)
    with caplog.at_level(logging.INFO, "bicross"):
        reader = ExtractiveReader(saved)
    assert reader.runs_packed == (name != "data2vec")
    assert ("runs through transformers, several times slower" in caplog.text) == (name == "data2vec")
    pairs = [pair for pair in PAIRS if pair[1] != LONG]
    for (question, passage), [span] in zip(pairs, reader.read(pairs), strict=True):
        text, score = oracle(saved, question, passage)
        assert span.text == text
        assert span.score == pytest.approx(score, abs=2e-4)


def test_a_reader_that_runs_packed_gives_what_the_library_gives(folder, reader, monkeypatch):
    from bicross.rerank.readers import models

    monkeypatch.setattr(models, "packed_reader", lambda *_, **__: None)
    standard = ExtractiveReader(folder, max_length=64, overlap=8)
    monkeypatch.undo()
    assert not standard.runs_packed
    packed = ExtractiveReader(folder, max_length=64, overlap=8)
    for ours, theirs in zip(packed.read(PAIRS, spans=3), standard.read(PAIRS, spans=3), strict=True):
        assert [(span.start, span.end) for span in ours] == [(span.start, span.end) for span in theirs]
        np.testing.assert_allclose([span.score for span in ours], [span.score for span in theirs], atol=1e-4)


def test_long_passages_are_read_to_their_end(folder):
    windowed = ExtractiveReader(folder, max_length=32, overlap=10)
    [[best]] = windowed.read([(QUESTIONS[0], LONG)])
    assert LONG[best.start : best.end] == best.text
    spans = windowed.read([(QUESTIONS[0], LONG)], spans=500)[0]
    assert min(span.start for span in spans) < 60
    assert max(span.end for span in spans) > len(LONG) - 60
    ends = sorted((span.start, span.end) for span in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(ends))


@settings(max_examples=examples(40))
@given(
    question=st.text(min_size=1, max_size=20).filter(lambda text: text.strip()),
    passages=st.lists(st.text(max_size=80), min_size=1, max_size=3),
    spans=st.integers(1, 4),
    longest=st.integers(1, 6),
)
def test_the_text_of_a_span_is_that_of_its_place(reader, question, passages, spans, longest):
    pairs = [(question, passage) for passage in passages]
    try:
        result = reader.read(pairs, spans=spans, max_answer_tokens=longest)
    except QueryError:
        return
    assert len(result) == len(pairs)
    for (_, passage), of_passage in zip(pairs, result, strict=True):
        assert len(of_passage) <= spans
        assert [span.score for span in of_passage] == sorted((span.score for span in of_passage), reverse=True)
        for span in of_passage:
            assert passage[span.start : span.end] == span.text == span.text.strip() != ""
    assert result == [reader.read([pair], spans=spans, max_answer_tokens=longest)[0] for pair in pairs]


def test_a_question_needs_words_and_room(reader):
    with pytest.raises(QueryError, match="a question is blank"):
        reader.read([(" ", TEXT)])
    with pytest.raises(QueryError, match=rf"the question has \d+ tokens, and this reader takes {LIMIT - 11} at most"):
        reader.read([("cat " * LIMIT, TEXT)])
    assert reader.read([]) == []
    assert reader.read([("who?", " ")]) == [[]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spans": 0}, "spans must be"),
        ({"max_answer_tokens": 0}, "max_answer_tokens must be"),
        ({"pairs": [("a",)]}, "pair 0 must be"),
        ({"pairs": "text"}, "pairs must be a list"),
    ],
)
def test_wrong_values_are_named(reader, change, message):
    with pytest.raises(ArgumentError, match=message):
        reader.read(**({"pairs": PAIRS} | change))


def test_a_reader_is_no_reranker_and_no_encoder(folder, tmp_path):
    with pytest.raises(ModelError, match=r"is not a reranker: it is a reader, which finds .* name it with --reader"):
        CrossEncoderReranker(folder)
    with pytest.raises(ModelError, match=r"is not an encoder: it is a reader.* name this one with --reader"):
        require_encoder(folder, folder)
    reranker = save_cross_encoder(tmp_path / "cross", outputs=1)
    with pytest.raises(ModelError, match=r"is not a reader: it is a reranker, .*name this one with --reranker"):
        ExtractiveReader(reranker)
    with pytest.raises(ModelError, match=r"is not a reader: it is an encoder, .*name this one with --encoder"):
        ExtractiveReader("sentence-transformers/all-MiniLM-L6-v2")


def test_a_reader_whose_head_is_missing_is_refused(tmp_path):
    broken = save_reader(tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    del weights["qa_outputs.weight"]
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"the file lacks qa_outputs\.weight"):
        ExtractiveReader(broken)


def test_a_reader_has_two_outputs(tmp_path):
    with pytest.raises(ModelError, match="has 3 outputs for each token; a reader has two"):
        ExtractiveReader(save_reader(tmp_path / "three", outputs=3))


def test_settings_of_a_reader_are_read_and_checked(tmp_path):
    saved = save_reader(tmp_path / "settings")

    def write(**fields):
        (saved / "bicross.json").write_text(json.dumps({"reader": fields}), encoding="utf-8")

    curve = {"method": "platt", "slope": 0.5, "intercept": -1.0}
    write(calibration=curve, no_answer_below=0.25, max_length=64)
    reader = ExtractiveReader(saved)
    assert (reader.calibration, reader.no_answer_below, reader.max_length) == (Platt(0.5, -1.0), 0.25, 64)
    assert ExtractiveReader(saved, max_length=32).max_length == 32
    for fields, message in [
        ({"no_answer_below": 2}, "no_answer_below=2"),
        ({"calibration": curve | {"slope": "x"}}, "a calibration that cannot be used"),
        ({"calibration": 3}, "a calibration that cannot be used"),
        ({"max_length": "long"}, "max_length='long'"),
    ]:
        write(**fields)
        with pytest.raises(ModelCorrupt, match=message):
            ExtractiveReader(saved)

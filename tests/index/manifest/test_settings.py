"""Settings of an index: kept through every change, restored by a rollback, and never anything but bounded JSON."""

import dataclasses
import json
import math

import numpy as np
import pytest
from bicross.errors import ArgumentError, IndexCorrupt, IndexLocked, IndexModelMismatch
from bicross.index import Index, VectorLayout
from bicross.index.manifest import Manifest, checked_settings
from bicross.index.manifest.settings import MAX_BYTES, MAX_DEPTH
from bicross.index.writing import compaction
from helpers.damage import files_of, read_body, seal, write_anew
from helpers.toy_collections import FINGERPRINT, TOKENIZER, batch, record, seen
from hypothesis import given
from hypothesis import strategies as st

SETTINGS = {"rerank_k": 50, "blend": [0.25, 0.75], "cut": None, "deep": {"a": {"b": True}}, "name": "é"}


def nested(depth):
    value = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


@pytest.fixture
def index(tmp_path):
    return Index.create(tmp_path / "i", FINGERPRINT, batches=[batch(record(n) for n in range(6))])


def test_they_are_kept_in_one_commit_that_changes_nothing_else(index):
    assert index.settings == index.info().settings == {}
    before, files = seen(index), files_of(index.path)
    body = read_body(index.path / "MANIFEST")
    index.set_settings(SETTINGS)
    assert index.settings == Index.open(index.path).settings == index.info().settings == SETTINGS
    assert seen(index) == before
    assert sorted(files_of(index.path)) == sorted([*files, "MANIFEST.1"])
    changed = read_body(index.path / "MANIFEST")
    assert changed.pop("reason") == "settings"
    for name in ("generation", "committed", "settings"):
        assert changed.pop(name) != body.pop(name)
    del body["reason"]
    assert changed == body
    assert Index.verify(index.path).problems == ()


def test_every_change_keeps_them_and_a_rollback_restores_its_own(index):
    index.set_settings(SETTINGS)
    tuned = index.generation
    index.add([batch([record(7)])])
    index.upsert([batch([record(1, version=1)])])
    index.delete(["d2"])
    index.compact()
    index.retokenize(TOKENIZER, lambda texts: [np.zeros(1, np.uint16) for _ in texts])
    assert index.settings == Index.open(index.path).settings == SETTINGS
    index.set_settings({"blend": 1})
    assert index.settings == {"blend": 1}
    index.rollback(tuned)
    assert index.settings == SETTINGS
    index.rollback(1)
    assert index.settings == {}
    assert Index.verify(index.path).problems == ()


def test_those_of_a_writer_that_was_open_before_are_not_lost(index):
    other = Index.open(index.path)
    other.set_settings(SETTINGS)
    index.add([batch([record(7)])])
    assert index.settings == SETTINGS
    reader = Index.open(index.path)
    index.set_settings({})
    assert reader.settings == SETTINGS
    assert reader.refresh()
    assert reader.settings == {}


def test_a_new_index_in_the_place_of_another_has_none(index):
    index.set_settings(SETTINGS)
    assert Index.create(index.path, FINGERPRINT, overwrite=True).settings == {}


def test_a_compaction_keeps_those_that_came_while_it_ran(index, monkeypatch):
    merge = compaction.rewrite

    def rewrite(*arguments, **options):
        merged = merge(*arguments, **options)
        Index.open(index.path).set_settings(SETTINGS)
        return merged

    index.delete(["d1"])
    monkeypatch.setattr(compaction, "rewrite", rewrite)
    index.compact()
    assert (index.info().deleted, index.settings) == (0, SETTINGS)


def test_nobody_can_change_them_from_outside(index):
    given_ones = {"list": [1]}
    index.set_settings(given_ones)
    given_ones["list"].append(2)
    index.settings["list"].append(3)
    index.info().settings["list"].append(4)
    assert index.settings == {"list": [1]}


def test_they_wait_for_no_other_writer(index):
    with index.writer(), pytest.raises(IndexLocked):
        Index.open(index.path).set_settings(SETTINGS)
    assert Index.open(index.path).settings == {}


def test_those_for_another_model_are_refused(index):
    Index.create(index.path, dataclasses.replace(FINGERPRINT, pooling="cls"), overwrite=True)
    with pytest.raises(IndexModelMismatch, match="pooling"):
        index.set_settings(SETTINGS)
    assert Index.open(index.path).settings == {}


# What may be kept


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=5))
def test_whatever_is_accepted_comes_back_as_it_was(settings):
    try:
        checked = checked_settings(settings)
    except ArgumentError as error:
        assert "surrogate" in str(error) or "deep" in str(error)
        return
    assert checked == json.loads(json.dumps(settings)) == settings
    manifest = Manifest("u", 1, FINGERPRINT, settings=checked)
    assert Manifest.from_bytes(manifest.to_bytes(), source="x") == manifest


def test_tuples_and_numpy_doubles_are_what_json_makes_of_them():
    assert checked_settings({"a": (1, (2.5,)), "b": np.float64(0.1)}) == {"a": [1, [2.5]], "b": 0.1}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ([1], "must be a JSON object, not list"),
        (None, "must be a JSON object, not NoneType"),
        ({"a": math.nan}, r"settings\['a'\] must be finite.*nan"),
        ({"a": [1, {"b": -math.inf}]}, r"settings\['a'\]\[1\]\['b'\] must be finite"),
        ({"a": 2**53 + 1}, r"settings\['a'\] must be finite, and whole numbers within"),
        ({"a": 10**5000}, "not one of 16610 bits"),
        ({"a": "\ud800"}, r"lone surrogate U\+D800"),
        ({"\udfff": 1}, r"lone surrogate U\+DFFF"),
        ({1: 2}, "has a name that is not a string: 1"),
        ({"a": b"x"}, r"settings\['a'\] is bytes, which JSON does not have"),
        ({"a": np.float32(1)}, r"settings\['a'\] is float32, which JSON does not have"),
        ({"a": {1, 2}}, "is set, which JSON does not have"),
        ({"a": "x" * MAX_BYTES}, "are more than the"),
        ({"a": [0] * MAX_BYTES}, "are more than the"),
        (nested(MAX_DEPTH + 1), "is more than 16 deep"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_nothing_is_written(index, settings, words):
    with pytest.raises(ArgumentError, match=words):
        index.set_settings(settings)
    assert (Index.open(index.path).generation, index.generation) == (1, 1)


def test_as_deep_and_as_large_as_is_allowed(index):
    for settings in (nested(MAX_DEPTH), {"a": "x" * (MAX_BYTES - len('{"a":""}'))}):
        index.set_settings(settings)
        assert Index.open(index.path).settings == settings


HOSTILE = {
    "a list": "[]",
    "nothing": "null",
    "a number": "7",
    "NaN": '{"a":NaN}',
    "infinite": '{"a":1e999}',
    "minus infinity": '{"a":[{"b":-Infinity}]}',
    "a huge number": '{"a":' + "9" * 4000 + "}",
    "more digits than Python reads": '{"a":' + "9" * 5000 + "}",
    "deep": '{"a":' * 17 + "1" + "}" * 17,
    "deep lists": '{"a":' + "[" * 17 + "]" * 17 + "}",
    "very deep": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "large": '{"a":"' + "x" * 70_000 + '"}',
    "many": '{"a":[' + "0," * 70_000 + "0]}",
    "a surrogate": '{"a":"\\ud800"}',
    "a name that is a surrogate": '{"\\udc00":1}',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_sealed_manifest_with_others_is_refused(index, text):
    line = (index.path / "MANIFEST").read_bytes().partition(b"\n")[0]
    assert line.count(b'"settings":{}') == 1
    write_anew(index.path / "MANIFEST", seal(line.replace(b'"settings":{}', b'"settings":' + text.encode())))
    for refused in (Index.open, Index.verify):
        with pytest.raises(IndexCorrupt, match="MANIFEST is not a manifest"):
            refused(index.path)


def test_a_trained_layout_keeps_its_own_settings(tmp_path):
    """Of the vectors, which are another thing."""
    layout = VectorLayout("IVF4,SQ8")
    index = Index.create(tmp_path / "i", FINGERPRINT, layout=layout, batches=[batch(record(n) for n in range(20))])
    before = index.info().vectors
    index.set_settings(SETTINGS)
    assert index.info().vectors == before

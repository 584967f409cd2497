"""Every public function and class of ``bicross.index.staging`` with wrong types: an answer, or an error of bicross."""

import dataclasses

import bicross.index.staging as public
import pytest
from bicross.errors import ArgumentError
from bicross.index import Chunking, Document, VectorLayout
from bicross.index.staging import ChunkSettings, adopt_new, plan, write_chunk
from helpers.toy_chunks import KINDS, SETTINGS, parts
from helpers.toy_collections import FINGERPRINT, TOKENIZER, batch, record
from helpers.wrong_values import WRONG, is_answered

RECORDS = [record(number) for number in range(4)]
NAMES = [chunk.name for chunk in plan(parts(2), SETTINGS)]
FUNCTIONS = {
    "ChunkSettings": {
        "model": FINGERPRINT,
        "chunking": Chunking(5, 1),
        "layout": VectorLayout(),
        "tokenizer_fingerprint": TOKENIZER,
        "analyzer": "",
        "late_interaction_fingerprint": "",
        "dtype": "float32",
        "reading": {},
        "software": "1.0",
    },
    "plan": {"parts": parts(2), "settings": SETTINGS},
    "write_chunk": {"path": "new", "name": NAMES[0], "batches": [], "settings": SETTINGS},
    "adopt_new": {"path": "index", "names": NAMES, "settings": SETTINGS, "stored": None, "overwrite": True},
    "adopt_added": {"path": "index", "names": NAMES[:1], "settings": SETTINGS},
    "sealed": {"path": "index", "names": NAMES},
    "count_staged": {"path": "index"},
    "stage_documents": {"path": "index", "documents": [Document("d", "text")], "part_bytes": 10},
}
NOT_CALLED = {
    "STAGING",
    # Records that bicross makes.
    "Adopted",
    "Chunk",
    "ChunkAccount",
    "SealedChunk",
    # Called with what these have checked: the lock of a driver, and what is deleted.
    "driving_build",
    "remove_abandoned",
    "remove_documents",
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def stage() -> None:
    for number, name in enumerate(NAMES):
        write_chunk("index", name, [batch(RECORDS[2 * number : 2 * number + 2], **KINDS)], SETTINGS)


def test_every_public_name_is_tried():
    assert set(public.__all__) == FUNCTIONS.keys() | NOT_CALLED


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    for argument in FUNCTIONS[name]:
        for make in WRONG.values():
            if name.startswith("adopt"):
                stage()  # what was adopted is gone
            is_answered(getattr(public, name), FUNCTIONS[name] | {argument: make()})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plan(5, SETTINGS), r"parts must be a list of parts of a source, not 5 \(int\)"),
        (lambda: plan([5], SETTINGS), r"parts must have identity and shown, which are texts; not 5 \(int\)"),
        (lambda: plan(parts(1), None), "settings must be a ChunkSettings, not None"),
        (
            lambda: write_chunk("new", NAMES[0], 5, SETTINGS),
            r"batches must be a list or generator of .*, not 5 \(int\)",
        ),
        (lambda: write_chunk(5, NAMES[0], [], SETTINGS), "path must be a path"),
        (lambda: write_chunk("new", NAMES[0], [5], SETTINGS), "each batch must be a EmbeddedBatch, not 5"),
        (lambda: adopt_new("new", "abc", SETTINGS), "names must be a list"),
        (lambda: adopt_new("new", [], SETTINGS, overwrite="yes"), "overwrite must be True or False, not 'yes'"),
        (lambda: dataclasses.replace(SETTINGS, dtype=5), r"dtype must be a str, not 5 \(int\)"),
        (lambda: ChunkSettings(model=FINGERPRINT, reading=[5]), "reading must be"),
        (lambda: ChunkSettings(model=FINGERPRINT, reading={"a": {5}}), "reading"),
    ],
)
def test_the_message_has_the_value_and_the_remedy(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()

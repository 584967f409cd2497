"""Nothing that an index acknowledged is lost: not by a full or failing disk, a kill at any call, or a power cut.

Every change of an index is put through the harnesses of faults.py, power_cuts.py and crash_workers.py.
"""

import json
import os
import random
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest
from bicross.errors import IndexNotFound, IndexStoreError
from bicross.index import Index, VectorLayout, collection
from bicross.index.files import Filesystem
from helpers.crash_workers import batch_of, kill_loop, token_ids, token_vectors
from helpers.examples import thorough
from helpers.fakes import HashEncoder
from helpers.faults import every_fault, scratch_folder
from helpers.power_cuts import RecordingFilesystem, every_power_cut, syncs_not_missed
from helpers.toy_collections import ANALYZER, LATE_INTERACTION, TOKENIZER

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="the harness forks")]

ENCODER = HashEncoder(dimension=16)
KILL_ROUNDS = int(os.environ.get("BICROSS_KILL_ROUNDS", str(200 if thorough() else 15)))

FIRST = {"a": "first text", "b": "second text", "c": "third text"}
EXTRA = {"z": "one more"}
OTHER_TOKENIZER = "f" * 64


@pytest.fixture(autouse=True, scope="module")
def no_automatic_compaction():
    """One generation a change; compaction is a change of its own here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bicross.index.collection.segments_to_merge", lambda manifest: [])
        yield


def texts(**texts: str):
    return [batch_of(texts, ENCODER)]


def with_vectors(**texts: str):
    return [batch_of(texts, ENCODER, has_vectors=True)]


def add_extra(index: Index) -> None:
    index.add([batch_of(EXTRA, ENCODER, has_vectors=bool(index.late_interaction_fingerprint))])


def tokenize(texts):
    """As batch_of does: what is new is the name of the tokenizer, and that every file is written again."""
    return [token_ids(text) for text in texts]


def encode(texts):
    return [token_vectors(text) for text in texts]


def words(texts):
    return [text.split() for text in texts]


# What is done to an index, one after the other: a name, the change, and what the index holds afterwards. Each change
# makes one generation; the first is 1. New settings are a commit without new files, as a rollback is.
STEPS = [
    ("add", lambda index: index.add(texts(d="fourth", e="fifth")), FIRST | {"d": "fourth", "e": "fifth"}),
    (
        "upsert",
        lambda index: index.upsert(texts(b="changed", f="sixth")),
        FIRST | {"b": "changed", "d": "fourth", "e": "fifth", "f": "sixth"},
    ),
    ("delete", lambda index: index.delete(["a", "d"]), {"b": "changed", "c": "third text", "e": "fifth", "f": "sixth"}),
    ("rollback", lambda index: index.rollback(2), FIRST | {"d": "fourth", "e": "fifth"}),
    ("delete again", lambda index: index.delete(["e"]), FIRST | {"d": "fourth"}),
    ("compact", lambda index: index.compact(), FIRST | {"d": "fourth"}),
    ("retokenize", lambda index: index.retokenize(OTHER_TOKENIZER, tokenize), FIRST | {"d": "fourth"}),
    ("precompute", lambda index: index.precompute(LATE_INTERACTION, encode), FIRST | {"d": "fourth"}),
    ("add again", lambda index: index.add(with_vectors(g="seventh")), FIRST | {"d": "fourth", "g": "seventh"}),
    ("drop", lambda index: index.drop_token_vectors(), FIRST | {"d": "fourth", "g": "seventh"}),
]
STATES = [FIRST, *(contents for _, _, contents in STEPS)]
ALIKE = ("delete again", "precompute", "add again", "drop")
"""They make the calls of another step; a thorough run lets faults happen in them, too, and power cuts always do."""
STRUCK = [number for number, (name, _, _) in enumerate(STEPS) if thorough() or name not in ALIKE]

MOST = None if thorough() else 2
"""Of calls that do the same and of changes that a power cut may lose: how many are tried, drawn by a seed."""


LAYOUT = VectorLayout("IVF1,Flat")
"""Exact, and trained all the same: there is a quantiser to be lost."""


def create(path: Path, filesystem: Filesystem | None = None) -> Index:
    """Also where a build was interrupted."""
    [batch] = texts(**FIRST)
    with Index.build(
        path,
        ENCODER.fingerprint,
        layout=LAYOUT,
        tokenizer_fingerprint=TOKENIZER,
        analyzer=ANALYZER,
        resume=True,
        filesystem=filesystem,
    ) as builder:
        held = builder.holds(batch.documents)
        if not all(held):
            assert not any(held)
            builder.add(batch)
        builder.commit(reason="build")
    return Index.open(path)


def index_after(path: Path, steps: int) -> Path:
    create(path)
    for _, change, _ in STEPS[:steps]:
        change(Index.open(path))
    return path


def contents(index: Index) -> dict[str, str]:
    """All documents; each must be found by its own text and its terms, with its token ids and vectors, and no other."""
    held = {document.id: document.text for document in index.documents()}
    for hits, (id_, text) in zip(
        index.search(ENCODER.encode_queries(list(held.values())), len(held) + 5), held.items(), strict=True
    ):
        assert {hit.document.id for hit in hits} == held.keys()
        assert hits[0].document.text == text, f"{id_} is not the first hit for its own text"
        assert all(hit.tokens.tolist() == token_ids(hit.document.text).tolist() for hit in hits)
        if index.late_interaction_fingerprint:
            assert all(hit.token_vectors.tolist() == token_vectors(hit.document.text).tolist() for hit in hits)
        else:
            assert all(hit.token_vectors is None for hit in hits)
    for hits, text in zip(index.search_terms(words(held.values()), 99), held.values(), strict=True):
        assert {hit.document.text for hit in hits} == {t for t in held.values() if {*t.split()} & {*text.split()}}
    return held


def assert_no_orphans(path: Path) -> None:
    """Nothing is in the folder that no retained generation lists."""
    listed: set[str] = set()

    def collect(value: object) -> None:
        if isinstance(value, str):
            listed.add(value.rpartition("/")[2])
        elif isinstance(value, dict):
            for key, inner in value.items():
                collect(key)
                collect(inner)
        elif isinstance(value, list):
            for inner in value:
                collect(inner)

    for manifest in [*path.glob("MANIFEST*"), *path.glob("BUILDING")]:
        collect(json.loads(manifest.read_bytes().partition(b"\n")[0]))
    on_disk = {entry.name for folder in ("segments", "tombstones", "quantisers") for entry in (path / folder).glob("*")}
    assert on_disk <= listed, f"no generation lists {sorted(on_disk - listed)}"
    assert not list(path.rglob("*.tmp"))


# Faults and kills


@contextmanager
def same_names():
    """The random names that an index gives are the same ones each time, so that equal states are seen to be equal."""
    chance = random.Random(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("uuid.uuid4", lambda: uuid.UUID(int=chance.getrandbits(128), version=4))
        yield


def check_create(path, outcome):
    if outcome.error is not None:
        assert isinstance(outcome.error, (OSError, IndexStoreError)), repr(outcome.error)
    try:
        index = Index.open(path)
    except IndexNotFound:
        assert outcome.acknowledged is None
        index = create(path)
    assert contents(index) == FIRST
    add_extra(index)
    assert contents(Index.open(path)) == FIRST | EXTRA
    assert_no_orphans(path)


def test_a_fault_while_an_index_is_created():
    def operation(path, filesystem):
        with same_names():
            create(path, filesystem)
        filesystem.acknowledge("created")

    assert every_fault(operation, check_create, passed=set(), most=None if thorough() else 1) > 60


@pytest.mark.parametrize("step", STRUCK, ids=[STEPS[number][0] for number in STRUCK])
def test_a_fault_while_an_index_is_changed(tmp_path, step):
    name, change, after = STEPS[step]
    before = STATES[step]
    start = index_after(tmp_path / "start", step)
    generation = Index.open(start).generation

    def operation(path, filesystem):
        with same_names():
            change(Index.open(path, filesystem=filesystem))
        filesystem.acknowledge("done")

    def check(path, outcome):
        if outcome.error is not None:
            assert isinstance(outcome.error, (OSError, IndexStoreError)), repr(outcome.error)
        index = Index.open(path)
        made = index.generation > generation
        assert made or not outcome.acknowledged
        assert contents(index) == (after if made else before)
        if made:
            add_extra(index)  # it cannot be tried again; but something else can be done
        else:
            change(index)
        assert contents(index) == contents(Index.open(path)) == (after | EXTRA if made else after)
        assert_no_orphans(path)

    assert every_fault(operation, check, start=start, passed=set(), most=None if thorough() else 1, seed=name) > 30, (
        name
    )


# Power cuts


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Creation and all changes, acknowledged one by one: the number of the state."""
    filesystem = RecordingFilesystem(tmp_path_factory.mktemp("recorded") / "index")
    create(filesystem.path, filesystem)
    filesystem.acknowledge(0)
    for number, (name, change, expected) in enumerate(STEPS, 1):
        index = Index.open(filesystem.path, filesystem=filesystem)
        change(index)
        filesystem.acknowledge(number)
        assert contents(index) == expected, name
        assert index.generation == number + 1, "rollbacks in STEPS and the checks below count on one generation a step"
    return filesystem


def open_after_cut(path: Path, acknowledged: int | None) -> Index | None:
    """The index, whose generation is the one acknowledged or at most the next; None where it may be missing."""
    try:
        index = Index.open(path)
    except IndexNotFound:
        assert acknowledged is None
        return None
    first = acknowledged or 0
    assert index.generation - 1 in ([0] if acknowledged is None else [first, first + 1])
    return index


def check_cut(path, acknowledged):
    """What was acknowledged is there, the index can be written to, and the writer clears up."""
    index = open_after_cut(path, acknowledged)
    if index is None:
        index = create(path)
    before = STATES[index.generation - 1]
    assert contents(index) == before
    add_extra(index)
    assert contents(Index.open(path)) == before | EXTRA
    assert_no_orphans(path)


def check_rollback(path, acknowledged):
    """Each retained generation can be rolled back to; compaction alone retains none before a change.

    What the newest holds is for check_cut to see.
    """
    index = open_after_cut(path, acknowledged)
    if index is None:
        return
    retained = sorted(int(file.suffix[1:]) for file in path.glob("MANIFEST.*") if file.suffix[1:].isdigit())
    newest = index.generation
    if newest > 1 and STEPS[newest - 2][0] != "compact":
        assert newest - 1 in retained
    if not thorough() and len(retained) > 2:  # other states have other files, and draw another one
        retained = [random.Random(f"{newest} {len(list(path.rglob('*')))}").choice(retained[:-1]), retained[-1]]
    for generation in retained:
        index.rollback(generation)
        assert contents(Index.open(path)) == STATES[generation - 1]


def test_a_power_cut_loses_nothing_and_no_fsync_is_for_show(recording):
    """Leave out one kind of fsync, and a power cut does damage. One test, since what passed is not checked again."""
    passed: dict[object, set[object]] = {check_cut: set(), check_rollback: set()}
    for check, states in passed.items():
        assert every_power_cut(recording, check, passed=states, most=MOST) > 250
    older = {kind: check_rollback for kind in recording.syncs() if "MANIFEST.*" in kind}
    assert syncs_not_missed(recording, check_cut, checks=older, passed=passed, most=MOST) == []


# Kills at any moment


def test_a_killed_writer_loses_nothing_and_disturbs_no_reader(monkeypatch):
    """BICROSS_KILL_ROUNDS sets another number of kills."""
    monkeypatch.setattr(collection, "GRACE_SECONDS", collection.GRACE_SECONDS)  # the store sets it, here too
    with scratch_folder() as scratch:
        create(Path(scratch) / "index")
        report = kill_loop("helpers.crash_workers:IndexStore", Path(scratch) / "index", rounds=KILL_ROUNDS)
    assert report.kills == KILL_ROUNDS
    assert report.acknowledged > 0
    assert report.in_flight > 0
    assert report.reads > 0

"""A damaged file is an error that names it, and never another answer; damage to the past hinders nobody now."""

from pathlib import Path

import pytest
from bicross.errors import IndexCorrupt, IndexLocked
from bicross.index import Index, VectorLayout
from helpers.damage import accidents, files_of, read_body, write_anew
from helpers.examples import examples
from helpers.toy_collections import COLUMNS, FINGERPRINT, STORED, record, seen
from helpers.toy_collections import batch as plain_batch

MUTATIONS = examples(200)
LAYOUTS = ["auto", "PQ8x4fs,Refine(SQ8)"]
HARMLESS = ("LOCK", "COMPACTING")


def batch(records):
    return plain_batch(records, **COLUMNS)


def build(path: Path, layout: str, seed: int = 0) -> Path:
    """Two segments with deletions in both; five generations, of which the first two have files of their own."""
    first = [record(n, seed, passages=1 + n % 2) for n in range(16)]
    index = Index.create(path, FINGERPRINT, layout=VectorLayout(layout), batches=[batch(first)], **STORED)
    index.delete(["d1"])
    index.compact()
    index.add([batch(record(n, seed) for n in range(16, 22))])
    index.delete(["d2", "d17"])
    assert (index.generation, index.info().segments) == (5, 2)
    return path


@pytest.fixture(scope="module", params=LAYOUTS)
def victim(request, tmp_path_factory):
    """An index, and another one of the same kind whose files could take the place of its own."""
    folder = tmp_path_factory.mktemp("damage")
    path, twin = build(folder / "victim", request.param), build(folder / "twin", request.param, seed=1)
    assert Index.verify(path).problems == ()
    names = files_of(path)
    assert {name.split("/")[0] for name in names if "/" in name} >= {"segments", "tombstones"}
    assert any(name.startswith("quantisers") for name in names) == (request.param != "auto")
    return path, twin


def replacements(path: Path, twin: Path, name: str) -> list[bytes]:
    """Files that are valid where they come from: of the other segments, and of another index."""
    folder, last = name.split("/")[0], name.split("/")[-1]
    if "." in last and folder == "segments":
        return [file.read_bytes() for index in (path, twin) for file in sorted(index.glob(f"segments/*/{last}"))]
    if folder in ("tombstones", "quantisers"):
        return [file.read_bytes() for index in (path, twin) for file in sorted((index / folder).iterdir())]
    # The generation before the newest in place of the newest is what a writer leaves that died before its commit.
    manifests = [file for index in (path, twin) for file in sorted(index.glob("MANIFEST*"))]
    return [file.read_bytes() for file in manifests if (name, file) != ("MANIFEST", path / "MANIFEST.4")]


def is_named(path: Path, name: str, problem: str) -> bool:
    # Of another index's manifest the files are named that are not here.
    return str(path / name) in problem or (name.startswith("MANIFEST") and "is missing" in problem)


def opened_after_damage(path: Path, name: str) -> object:
    """What a reader sees; None where the damage was found."""
    try:
        return seen(Index.open(path))
    except IndexCorrupt as error:
        assert is_named(path, name, str(error))
        return None


def older_generation(path: Path, name: str) -> int:
    """The last of the older generations that needs a file."""
    suffix = name.removeprefix("MANIFEST.")
    if suffix.isdecimal():
        return int(suffix)
    parts = name.split("/")
    return max(n for n in range(1, 5) if parts[1] in (path / f"MANIFEST.{n}").read_text())


@pytest.mark.slow
def test_every_accident_to_every_file_is_found_and_the_file_is_named(victim):
    """By a reader of the newest generation, or where only older ones need the file, which hinders no reader, by a
    rollback. By a verification always, for which every twentieth accident must do here, since it takes longer."""
    path, twin = victim
    newest = Index.open(path)
    expected, needed = seen(newest), {"MANIFEST", *newest._manifest.named()}
    names = [name for name in files_of(path) if name not in HARMLESS]
    if newest.info().vectors.factory != "Flat":
        names = [name for name in names if not name.endswith(".arrow")]  # as they are in the other index
    for name in names:
        good = (path / name).read_bytes()
        is_needed = any(part in needed for part in name.split("/"))
        generation = None if is_needed else older_generation(path, name)
        kind = name.split("/")[-1 if "." in name else 0]  # without the part of its name that is random
        damaged = list(accidents(good, replacements(path, twin, name), count=MUTATIONS, seed=kind))
        assert len(damaged) == MUTATIONS
        for number, (accident, content) in enumerate(damaged):
            write_anew(path / name, content)
            if generation is None:
                assert opened_after_damage(path, name) is None, (name, accident)
            else:
                with pytest.raises(IndexCorrupt) as refused:
                    newest.rollback(generation)
                assert is_named(path, name, str(refused.value)), (name, accident)
            if number % 20 == 0:
                assert generation is None or opened_after_damage(path, name) == expected
                assert_reported(path, name, accident)
        write_anew(path / name, good)
    assert seen(Index.open(path)) == expected
    assert Index.verify(path).problems == ()


def test_locks_hold_nothing_that_could_be_damaged(tmp_path):
    path = build(tmp_path / "i", "auto")
    expected = seen(Index.open(path))
    for name in HARMLESS:
        for content in (b"", b"{}", b"\xff" * 100, b"[" * 100_000, b"1" * 5000):
            write_anew(path / name, content)
            assert seen(Index.open(path)) == expected
            assert Index.verify(path).problems == ()
    index = Index.open(path)
    with index.writer():
        for content in (b"\xff", b"[" * 100_000, b"1" * 5000, b"[]", b"{}"):
            (path / "LOCK").write_bytes(content)
            with pytest.raises(IndexLocked, match="by another process"):
                Index.open(path).delete(["d3"])


def assert_reported(path: Path, name: str, accident: str) -> None:
    try:
        problems = Index.verify(path).problems
    except IndexCorrupt as error:
        assert name == "MANIFEST"
        problems = (str(error),)
    assert any(is_named(path, name, problem) for problem in problems), (name, accident, problems)


@pytest.mark.parametrize("name", ["segments", "tombstones"])
def test_rolling_back_to_a_generation_with_a_damaged_file_is_refused(tmp_path, name):
    path = build(tmp_path / "i", "auto")
    expected, index = seen(Index.open(path)), Index.open(path)
    older = read_body(path / "MANIFEST.2")["segments"][0]
    file = path / "segments" / older["name"] / "ids.arrow"
    if name == "tombstones":
        file = path / "tombstones" / older["tombstones"]["name"]
    write_anew(file, file.read_bytes()[:-1])
    with pytest.raises(IndexCorrupt, match=file.name):
        index.rollback(2)
    assert seen(Index.open(path)) == expected
    assert Index.open(path).generation == 5


def test_a_manifest_that_is_older_than_others_is_not_taken_for_the_newest(tmp_path):
    path = build(tmp_path / "i", "auto")
    newest = (path / "MANIFEST").read_bytes()
    for number in (1, 3):
        write_anew(path / "MANIFEST", (path / f"MANIFEST.{number}").read_bytes())
        with pytest.raises(
            IndexCorrupt, match=rf"MANIFEST is not the newest: it is generation {number}, and MANIFEST\.4"
        ):
            Index.open(path)
    # A writer that died between the two steps of a commit leaves a second copy.
    write_anew(path / "MANIFEST", newest)
    write_anew(path / "MANIFEST.5", newest)
    assert Index.open(path).generation == 5
    assert Index.verify(path).problems == ()


@pytest.mark.parametrize("manifest", ["MANIFEST", "MANIFEST.2"])
def test_a_damaged_manifest_does_not_make_a_writer_delete_what_it_lists(tmp_path, manifest):
    path = build(tmp_path / "i", "auto")
    index = Index.open(path)
    before, good = set(files_of(path)), (path / manifest).read_bytes()
    write_anew(path / manifest, good[:-1])
    try:
        index.add([batch([record(50)])])
    except IndexCorrupt as error:
        assert manifest == "MANIFEST"
        assert "MANIFEST is damaged" in str(error)
    assert before <= set(files_of(path))
    write_anew(path / manifest, good)
    assert Index.verify(path).problems == ()
    Index.open(path).rollback(2)
    assert "d2" in {document.id for document in Index.open(path).documents()}


def test_names_that_only_look_like_a_generation_are_none(tmp_path):
    path = build(tmp_path / "i", "auto")
    for name in (
        "MANIFEST.007",
        "MANIFEST.٣",
        "MANIFEST.²",
        "MANIFEST.",
        "MANIFEST.-1",
        "MANIFEST.9999x",
        "MANIFEST.old",
    ):
        (path / name).write_bytes(b"nothing")
    assert Index.open(path).info().older_generations == (1, 2, 3, 4)
    assert Index.verify(path).problems == ()

"""Indexes that were written once and checked in can be opened, give what they gave, and can be added to."""

import importlib.util
import json
import shutil
from pathlib import Path

import pytest
from bicross.index import Index
from bicross.index.manifest import FORMAT_VERSION

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())

_spec = importlib.util.spec_from_file_location("make_golden", Path(__file__).parent / "make_golden.py")
make_golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_golden)


@pytest.fixture(params=NAMES)
def golden(request, tmp_path):
    """A copy, since opening may make locks. As git has it: without its empty folders."""
    path = tmp_path / request.param
    for file in (GOLDEN / request.param).rglob("*"):
        if file.is_file():
            target = path / file.relative_to(GOLDEN / request.param)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    return path


def expected_of(path: Path) -> dict:
    return json.loads((GOLDEN / f"{path.name}.json").read_text("utf-8"))


def assert_as_expected(index: Index, expected: dict) -> None:
    observed = make_golden.observed(index)
    assert observed["documents"] == expected["documents"]
    assert len(index) == len(expected["documents"])
    assert observed.get("tokens") == expected.get("tokens")
    assert bool(index.tokenizer_fingerprint) == ("tokens" in expected)
    assert bool(index.analyzer) == ("terms" in expected)
    assert observed.get("token vectors") == expected.get("token vectors")
    assert bool(index.late_interaction_fingerprint) == ("token vectors" in expected)
    assert observed.get("settings") == expected.get("settings")
    searches = [*expected["found"], expected.get("terms", [])]
    for lines, expected_lines in zip([*observed["found"], observed.get("terms", [])], searches, strict=True):
        for line, expected_line in zip(lines, expected_lines, strict=True):
            assert [hit[:3] for hit in line] == [hit[:3] for hit in expected_line]
            assert [hit[3] for hit in line] == pytest.approx([hit[3] for hit in expected_line], abs=1e-5)


def test_there_are_five_of_the_present_format():
    assert {f"{name}-{FORMAT_VERSION}" for name in make_golden.INDEXES} <= set(NAMES)
    files = [file for file in GOLDEN.glob(f"*-{FORMAT_VERSION}/**/*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 400_000
    assert (GOLDEN / ".gitattributes").read_text() == "* -text\n", "git would change line ends, and so checksums"


def test_a_golden_index_gives_what_it_gave(golden):
    index = Index.open(golden, model=make_golden.MODEL)
    expected = expected_of(golden)
    assert index.generation == expected["generation"]
    assert_as_expected(index, expected)
    ids = [document[0] for document in expected["documents"]]
    assert [document.id for document in index.get(ids)] == ids
    assert index.get(["doc-010" if golden.name.startswith("trained") else "doc-007"]) == [None]
    assert Index.verify(golden).problems == ()
    info = index.info()
    assert info.older_generations == tuple(range(1, index.generation))
    assert info.vectors.factory == (make_golden.TRAINED if golden.name.startswith("trained") else "Flat")


def test_a_golden_index_can_be_changed(golden):
    expected = expected_of(golden)
    index = Index.open(golden)
    before = len(index)
    options = {
        "tokens": bool(index.tokenizer_fingerprint),
        "terms": bool(index.analyzer),
        "token_vectors": bool(index.late_interaction_fingerprint),
    }
    assert index.add([make_golden.batch(range(200, 210), **options)]) == 10
    assert index.upsert([make_golden.batch(range(1, 3), version=2, **options)]) == 2
    assert index.delete(["doc-200"]) == 1
    assert len(index) == before + 9
    vector = make_golden.vectors(sum(map(len, make_golden.batch(range(200, 210)).passages)), 200)
    [hits] = index.search(vector[-1:], 1)
    assert hits[0].document == make_golden.document(209)
    assert not index.tokenizer_fingerprint or hits[0].tokens.tolist() == [
        ord(character) for character in hits[0].passage.text
    ]
    expected_vectors = make_golden.vectors_of(hits[0].passage.text)
    assert not index.late_interaction_fingerprint or hits[0].token_vectors.tolist() == expected_vectors.tolist()
    index.compact(grace=0)
    assert index.info().deleted == 0
    assert len(index) == before + 9
    assert Index.verify(golden).problems == ()
    assert not {d.id for d in index.documents()} ^ (
        {d[0] for d in expected["documents"]} | {f"doc-{n}" for n in range(201, 210)}
    )


def test_a_golden_index_can_be_rolled_back_and_forth(golden):
    index = Index.open(golden)
    newest = index.generation
    index.rollback(1)
    assert (
        len(index) == {"exact": 30, "trained": 120, "tokens": 2, "terms": 30, "vectors": 30}[golden.name.split("-")[0]]
    )
    index.rollback(newest)
    assert_as_expected(Index.open(golden), expected_of(golden))


def test_the_script_makes_the_same_content_today(tmp_path):
    make_golden.make(tmp_path)
    for name in (f"{kind}-{FORMAT_VERSION}" for kind in make_golden.INDEXES):
        assert_as_expected(Index.open(tmp_path / name), expected_of(Path(name)))

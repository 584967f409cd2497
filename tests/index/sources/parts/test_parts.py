"""The documents of the parts of a source are those of the source, in order, and a part depends on its bytes alone."""

import json
import pickle
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bicross.errors import DocumentError
from bicross.index import read_documents
from bicross.index.sources import PartReader, joined, part_size, parts_of
from helpers.examples import examples
from helpers.faults import scratch_folder
from hypothesis import given, settings
from hypothesis import strategies as st

ROWS = [{"id": f"d{n}", "title": f"title {n}", "text": "word " * (n % 7 + 1) + "é", "year": n} for n in range(50)]


def jsonl(path: Path, rows=ROWS, end="\n") -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + end for row in rows), "utf-8")
    return path


def parquet(path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=7)
    return path


def arrow(path: Path, **options) -> Path:
    with pa.ipc.new_file(path, pa.Table.from_pylist(ROWS).schema, **options) as file:
        file.write_table(pa.Table.from_pylist(ROWS), max_chunksize=6)
    return path


def stream(path: Path) -> Path:
    with pa.ipc.new_stream(path, pa.Table.from_pylist(ROWS).schema) as file:
        file.write_table(pa.Table.from_pylist(ROWS), max_chunksize=6)
    return path


def array(path: Path) -> Path:
    path.write_text(json.dumps(ROWS, indent=1), "utf-8")
    return path


def csv(path: Path) -> Path:
    path.write_text("id,title,text\n" + "".join(f"{r['id']},{r['title']},{r['text']}\n" for r in ROWS), "utf-8")
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    for row in ROWS[:12]:
        (path / f"{row['id']}.txt").write_text(row["text"], "utf-8")
    jsonl(path / "rows.jsonl", ROWS[12:])
    (path / "picture.png").write_bytes(b"no text")
    return path


def gzipped(path: Path) -> Path:
    import gzip

    path.write_bytes(gzip.compress(jsonl(path.with_suffix(".plain")).read_bytes()))
    return path


SOURCES = {
    "a.jsonl": (jsonl, True),
    "last line without an end.jsonl": (
        lambda path: jsonl(path) and path.write_bytes(path.read_bytes()[:-1]) and path,
        1,
    ),
    "windows.jsonl": (lambda path: jsonl(path, end="\r\n"), True),
    "blank lines.jsonl": (lambda path: jsonl(path, end="\n\n \n"), True),
    "no ids.jsonl": (lambda path: jsonl(path, [{k: r[k] for k in ("title", "text")} for r in ROWS]), True),
    "utf-16.jsonl": (lambda path: path.write_text(jsonl(path).read_text("utf-8"), "utf-16") and path, False),
    "gzip.jsonl": (gzipped, False),
    "an array.jsonl": (array, False),
    "a.json": (array, False),
    "a.csv": (csv, False),
    "a.parquet": (parquet, True),
    "a.arrow": (arrow, True),
    "compressed.arrow": (lambda path: arrow(path, options=pa.ipc.IpcWriteOptions(compression="zstd")), False),
    "stream.arrow": (stream, False),
    "folder": (folder, True),
}


def documents(parts, reader, **options):
    readers = [PartReader(part, reader.options, **options) for part in parts]
    return [document for part in readers for document in part], readers


@pytest.mark.parametrize("name", SOURCES)
def test_the_documents_are_those_of_the_whole(tmp_path, name):
    make, is_divided = SOURCES[name]
    reader = read_documents(make(tmp_path / name))
    whole = list(reader)
    for size in (1, 300, 1000, 10**6):
        parts = pickle.loads(pickle.dumps(parts_of(reader, part_bytes=size)))  # noqa: S301 - its own
        found, readers = documents(parts, reader)
        assert found == whole
        assert (len(parts) > 1) >= (bool(is_divided) and size < 300)
        assert len({part.identity for part in parts}) == len(parts)
        report = joined(part.report for part in readers)
        assert (report.documents, report.found, report.ids_made) == (
            reader.report.documents,
            reader.report.found,
            reader.report.ids_made,
        )
        assert report.left_out == reader.report.left_out
    assert len(parts) == 1 or name == "folder"


@settings(max_examples=examples(60))
@given(st.lists(st.sampled_from(["", "a", "é" * 9, "ab" * 40]), min_size=1, max_size=30), st.integers(1, 400))
def test_lines_of_any_length_are_cut_between_lines(texts, size):
    with scratch_folder() as scratch:
        path = jsonl(Path(scratch) / "a.jsonl", [{"id": f"d{n}", "text": f"x{t}"} for n, t in enumerate(texts)])
        reader = read_documents(path)
        parts = parts_of(reader, part_bytes=size)
        assert documents(parts, reader)[0] == list(reader)
        assert sum(part.bytes for part in parts) == path.stat().st_size
        content = path.read_bytes()
        for part in parts if len(parts) > 1 else ():
            span = part.entries[0].span
            assert content[span.start : span.stop].endswith(b"\n")
            assert content[: span.start].count(b"\n") == span.lines


def test_what_is_appended_changes_the_last_part_alone(tmp_path):
    path = jsonl(tmp_path / "a.jsonl")
    before = [part.identity for part in parts_of(read_documents(path), part_bytes=500)]
    jsonl(path, [*ROWS, *({"id": f"e{n}", "text": "more"} for n in range(90))])
    after = [part.identity for part in parts_of(read_documents(path), part_bytes=500)]
    assert after[: len(before) - 1] == before[:-1]
    assert len(after) > len(before)
    moved = jsonl(tmp_path / "b.jsonl")
    assert not {part.identity for part in parts_of(read_documents(moved), part_bytes=500)} & {*before}


def test_bad_rows_are_named_by_their_line_in_the_file(tmp_path):
    rows = [*ROWS[:30], {"id": "bad"}, *ROWS[30:40], {"id": "d33", "text": "again"}]
    reader = read_documents(jsonl(tmp_path / "a.jsonl", rows), on_error="skip", errors_path=tmp_path / "errors.jsonl")
    parts = parts_of(reader, part_bytes=400)
    found, readers = documents(parts, reader, skip_errors=True)
    bad = [row for part in readers for row in part.bad]
    assert [(row.line, row.reason.partition(":")[0]) for row in bad] == [(31, "no text")]
    assert len(found) == 41  # the id that comes again does so in another part: adopting the chunks finds it
    with pytest.raises(DocumentError, match=r"a\.jsonl, line 31: no text"):
        documents(parts, reader)


def test_rows_without_ids_among_rows_with_ids_are_bad_in_every_part(tmp_path):
    rows = [*({"text": f"no id {n}"} for n in range(20)), *ROWS[:20]]
    reader = read_documents(jsonl(tmp_path / "a.jsonl", rows))
    parts = parts_of(reader, part_bytes=200)
    with pytest.raises(DocumentError, match=r"a\.jsonl, line 21: the row has an 'id', but the first row"):
        documents(parts, reader)


def test_a_damaged_file_is_an_error_of_whoever_reads_it(tmp_path):
    path = parquet(tmp_path / "a.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    reader = read_documents(path)
    [part] = parts_of(reader, part_bytes=1)
    with pytest.raises(Exception, match="damaged"):
        list(PartReader(part, reader.options))


def test_sizes_are_powers_of_two_within_bounds():
    sizes = [part_size(2**power) for power in range(10, 60)]
    assert sizes == sorted(sizes)
    assert all(size & (size - 1) == 0 for size in sizes)
    assert all(2**power <= 1000 * part_size(2**power) for power in range(38))

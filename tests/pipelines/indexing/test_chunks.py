"""An index that is built in chunks is the index that one process builds, and is continued where it was interrupted."""

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bicross.errors import (
    ArgumentError,
    ClusterError,
    DocumentError,
    IndexCorrupt,
    IndexExists,
    IndexLocked,
    IndexModelMismatch,
    SourceError,
)
from bicross.index import Chunking, Document, Index, read_documents
from bicross.index.files import Filesystem
from bicross.index.staging import STAGING, driving_build
from bicross.pipelines import add_documents, build_index
from bicross.pipelines.indexing import ChunkBuilder
from bicross.retrieval import BiEncoder
from helpers.chunk_executors import InThisProcess
from helpers.fakes import HashEncoder

ENCODER = HashEncoder(dimension=16)
ROWS = [
    {"id": f"d{n}", "title": f"title {n}", "text": " ".join(f"word{n * k % 97}" for k in range(1, n % 60 + 2)), "n": n}
    for n in range(60)
]
OPTIONS = {"encoder": ENCODER, "reranker": None, "chunking": Chunking(20, 4)}


def jsonl(path: Path, rows=ROWS) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def files(index: Index) -> list[dict[str, bytes]]:
    index.compact()
    folders = [index.path / "segments" / entry.name for entry in index._manifest.segments]
    return [{file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders]


def built(documents, path: Path, cluster=None, **options) -> Index:
    return build_index(documents, path, cluster=cluster, **OPTIONS | options)


SOURCES = {
    "lines": lambda folder: read_documents(jsonl(folder / "a.jsonl")),
    "row groups": lambda folder: (
        pq.write_table(pa.Table.from_pylist(ROWS), folder / "a.parquet", row_group_size=9),
        read_documents(folder / "a.parquet"),
    )[1],
    "documents": lambda folder: [Document(r["id"], r["text"], r["title"], {"n": r["n"]}) for r in ROWS],
    "a table": lambda folder: pd.DataFrame(ROWS),
    "a generator": lambda folder: (row for row in ROWS),
    "without ids": lambda folder: [row["text"] for row in ROWS],
    "lines without ids": lambda folder: read_documents(
        jsonl(folder / "a.jsonl", [{"text": row["text"]} for row in [*ROWS, *ROWS[10:30]]])
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_index_is_that_of_one_process(tmp_path, name):
    one = built(SOURCES[name](tmp_path), tmp_path / "one")
    executor = InThisProcess()
    many = built(SOURCES[name](tmp_path), tmp_path / "many", executor)
    assert len(executor.written) > 5
    assert [d.id for d in many.documents()] == [d.id for d in one.documents()]
    assert many.settings == one.settings
    assert files(many) == files(one)
    assert Index.verify(many.path).problems == ()
    assert not (many.path / STAGING).exists()


def test_an_interrupted_build_goes_on_where_it_was(tmp_path):
    executor = InThisProcess(stop_after=4)
    with pytest.raises(KeyboardInterrupt):
        built(read_documents(jsonl(tmp_path / "a.jsonl")), tmp_path / "index", executor)
    assert len(list((tmp_path / "index" / STAGING).iterdir())) == 4
    again = InThisProcess()
    index = built(read_documents(tmp_path / "a.jsonl"), tmp_path / "index", again)
    assert len(index) == 60
    assert not {*again.written} & {*executor.written}


def test_documents_that_one_process_has_are_staged_for_the_others_and_deleted(tmp_path):
    executor = InThisProcess(stop_after=2)
    with pytest.raises(KeyboardInterrupt):
        built((row for row in ROWS), tmp_path / "index", executor)
    assert sorted(len(entry.name) for entry in (tmp_path / "index" / STAGING).iterdir()) == [40, 40]
    again = InThisProcess()
    assert len(built((row for row in ROWS), tmp_path / "index", again)) == 60
    assert not {*again.written} & {*executor.written}


def test_documents_are_added_in_chunks(tmp_path):
    one = built(ROWS[:20], tmp_path / "one")
    many = built(ROWS[:20], tmp_path / "many")
    jsonl(tmp_path / "new.jsonl", ROWS[20:])
    assert add_documents(one.path, read_documents(tmp_path / "new.jsonl"), encoder=ENCODER) == 40
    executor = InThisProcess()
    assert add_documents(many.path, read_documents(tmp_path / "new.jsonl"), encoder=ENCODER, cluster=executor) == 40
    one.refresh()
    many.refresh()
    assert files(many) == files(one)
    with pytest.raises(DocumentError, match=r"the id 'd2\d' is in the index and in .*new\.jsonl, lines"):
        add_documents(many.path, read_documents(tmp_path / "new.jsonl"), encoder=ENCODER, cluster=executor)


def test_an_index_can_be_changed_while_chunks_are_written(tmp_path):
    index = built(ROWS[:5], tmp_path / "index")

    class Meanwhile(InThisProcess):
        def run(self, job, chunks, done):
            index.delete(["d1"])
            super().run(job, chunks, done)
            index.compact(grace=0)

    added = add_documents(index.path, ROWS[20:], encoder=ENCODER, cluster=Meanwhile())
    index.refresh()
    assert (added, len(index)) == (40, 44)


def test_bad_rows_stop_the_build_or_are_listed(tmp_path):
    rows = [*ROWS[:40], {"id": "bad", "text": ""}, *ROWS[40:]]
    with pytest.raises(DocumentError, match=r"a\.jsonl, line 41: no text"):
        built(read_documents(jsonl(tmp_path / "a.jsonl", rows)), tmp_path / "index", InThisProcess())
    errors = tmp_path / "errors.jsonl"
    reader = read_documents(tmp_path / "a.jsonl", on_error="skip", errors_path=errors)
    assert len(built(reader, tmp_path / "index", InThisProcess())) == 60
    [listed] = map(json.loads, errors.read_text().splitlines())
    assert (listed["line"], reader.skipped) == (41, 1)
    assert (reader.report.files, reader.report.documents, reader.report.found) == (1, 60, 61)


def test_an_id_in_two_chunks_is_an_error_that_names_both_places(tmp_path):
    reader = read_documents(jsonl(tmp_path / "a.jsonl", [*ROWS, {"id": "d3", "text": "again"}]))
    with pytest.raises(DocumentError, match=r"the id 'd3' is in .*lines 1 to \d+ \(document 4 .*, lines \d\d to 61 \("):
        built(reader, tmp_path / "index", InThisProcess())
    assert not (tmp_path / "index" / "MANIFEST").exists()


def test_what_is_there_is_not_replaced_by_accident(tmp_path):
    index = built(ROWS[:5], tmp_path / "index")
    with pytest.raises(IndexExists):
        built(ROWS, index.path, InThisProcess())
    with pytest.raises(ArgumentError, match="there are no documents to index"):
        built(iter(()), index.path, InThisProcess(), overwrite=True)
    index.refresh()
    assert (len(index), index.generation) == (5, 1)
    assert len(built(ROWS, index.path, InThisProcess(), overwrite=True)) == 60
    assert len(built([], tmp_path / "empty", InThisProcess())) == 0


def test_of_two_builds_at_once_one_says_so(tmp_path):
    with driving_build(tmp_path / "index", Filesystem()), pytest.raises(IndexLocked, match="is being written to by"):
        built(ROWS, tmp_path / "index", InThisProcess())
    assert len(built(ROWS, tmp_path / "index", InThisProcess())) == 60


def test_a_worker_with_another_version_model_format_or_tokenizer_is_refused(tmp_path):
    class Changed(InThisProcess):
        def __init__(self, change):
            super().__init__()
            self.change = change

        def run(self, job, chunks, done):
            super().run(self.change(job), chunks, done)

    def of_settings(**changes):
        return lambda job: dataclasses.replace(job, settings=dataclasses.replace(job.settings, **changes))

    cases = {
        r"are planned by bicross 0\.0\.1, and the worker on .* has": of_settings(software="0.0.1"),
        "vectors in float32, and the worker on .* calculates in bfloat16": lambda job: dataclasses.replace(
            job, dtype="bfloat16"
        ),
        "was built with 'hash-encoder', which is not 'other'": lambda job: dataclasses.replace(
            job, encoder=HashEncoder(dimension=16, name="other")
        ),
        f"the tokenizer of None of fingerprint {'a' * 64}, and on .* it is not there": of_settings(
            tokenizer_fingerprint="a" * 64
        ),
        f"the fast reranker None of fingerprint {'a' * 64}, and on .* it is not there": of_settings(
            late_interaction_fingerprint="a" * 64
        ),
    }
    for message, change in cases.items():
        with pytest.raises(IndexModelMismatch, match=message):
            built(ROWS, tmp_path / "index", Changed(change))


def test_what_a_worker_did_not_leave_where_all_can_see_it_is_an_error(tmp_path):
    class Elsewhere(InThisProcess):
        def run(self, job, chunks, done):
            super().run(dataclasses.replace(job, path=str(tmp_path / "elsewhere")), chunks, done)

    with pytest.raises(ClusterError, match=r"was written, and is not at .*: that must be a folder which all machines"):
        built(read_documents(jsonl(tmp_path / "a.jsonl")), tmp_path / "index", Elsewhere())


def test_a_corrupt_staged_chunk_is_an_error_and_the_old_index_stays(tmp_path):
    index = built(ROWS[:5], tmp_path / "index")

    class Corrupting(InThisProcess):
        def run(self, job, chunks, done):
            super().run(job, chunks, done)
            file = Path(job.path) / STAGING / chunks[1].name / "vectors.faiss"
            file.write_bytes(file.read_bytes()[:-1] + b"x")

    with pytest.raises(IndexCorrupt, match=r"the staged chunk .* is damaged: .*vectors.faiss"):
        built(ROWS, index.path, Corrupting(), overwrite=True)
    assert len(Index.open(index.path)) == 5


def test_a_model_in_memory_and_what_is_no_executor_are_refused(tmp_path):
    for wrong in (3, "ray", InThisProcess):
        with pytest.raises(ArgumentError, match="cluster must say who writes chunks, such as ClusterOptions"):
            built(ROWS, tmp_path / "index", wrong)
    loaded = object.__new__(BiEncoder)
    loaded._fingerprint = ENCODER.fingerprint
    with pytest.raises(ArgumentError, match="name it, as in encoder='hash-encoder'"):
        built(ROWS, tmp_path / "index", InThisProcess(), encoder=loaded)
    assert not (tmp_path / "index").exists()
    with pytest.raises(SourceError):
        built(read_documents(tmp_path / "none.jsonl"), tmp_path / "index", InThisProcess())


def test_a_builder_writes_what_is_sealed_no_second_time(tmp_path):
    class Twice(InThisProcess):
        def run(self, job, chunks, done):
            super().run(job, chunks, done)
            encoder = HashEncoder(dimension=16)
            again = ChunkBuilder(dataclasses.replace(job, encoder=encoder))
            assert [again.build(chunk).name for chunk in chunks] == [chunk.name for chunk in chunks]
            assert encoder.encoded == []

    assert len(built(ROWS, tmp_path / "index", Twice())) == 60

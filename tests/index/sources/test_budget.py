import gzip
import json
import struct
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bicross.errors import ArgumentError, SourceError
from bicross.index import Document, read_documents
from bicross.index.files import decoded_sizes
from bicross.index.sources.tables.parquet_pages import measure_row_group
from hypothesis import given, settings
from hypothesis import strategies as st

MIB = 2**20


def gzip_of(piece, times):
    """Gzip files one after another are a gzip file, so that the same piece is compressed only once."""
    return gzip.compress(piece) * times


def repeated(value, times, kind=pa.int32):
    return pa.DictionaryArray.from_arrays(pa.array([0], kind()).take(pa.array([0] * times, kind())), [value])


def table(text):
    return pa.table({"id": pa.array(range(len(text))), "text": text})


def one_row(values):
    """A table of one row, whose column ``all`` is a list of the values."""
    return pa.table({"id": ["1"], "text": ["t"], "all": pa.LargeListArray.from_arrays([0, len(values)], values)})


def write_ipc(name, content, codec=None):
    new = pa.ipc.new_stream if name.endswith(".ipc") else pa.ipc.new_file
    options = pa.ipc.IpcWriteOptions(compression=codec)
    with pa.OSFile(name, "wb") as file, new(file, content.schema, options=options) as writer:
        writer.write_table(content)


def write_parquet(name, content, **options):
    options = {"compression": "zstd", "store_schema": False, "write_statistics": False} | options
    pq.write_table(content, name, **options)


def make_bombs():
    """Writes small files that decode to hundreds of megabytes or more. Returns what is said about each of them."""
    large = pa.array(["x" * 150 * MIB], pa.large_string())
    line = json.dumps({"id": "1", "text": "x" * MIB}).encode() + b"\n"
    member = gzip_of((b"y" * 999 + b"\n") * 10_000, 1)
    Path("skip-lines.jsonl.gz").write_bytes(gzip_of(line, 1000))
    Path("line.jsonl.gz").write_bytes(gzip_of(b"x" * 4 * MIB, 250))
    Path("record.csv.gz").write_bytes(gzip.compress(b'id,text\n1,"') + (member + gzip.compress(b'","')) * 10)
    Path("values.jsonl.gz").write_bytes(gzip.compress(b'{"a":[' + b"[]," * (20 * MIB) + b"0]}", 1))
    write_parquet("rows.parquet", table(repeated("x" * MIB, 3000)))
    write_parquet("value.parquet", table(large), use_dictionary=False)
    write_parquet("list.parquet", one_row(repeated("x" * 1000, 2_000_000)))
    write_parquet("numbers.parquet", one_row(pa.array([0]).take(pa.array(np.zeros(20_000_000, np.int32)))))
    write_ipc("value.arrow", table(large), "zstd")
    write_ipc("value.ipc", table(large), "lz4")
    write_ipc("dictionary.arrow", table(pa.DictionaryArray.from_arrays(pa.array([0, 0]), large)), "zstd")
    write_ipc("list.arrow", one_row(repeated("x" * 100_000, 100_000, pa.int8)), "zstd")
    write_ipc("nulls.arrow", one_row(pa.nulls(50_000_000)))
    total, row = "decodes to more than 268,435,456 bytes, of which 268,4", "the row decodes to more than 67108864 bytes"
    characters = "the row is longer than 67108864 characters, or has too many values"
    return {
        "skip-lines.jsonl.gz": total,
        "line.jsonl.gz": total,
        "record.csv.gz": characters,
        "values.jsonl.gz": characters,
        "rows.parquet": total,
        "value.parquet": "has a part that decodes to 157,286,4",
        "list.parquet": row,
        "numbers.parquet": "has a part that decodes to 160,000,0",
        "value.arrow": "has a part that decodes to 157,28",
        "value.ipc": "has a part that decodes to 157,28",
        "dictionary.arrow": "has a part that decodes to 157,28",
        "list.arrow": row,
        "nulls.arrow": row,
    }


# Tells for each file what was raised, and by how many MiB the peak of the memory in use has grown so far.
READ = r"""
import json, re, sys
from pathlib import Path
from bicross.index import read_documents

def peak():
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) // 1024

start = peak()
for name in sys.argv[1:]:
    try:
        for _ in read_documents(name, on_error="skip" if name.startswith("skip") else "raise"):
            pass
        error = None
    except Exception as caught:
        error = f"{type(caught).__name__}: {caught}"
    print(json.dumps([name, error, peak() - start]), flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process's memory is read from /proc")
def test_bombs_are_refused_before_they_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = make_bombs()
    done = subprocess.run([sys.executable, "-c", READ, *expected], capture_output=True, text=True, check=True)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [name for name, *_ in results] == list(expected)
    for name, error, grown in results:
        size = Path(name).stat().st_size
        assert size < 1.1 * MIB, name
        assert error is not None, name
        assert expected[name] in error, name
        assert grown < 400, name
        if "the row" not in error:  # which is a bad row, and no end to the others
            assert error.startswith(f"SourceError: {name} is {size:,} bytes, but ")
            assert error.endswith("raise max_bytes (on the command line --max-bytes)")


# What is no bomb


def collection(rows, text):
    return pa.table({"id": [str(i) for i in range(rows)], "text": [f"{i} {text}" for i in range(rows)]})


def write_as(name, content):
    """Write a table as what the name says."""
    if name.endswith(".parquet"):
        write_parquet(name, content)
    elif name.endswith((".arrow", ".ipc")):
        write_ipc(name, content, "zstd")
    else:
        is_json = "json" in name.lower()
        rows = zip(*content.to_pydict().values(), strict=True)
        form = '{{"id": "{}", "text": "{}"}}\n' if is_json else "{},{}\n" if "csv" in name else "{}\t{}\n"
        head = "" if is_json else form.format("id", "text")
        encoded = (head + "".join(form.format(*row) for row in rows)).encode()
        Path(name).write_bytes(gzip.compress(encoded, 1) if name.endswith(".gz") else encoded)


NAMES = ["a.jsonl", "a.JSONL.gz", "a.ndjson.gz", "a.csv.gz", "a.tsv.gz", "a.v2.csv.gz", "a.parquet", "a.arrow", "a.ipc"]


@pytest.mark.parametrize("name", NAMES)
def test_large_honest_rows_are_read(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_as(name, collection(3, "word " * (2 * MIB)))
    assert [(d.id, len(d.text)) for d in read_documents(name)] == [(str(i), 10 * MIB + 2) for i in range(3)]


@pytest.mark.parametrize("name", NAMES)
def test_the_budget_can_be_set(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_as(name, collection(1000, "word " * 200))
    with pytest.raises(
        SourceError, match=rf"^{name} is [\d,]+ bytes, but .* more than (the )?50,000 .* --max-bytes\)$"
    ):
        list(read_documents(name, max_bytes=50_000))
    for enough in (2_000_000, None, "auto"):
        assert len(list(read_documents(name, max_bytes=enough))) == 1000


def test_the_budget_of_a_folder_is_for_all_of_its_files(tmp_path):
    for number in range(3):
        Path(tmp_path, f"{number}.txt").write_text("word " * 20)
    assert len(list(read_documents(tmp_path, max_bytes=300))) == 3
    with pytest.raises(SourceError, match="is 300 bytes, but decodes to more than 299 bytes, of which 300 are decoded"):
        list(read_documents(tmp_path, max_bytes=299))


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "all", [1]])
def test_budgets_that_are_none(value):
    with pytest.raises(ArgumentError, match="max_bytes must be a positive integer, 'auto' or None, not "):
        read_documents("missing.jsonl", max_bytes=value)


def test_every_reading_has_the_whole_budget(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "text": "t"}\n')
    reader = read_documents(path, max_bytes=30)
    assert list(reader) == list(reader)


# gzip


def test_a_beir_folder_with_a_compressed_corpus(tmp_path):
    content = gzip.compress(b'{"_id": "a", "text": "t"}\n')
    (tmp_path / "corpus.jsonl.gz").write_bytes(content)
    assert list(read_documents(tmp_path)) == [Document("a", "t")]


def test_a_name_in_gz_is_no_promise(tmp_path):
    """Browsers unpack what they download, and keep the name."""
    (tmp_path / "a.csv.gz").write_text("id,text\n1,t\n")
    (tmp_path / "a.csv").write_bytes(gzip.compress(b"id,text\n1,t\n"))
    for name in ("a.csv.gz", "a.csv"):
        assert list(read_documents(tmp_path / name)) == [Document("1", "t")]


@pytest.mark.parametrize("damage", [lambda b: b[:-4], lambda b: b[:40] + b[50:], lambda b: b[:-8] + bytes(8)])
def test_damaged_gzip_files(damage, tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(damage(gzip.compress(b"".join(b'{"id": %d, "text": "t"}\n' % i for i in range(1000)))))
    with pytest.raises(SourceError, match=r"a\.jsonl\.gz is damaged: .*; write or copy it again"):
        list(read_documents(path))


# Parquet and Arrow measures


@pytest.mark.parametrize(
    "options", [{}, {"data_page_version": "2.0"}, {"compression": "none"}, {"write_statistics": True}]
)
@pytest.mark.parametrize("encoding", [None, "PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])
def test_pages_of_parquet_are_measured(options, encoding, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = pa.table({"id": [f"{i:05}" for i in range(3000)], "list": [["abcd"] * 3] * 3000, "none": pa.nulls(3000)})
    chosen = {"column_encoding": {"id": encoding}} if encoding else {}
    write_parquet("a.parquet", content, use_dictionary=["list.list.element"], data_page_size=2**13, **chosen, **options)
    with pq.ParquetFile("a.parquet") as file:
        size = measure_row_group(Path("a.parquet").read_bytes(), file, 0)
    lists = size.of(0)
    assert 9000 * 8 < lists < 9000 * 8 + 20_000
    assert 700 < size.of(1) - lists < 60_000
    assert size.of(1) <= size.of(2) <= size.of(256) < 256 * size.of(1)
    assert len(list(read_documents("a.parquet", text_column="id"))) == 3000


@pytest.mark.parametrize(
    ("options", "times_larger"),
    [
        ({"use_dictionary": False, "data_page_size": 2**30, "write_batch_size": 1000}, 1),
        ({"use_dictionary": False, "data_page_size": 1, "write_batch_size": 1}, 100),
        ({"dictionary_pagesize_limit": 2**30}, 100),
        ({"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}}, 100),
    ],
)
def test_rows_that_may_be_as_large_as_a_page_are_told_from_those_that_share_it(options, times_larger, tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(path, pa.table({"text": [str(i) * 1000 for i in range(10)] * 100}), **options)
    with pq.ParquetFile(path) as file:
        size = measure_row_group(path.read_bytes(), file, 0)
    assert size.of(100) >= 100_000
    assert 0.9 * times_larger < size.of(100) / size.of(1) <= times_larger


TABLE = collection(50, "word").append_column("list", pa.array([["a", "b"]] * 50))


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow", "a.ipc"])
@settings(deadline=None)
@given(st.integers(0, 10**6), st.binary(min_size=1, max_size=8))
def test_damage_is_refused_or_read(name, position, noise):
    """In the bytes that are measured here; how Arrow takes them is not tried, for it may take the process with it."""
    with TemporaryDirectory() as folder:
        path = f"{folder}/{name}"
        write_as(path, TABLE)
        content = Path(path).read_bytes()
        position %= len(content)
        damaged = content[:position] + noise + content[position + len(noise) :]
        try:
            if name == "a.parquet":
                with pq.ParquetFile(path) as file:
                    measure_row_group(damaged, file, 0)
            else:
                Path(path).write_bytes(damaged)
                with pa.memory_map(path) as file:
                    list(decoded_sizes(file))
        except (ValueError, IndexError, OSError, struct.error, pa.ArrowException):
            pass

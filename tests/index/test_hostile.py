"""Whoever made an index, and whatever is in it, opening and searching it is at worst an error: sizes and checksums fit.

What is left then are the checks of structure: no crash, no hang, no more memory than the files take.
"""

import json
import shutil
import signal
import struct
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from bicross.errors import ArgumentError, BicrossError, IndexCorrupt
from bicross.index import Index, VectorLayout
from helpers.damage import attacks, files_of, hostile_bodies, put_and_seal, read_body, seal, sealed, write_anew
from helpers.examples import examples
from helpers.forks import forked
from helpers.toy_collections import COLUMNS, FINGERPRINT, STORED, TERM_QUERIES, batch, record, seen, unit_vectors

MUTATIONS = examples(200)
LAYOUTS = ["auto", "IVF4,SQ8", "PQ8x4fs,Refine(SQ8)"]
QUERIES = unit_vectors(3, seed=5)


linux_only = pytest.mark.skipif(sys.platform != "linux", reason="limits the address space as Linux does")
MEMORY = 512 << 20


class Hang(Exception):
    pass


def on_alarm(*_: object) -> None:
    raise Hang


def use(path: Path) -> str:
    """Everything that a reader does, and what ``bicross verify`` does."""
    outcome = "opened"
    try:
        index = Index.open(path)
        try:
            for hit in index.search(QUERIES, 5)[0]:
                assert hit.tokens is None or hit.tokens.sum() >= 0  # reads every one of them
                assert hit.token_vectors is None or abs(hit.token_vectors).sum() >= 0
            index.search_both(unit_vectors(len(TERM_QUERIES), seed=6), TERM_QUERIES, 5)
            list(index.documents())
            index.get(["d3", "nowhere"])
            index.info()
            index.search(QUERIES, 5, where="even and number < 8")
        except ArgumentError:
            outcome = "no filter"
    except BicrossError as error:
        outcome = type(error).__name__
    with suppress(BicrossError):
        Index.verify(path)
    return outcome


def attack(path: Path, cases) -> Counter:
    """Use an index in each of its ``cases``, in a process with little memory that is watched for hangs."""

    def task(send):
        import resource  # not on every system

        signal.signal(signal.SIGALRM, on_alarm)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY,) * 2)
        outcomes: Counter = Counter()
        for label, prepare in cases():
            prepare()
            send(("case", label))
            signal.alarm(20)
            outcomes[use(path)] += 1
            signal.alarm(0)
        send(("done", outcomes))

    last = "the beginning"
    with forked(task) as child:
        while (message := child.receive(60)) is not None:
            kind, content = message
            assert kind != "error", f"{last}: {content}"
            if kind == "done":
                return content
            last = content
    raise AssertionError(f"{last}: the process died, exit code {child.exit_code}")


@pytest.fixture(scope="module", params=LAYOUTS)
def target(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("hostile") / "index"
    records = [record(n, passages=2) for n in range(10)]
    layout, batches = VectorLayout(request.param), [batch(records, **COLUMNS)]
    index = Index.create(path, FINGERPRINT, layout=layout, batches=batches, **STORED)
    index.delete(["d1", "d5"])
    (path / "MANIFEST.1").unlink()
    return path


@pytest.fixture
def copied(target, tmp_path):
    return Path(shutil.copytree(target, tmp_path / "copy"))


def files_to_attack(path: Path) -> list[str]:
    """Of a trained index those that are not as in an exact one."""
    names = [name for name in files_of(path) if "/" in name]
    return [
        name for name in names if "faiss" in name or "quantisers" in name or not any((path / "quantisers").iterdir())
    ]


def kind_of(name: str) -> str:
    """Without the parts of a name that are random."""
    return name.split("/")[-1 if "." in name else 0]


@pytest.mark.slow
@linux_only
def test_no_sealed_file_crashes_hangs_or_fills_the_memory(copied):
    manifest = (copied / "MANIFEST").read_bytes()
    for name in files_to_attack(copied):
        good = (copied / name).read_bytes()

        def cases(name=name, good=good):
            for label, content in attacks(good, count=MUTATIONS, seed=kind_of(name)):
                yield label, lambda content=content: put_and_seal(copied, name, content)

        outcomes = attack(copied, cases)
        assert outcomes.total() == MUTATIONS
        assert outcomes["IndexCorrupt"] > MUTATIONS // 20, (name, outcomes)
        write_anew(copied / name, good)
        write_anew(copied / "MANIFEST", manifest)


@pytest.mark.slow
@linux_only
@pytest.mark.parametrize("target", ["IVF4,SQ8"], indirect=True)
def test_no_sealed_manifest_crashes_hangs_or_leads_out_of_the_index(copied):
    manifest = copied / "MANIFEST"
    good, body = manifest.read_bytes(), read_body(manifest)

    def cases():
        for label, content in hostile_bodies(body, count=3 * MUTATIONS, seed="fields"):
            yield label, lambda content=content: write_anew(manifest, content)
        for label, line in attacks(good.partition(b"\n")[0], count=MUTATIONS, seed="line"):
            yield label, lambda line=line: write_anew(manifest, seal(line))

    outcomes = attack(copied, cases)
    assert outcomes.total() == 4 * MUTATIONS
    assert outcomes["IndexCorrupt"] > 2 * MUTATIONS
    assert outcomes["opened"] > 0


def segment_file(path: Path, name: str) -> str:
    [segment] = (path / "segments").iterdir()
    return f"segments/{segment.name}/{name}"


def read_arrow(file: Path) -> pa.Table:
    return pa.ipc.open_file(file).read_all()


def arrow_bytes(table: pa.Table, *, batches: int = 1, compression: str | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        for _ in range(batches):
            writer.write_table(table)
    return sink.getvalue().to_pybytes()


def replaced(table: pa.Table, column: str, values) -> pa.Table:
    number = table.schema.get_field_index(column)
    field = table.schema.field(number)
    return table.set_column(number, field, pa.array(values, field.type))


def changed_at(table: pa.Table, column: str, row: int, value) -> pa.Table:
    values = table.column(column).to_pylist()
    values[row] = value
    return replaced(table, column, values)


def bomb(table: pa.Table) -> bytes:
    """A small file that decodes to a thousand times its size."""
    zeros = pa.array(np.zeros(1 << 22, np.int64))
    return arrow_bytes(pa.Table.from_arrays([zeros] * 3, schema=table.schema), compression="zstd")


HOSTILE_ARROW = {
    "documents compressed": ("documents.arrow", lambda t: arrow_bytes(t, compression="zstd"), "compressed columns"),
    "metadata compressed": ("metadata.arrow", lambda t: arrow_bytes(t, compression="lz4"), "compressed columns"),
    "documents without a column": ("documents.arrow", lambda t: arrow_bytes(t.drop_columns("title")), "the columns"),
    "documents with one more": ("documents.arrow", lambda t: arrow_bytes(t.append_column("x", t["id"])), "the columns"),
    "documents of another type": ("documents.arrow", lambda t: arrow_bytes(t.cast(_utf8(t))), "the columns"),
    "documents twice": ("documents.arrow", lambda t: arrow_bytes(t, batches=2), "holds 36 documents"),
    "documents missing": ("documents.arrow", lambda t: arrow_bytes(t.slice(1)), "holds 17 documents"),
    "no id": ("documents.arrow", lambda t: arrow_bytes(changed_at(t, "id", 3, None)), "no readable document in row 3"),
    "empty id": ("documents.arrow", lambda t: arrow_bytes(changed_at(t, "id", 3, "")), "no readable document in row 3"),
    "no metadata": ("documents.arrow", lambda t: arrow_bytes(changed_at(t, "metadata", 3, None)), "in row 3"),
    "metadata a list": ("documents.arrow", lambda t: arrow_bytes(changed_at(t, "metadata", 3, "[1]")), "in row 3"),
    "metadata null": ("documents.arrow", lambda t: arrow_bytes(changed_at(t, "metadata", 3, "null")), "in row 3"),
    "metadata deep": (
        "documents.arrow",
        lambda t: arrow_bytes(changed_at(t, "metadata", 3, '{"a":' * 100_000 + "1" + "}" * 100_000)),
        "in row 3",
    ),
    "metadata of many digits": (
        "documents.arrow",
        lambda t: arrow_bytes(changed_at(t, "metadata", 3, '{"a":' + "9" * 100_000 + "}")),
        "in row 3",
    ),
    "metadata no JSON": ("documents.arrow", lambda t: arrow_bytes(changed_at(t, "metadata", 3, "{")), "in row 3"),
    "another text": ("documents.arrow", lambda t: arrow_bytes(changed_at(t, "text", 3, "xx")), "not the one that was"),
    "another id": ("documents.arrow", lambda t: arrow_bytes(changed_at(t, "id", 3, "d4")), "table of ids"),
    "ids out of order": ("ids.arrow", lambda t: arrow_bytes(t.take(list(range(17, -1, -1)))), "is not sorted"),
    "a row twice": ("ids.arrow", lambda t: arrow_bytes(changed_at(t, "row", 0, t["row"][1].as_py())), "every row once"),
    "a row beyond": ("ids.arrow", lambda t: arrow_bytes(changed_at(t, "row", 0, 2**62)), "every row once"),
    "a row before": ("ids.arrow", lambda t: arrow_bytes(changed_at(t, "row", 0, -1)), "every row once"),
    "ids with nulls": ("ids.arrow", lambda t: arrow_bytes(changed_at(t, "high", 0, None)), "1 missing values"),
    "passages with nulls": ("passages.arrow", lambda t: arrow_bytes(changed_at(t, "end", 0, None)), "1 missing values"),
    "a passage beyond": (
        "passages.arrow",
        lambda t: arrow_bytes(changed_at(t, "end", 0, 2**62)),
        "outside of its text",
    ),
    "a passage before": ("passages.arrow", lambda t: arrow_bytes(changed_at(t, "start", 0, -1)), "before it begins"),
    "a passage backwards": ("passages.arrow", lambda t: arrow_bytes(changed_at(t, "start", 0, 9)), "before it begins"),
    "of no document": (
        "passages.arrow",
        lambda t: arrow_bytes(changed_at(t, "document", 35, 99)),
        "does not hold passages",
    ),
    "of a document before": (
        "passages.arrow",
        lambda t: arrow_bytes(changed_at(t, "document", 0, -1)),
        "does not hold",
    ),
    "passages compressed": ("passages.arrow", bomb, "compressed columns"),
    "a column of another type": (
        "metadata.arrow",
        lambda t: arrow_bytes(_odd(t, pa.array([{"a": 1}] * 18))),
        "does not write",
    ),
    "a dictionary": (
        "metadata.arrow",
        lambda t: arrow_bytes(_odd(t, pa.array(["a"] * 18).dictionary_encode())),
        "does not",
    ),
    "one name twice": ("metadata.arrow", lambda t: arrow_bytes(t.append_column("even", t["even"])), "does not write"),
    "no record": ("metadata.arrow", lambda t: arrow_bytes(t.replace_schema_metadata({})), "does not write"),
    "a broken record": ("metadata.arrow", lambda t: arrow_bytes(_recorded(t, b"{")), "does not write"),
    "an odd record": ("metadata.arrow", lambda t: arrow_bytes(_recorded(t, b'{"a":[1]}')), "does not write"),
    "a record that is not an object": ("metadata.arrow", lambda t: arrow_bytes(_recorded(t, b"[]")), "does not write"),
    "other values": (
        "metadata.arrow",
        lambda t: arrow_bytes(changed_at(t, "number", 0, 77)),
        "not those of its documents",
    ),
    "metadata of fewer": ("metadata.arrow", lambda t: arrow_bytes(t.slice(1)), "17 rows in 1 batches"),
    "metadata of more batches": ("metadata.arrow", lambda t: arrow_bytes(t, batches=2), "36 rows in 2 batches"),
    "no Arrow": ("metadata.arrow", lambda t: b"x" * 100, "not a valid Arrow file"),
    "nothing": ("metadata.arrow", lambda t: b"", "not a valid Arrow file"),
}


def _utf8(table: pa.Table) -> pa.Schema:
    return pa.schema([(name, pa.utf8()) for name in table.column_names])


def _odd(table: pa.Table, column) -> pa.Table:
    return table.append_column("odd", column)


def _recorded(table: pa.Table, record: bytes) -> pa.Table:
    return table.replace_schema_metadata({b"bicross.unfilterable": record})


@pytest.fixture
def exact(tmp_path):
    path = tmp_path / "index"
    records = [record(n, passages=1 + n % 3) for n in range(18)]
    Index.create(path, FINGERPRINT, batches=[batch(records)])
    return path


def problems_of(path: Path) -> str:
    """What opening, reading, or else verifying says of an index."""
    try:
        index = Index.open(path)
        list(index.documents())
        index.search(QUERIES, 18)
        index.search(QUERIES, 18, where="even")
    except IndexCorrupt as error:
        return str(error)
    return "\n".join(Index.verify(path).problems)


@pytest.mark.parametrize(("name", "make", "words"), HOSTILE_ARROW.values(), ids=HOSTILE_ARROW)
def test_a_sealed_arrow_file_that_makes_no_sense_is_named(exact, name, make, words):
    file = segment_file(exact, name)
    put_and_seal(exact, file, make(read_arrow(exact / file)))
    problems = problems_of(exact)
    assert words in problems
    assert str((exact / file).parent) in problems


def faiss_with(content: bytes, position: int, layout: str, value: float) -> bytes:
    changed = bytearray(content)
    struct.pack_into(layout, changed, position, value)
    return bytes(changed)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: faiss_with(c, 37, "<Q", 400 << 30), "declares"),
        (lambda c: faiss_with(faiss_with(c, 8, "<q", 100 << 30), 37, "<Q", 100 << 30), "declares"),
        (lambda c: faiss_with(c, 4, "<i", 1 << 30), "dimensions"),
        (lambda c: faiss_with(c, 33, "<i", 1), "metric"),
        (lambda c: c.replace(b"IxFI", b"IxF2"), "IxF2"),
        (lambda c: c + c, "bytes follow the index"),
        (lambda c: c[:30], "declares"),
        (lambda c: b"", "declares"),
        (lambda c: faiss_with(c, 45, "<f", float("nan")), "not finite"),
        (lambda c: faiss_with(c, 45, "<f", float("inf")), "not finite"),
        (lambda c: faiss_with(c, 45, "<f", 0.0), "canary"),
    ],
    ids=["400 GiB", "rows too", "dimension", "metric", "kind", "twice", "cut", "empty", "NaN", "infinite", "zero"],
)
def test_a_sealed_file_of_vectors_that_makes_no_sense_is_named(exact, change, words):
    file = segment_file(exact, "vectors.faiss")
    put_and_seal(exact, file, change((exact / file).read_bytes()))
    problems = problems_of(exact)
    assert words in problems
    assert str((exact / file).parent) in problems


def test_lists_of_vectors_in_another_file_are_refused(tmp_path):
    path = tmp_path / "index"
    Index.create(path, FINGERPRINT, layout=VectorLayout("IVF4,SQ8"), batches=[batch(record(n) for n in range(20))])
    names = [segment_file(path, "vectors.faiss"), f"quantisers/{next((path / 'quantisers').iterdir()).name}"]
    manifest = (path / "MANIFEST").read_bytes()
    for name in names:
        good = (path / name).read_bytes()
        assert b"ilar" in good
        put_and_seal(path, name, good.replace(b"ilar", b"ilod"))
        with pytest.raises(IndexCorrupt, match=f"{name.split('/')[-1]}.*not stored in the file itself"):
            Index.open(path)
        write_anew(path / name, good)
        write_anew(path / "MANIFEST", manifest)


def test_vectors_of_another_kind_than_the_quantiser_are_refused(tmp_path):
    """The size of their codes is the same, and their scores would be meaningless."""
    path, other = tmp_path / "index", tmp_path / "other"
    for where, layout in [(path, "SQ8"), (other, "PQ8x4fs,Refine(SQ8)")]:
        Index.create(where, FINGERPRINT, layout=VectorLayout(layout), batches=[batch(record(n) for n in range(20))])
    name = segment_file(path, "vectors.faiss")
    put_and_seal(path, name, (other / segment_file(other, "vectors.faiss")).read_bytes())
    with pytest.raises(IndexCorrupt, match=r"vectors\.faiss holds an index of kind .*Refine.* says SQ8"):
        Index.open(path)


def test_tombstones_that_do_not_count_are_refused(exact):
    Index.open(exact).delete(["d1", "d5"])
    manifest = exact / "MANIFEST"
    good, body = manifest.read_bytes(), read_body(manifest)
    [entry] = body["segments"]
    name = f"tombstones/{entry['tombstones']['name']}"
    content = (exact / name).read_bytes()
    for changed in (b"\xff" * len(content), bytes(len(content)), content[:-1], content + b"\0", b""):
        put_and_seal(exact, name, changed)
        with pytest.raises(IndexCorrupt, match=entry["tombstones"]["name"]):
            Index.open(exact)
    write_anew(exact / name, content)
    for field, value in [("deleted", 3), ("deleted", 0), ("deleted", 2**53), ("tombstones", None)]:
        body = json.loads(good.partition(b"\n")[0])
        body["segments"][0][field] = value
        write_anew(manifest, sealed(body))
        with pytest.raises(IndexCorrupt):
            Index.open(exact)


@pytest.mark.parametrize(
    "name",
    ["..", ".", "", "../x", "/etc", "a/b", "a\\b", "a\0b", "x" * 300, "ｘ", "ѕ", "a\u202eb", "a b", "a\n", "é", "C:"],
)
@pytest.mark.parametrize("field", ["segment", "file", "tombstones", "quantiser", "uuid"])
def test_names_that_could_lead_out_of_the_index_are_refused(exact, field, name):
    Index.open(exact).delete(["d1"])
    body = read_body(exact / "MANIFEST")
    [entry] = body["segments"]
    if field == "segment":
        entry["name"] = name
    elif field == "file":
        entry["files"][name] = entry["files"]["ids.arrow"]
    elif field == "tombstones":
        entry["tombstones"]["name"] = name
    elif field == "quantiser":
        body["vectors"]["quantiser"] = {"name": name, "bytes": 1, "xxh3": "0" * 32}
    else:
        body["uuid"] = name
    write_anew(exact / "MANIFEST", sealed(body))
    with pytest.raises(IndexCorrupt, match="MANIFEST is not a manifest"):
        Index.open(exact)


@pytest.mark.parametrize(
    "count", [2**53, 2**53 + 1, 2**63, 10**400, -1, 1.5, True, "1", None, float("nan"), float("inf")]
)
@pytest.mark.parametrize("field", ["documents", "passages", "bytes", "generation", "dimension", "committed", "recall"])
def test_absurd_counts_are_refused_or_change_nothing(exact, field, count):
    body = read_body(exact / "MANIFEST")
    [entry] = body["segments"]
    holder, key = {
        "bytes": (entry["files"]["ids.arrow"], "bytes"),
        "generation": (body, "generation"),
        "dimension": (body["model"], "dimension"),
        "committed": (body, "committed"),
        "recall": (body["vectors"], "target_recall"),
    }.get(field, (entry, field))
    expected, before = seen(Index.open(exact)), holder[key]
    assert before is not None
    holder[key] = count
    write_anew(exact / "MANIFEST", sealed(body))
    try:
        assert seen(Index.open(exact)) == expected
        assert field in ("generation", "committed", "recall")
    except IndexCorrupt as error:
        assert "index" in str(error)


@pytest.mark.slow
@linux_only
@pytest.mark.parametrize("target", ["auto", "PQ8x4fs,Refine(SQ8)"], indirect=True)
def test_a_hostile_index_can_be_changed_or_says_why_not(target, tmp_path):
    """Writers and compactions read more than a search does: every outcome is a change, or an error of ours."""
    number = 0

    def task(send):
        nonlocal number
        for name in files_to_attack(target):
            good = (target / name).read_bytes()
            for label, content in attacks(good, count=8, seed=("write", name.split("/")[0])):
                copy = Path(shutil.copytree(target, tmp_path / f"copy{number}"))
                number += 1
                put_and_seal(copy, name, content)
                send(("case", (name, label)))
                for change in (
                    lambda i: i.add([batch([record(60)], tokens=np.uint16, terms=True)]),
                    lambda i: i.delete(["d3"]),
                    Index.compact,
                ):
                    with suppress(BicrossError):
                        change(Index.open(copy))
                shutil.rmtree(copy)
        send(("done", None))

    last = None
    with forked(task) as child:
        while (message := child.receive(60)) is not None:
            kind, last = message if message[0] != "error" else ("error", (last, message[1]))
            assert kind != "error", last
            if kind == "done":
                return
    raise AssertionError(f"{last}: the process died")

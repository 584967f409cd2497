"""The one rule for values of metadata, and what a document, a reader and an index make of it."""

import enum
import json
import math
import sys
from collections import OrderedDict, UserDict, deque, namedtuple
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bicross.errors import BicrossError, DocumentError
from bicross.index import Document, Index, read_documents
from bicross.index.metadata import MAX_DEPTH, parse_json, stored_json, to_json
from helpers.toy_collections import FINGERPRINT, Record, batch, unit_vectors
from hypothesis import given
from hypothesis import strategies as st


def kept(value):
    return Document("d1", "text", metadata={"field": value}).metadata["field"]


class Level(enum.IntEnum):
    HIGH = 3


class Colour(str, enum.Enum):  # noqa: UP042 - its str() is not its value
    RED = "red"


class Plain(enum.Enum):
    WHEN = date(2024, 1, 2)


class Kelvin(float):
    pass


Point = namedtuple("Point", "x y")


def nested(depth, inner=0):
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ünï 漢 🎉", "ünï 漢 🎉"),
        (None, None),
        (True, True),
        (2**63, 2**63),
        (-(2**63) - 1, -(2**63) - 1),
        (2**1024 - 1, 2**1024 - 1),
        (-0.0, -0.0),
        (math.nan, None),
        (-math.inf, None),
        ([1, [math.nan, "x"]], [1, [None, "x"]]),
        ((1, "a"), [1, "a"]),
        (Point(1, 2), [1, 2]),
        (range(3), [0, 1, 2]),
        (deque([1, 2]), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        ({"b", 1, None}, ["b", 1, None]),
        ({}.keys(), []),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": (1,)}), {"a": [1]}),
        (UserDict({"a": math.inf}), {"a": None}),
        (np.int64(7), 7),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.bool_(True), True),
        (np.float32(0.5), 0.5),
        (np.float16(np.inf), None),
        (np.longdouble(1.5), 1.5),
        (np.str_("x"), "x"),
        (np.array([1, 2]), [1, 2]),
        (np.array([[0.5, np.nan]]), [[0.5, None]]),
        (np.array(5), 5),
        (np.array(["a", None], object), ["a", None]),
        (np.array(["2024-01-02", "NaT"], "datetime64[ns]"), ["2024-01-02T00:00:00", None]),
        (np.ma.masked_array([1, 2], [False, True]), [1, None]),
        (np.ma.masked, None),
        (np.datetime64("2024-01-02"), "2024-01-02"),
        (np.datetime64("2024-05", "M"), "2024-05-01"),
        (np.datetime64("2024-01-02T03:04:05.5"), "2024-01-02T03:04:05.500000"),
        (np.datetime64(1, "ns"), "1970-01-01T00:00:00.000000001"),
        (np.datetime64("NaT"), None),
        (np.timedelta64(1500, "ms"), 1.5),
        (np.timedelta64("NaT"), None),
        (pd.NaT, None),
        (pd.NA, None),
        (pd.Timestamp("2024-01-02 03:04:05", tz="UTC"), "2024-01-02T03:04:05+00:00"),
        (pd.Timestamp("2024-01-02"), "2024-01-02T00:00:00"),
        (pd.Timedelta(seconds=90), 90.0),
        (pd.Series([1, 2]), [1, 2]),
        (pd.array([1, None], dtype="Int64"), [1, None]),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
        (datetime(2024, 1, 2, 3, 4, tzinfo=UTC), "2024-01-02T03:04:00+00:00"),
        (datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=-5))), "2024-01-02T00:00:00-05:00"),
        (date(2024, 1, 2), "2024-01-02"),
        (time(3, 4), "03:04:00"),
        (timedelta(minutes=1), 60.0),
        (Decimal("9.90"), 9.9),
        (Decimal("12345678901234567890"), 12345678901234567890),
        (Decimal("1E+3"), 1000),
        (Decimal("NaN"), None),
        (Decimal("sNaN"), None),
        (Decimal("-Infinity"), None),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (PurePosixPath("docs/a.md"), "docs/a.md"),
        (Level.HIGH, 3),
        (Colour.RED, "red"),
        (Plain.WHEN, "2024-01-02"),
        (Kelvin(2.5), 2.5),
        (pa.scalar(5), 5),
        (pa.scalar(None, pa.int64()), None),
        (pa.array([1, None]), [1, None]),
        (pa.chunked_array([["a"], ["b"]]), ["a", "b"]),
        (nested(MAX_DEPTH), nested(MAX_DEPTH)),
        (nested(MAX_DEPTH, np.int64(1)), nested(MAX_DEPTH, 1)),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_what_is_kept_and_as_what(value, expected):
    result = kept(value)
    assert (repr(result), type(result)) == (repr(expected), type(expected))
    assert repr(json.loads(to_json({"field": result}))["field"]) == repr(expected)


class Hostile:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"bytes", r"'field' holds b'bytes' \(bytes\); decode it to text"),
        (bytearray(b"x"), r"'field' holds bytearray\(b'x'\)"),
        (np.bytes_(b"x"), "decode it to text|JSON does not have"),
        (1j, r"'field' holds 1j \(complex\), which JSON does not have; convert it"),
        (np.complex64(1), "JSON does not have"),
        (object, r"'field' holds <class 'object'> \(type\)"),
        (len, "builtin_function"),
        (pd.DataFrame({"a": [1]}), "DataFrame"),
        (Hostile(), "'field' holds a Hostile, which JSON does not have"),
        (2**1024, "'field' holds an integer of 1025 bits; .* store it as text"),
        (10**5000, "integer of 16610 bits"),
        (Decimal("1E+400"), "integer of 1329 bits"),
        ("\ud800", r"'field' has a lone surrogate U\+D800 at character 0"),
        (["x", "y\udfff"], r"'field' has a lone surrogate U\+DFFF at character 1"),
        (Path("a\udcff"), "lone surrogate"),
        ({1: 2}, "the metadata field 'field' has the key 1, which is an int and not text; write it as '1'"),
        ({"a": {None: 2}}, r"the metadata field 'field\.a' has the key None, which is a NoneType"),
        ({"\ud800": 2}, r"the key .* of the metadata field 'field' has a lone surrogate"),
        ({"a": {"b": [{"c": b"x"}]}}, r"the metadata field 'field\.a\.b\.c' holds"),
        (nested(MAX_DEPTH + 1), "'field' is nested more than 64 deep; store it flatter, or as text"),
        (nested(2000), "'field' is nested more than 64 deep"),
        ({"a": nested(500)}, "'field' is nested more than 64 deep"),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_what_is_refused_names_document_field_and_remedy(value, message):
    with pytest.raises(DocumentError, match=f"^document 'd1': .*{message}"):
        kept(value)


@pytest.mark.parametrize("metadata", [None, [], "x", 5, [("a", 1)], object()])
def test_metadata_that_are_no_mapping(metadata):
    with pytest.raises(DocumentError, match="document 'd1': metadata must be a mapping of field names"):
        Document("d1", "text", metadata=metadata)


def test_keys_of_metadata_are_text():
    with pytest.raises(DocumentError, match="document 'd1': metadata has the key 2020, which is an int"):
        Document("d1", "text", metadata={2020: "x"})


def test_a_cycle_is_too_deep():
    loop = {}
    loop["again"] = [loop]
    with pytest.raises(DocumentError, match="nested more than 64 deep"):
        kept(loop)


def test_a_document_has_a_copy():
    tags = ["a"]
    metadata = {"tags": tags}
    document = Document("d1", "text", metadata=metadata)
    tags.append("b")
    metadata["more"] = 1
    assert document.metadata == {"tags": ["a"]}


def from_depth(frames, function):
    """Call a function from deep in the stack."""
    return function() if frames == 0 else from_depth(frames - 1, function)


@pytest.mark.parametrize("room", [40, 60, 100, 150, 300])
def test_what_is_kept_does_not_depend_on_the_callers_stack(room):
    frames = sys.getrecursionlimit() - room - len_of_stack()
    deepest = nested(MAX_DEPTH)
    assert from_depth(frames, lambda: kept(deepest)) == deepest
    text = to_json({"field": deepest})
    assert from_depth(frames, lambda: to_json({"field": deepest})) == text
    assert from_depth(frames, lambda: parse_json(text)) == {"field": deepest}
    with pytest.raises(DocumentError, match="nested more than 64 deep"):
        from_depth(frames, lambda: kept(nested(2000)))


def len_of_stack():
    frame, count = sys._getframe(), 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count


def test_json_that_is_nested_beyond_python_is_a_document_error():
    with pytest.raises(DocumentError, match="nested too deeply to be read"):
        parse_json("[" * 100_000 + "]" * 100_000)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=5)
    | st.binary(max_size=3)
    | st.decimals()
    | st.dates()
    | st.datetimes()
    | st.timedeltas()
    | st.uuids()
    | st.complex_numbers()
    | st.sampled_from([np.int8(1), np.float64("nan"), pd.NaT, pd.NA, object(), np.array([1.5])]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=2)
    ),
    max_leaves=8,
)


@given(ANYTHING)
def test_anything_is_json_or_a_document_error(value):
    try:
        document = Document("d1", "text", metadata={"field": value})
    except DocumentError as error:
        assert "'d1'" in str(error)
        assert "field" in str(error)
        return
    text = json.dumps(document.metadata, allow_nan=False)
    assert json.loads(text) == document.metadata
    assert Document("d1", "text", metadata=document.metadata) == document


def index_of(path, *documents):
    records = [Record(document, unit_vectors(1, seed=n)) for n, document in enumerate(documents)]
    return Index.create(path, FINGERPRINT, batches=[batch(records)])


def test_one_row_from_every_source_is_one_document(tmp_path):
    """Parquet, Arrow, JSON lines and Python agree on NaN, infinities, dates and lists."""
    row = {"id": "1", "text": "a", "n": math.nan, "i": math.inf, "l": [0.5, math.nan], "w": 2**53 + 1, "e": None}
    lines = tmp_path / "a.jsonl"
    lines.write_text(json.dumps(row) + "\n")
    table = pa.Table.from_pylist([row])
    pq.write_table(table, tmp_path / "a.parquet")
    with pa.ipc.new_file(tmp_path / "a.arrow", table.schema) as file:
        file.write_table(table)
    expected = Document("1", "a", metadata={"n": None, "i": None, "l": [0.5, None], "w": 2**53 + 1, "e": None})
    for name in ("a.jsonl", "a.parquet", "a.arrow"):
        assert list(read_documents(tmp_path / name)) == [expected], name
    python = Document("1", "a", metadata={name: value for name, value in row.items() if name not in ("id", "text")})
    assert python == expected


def test_an_index_of_numpy_and_pandas_values_reads_back_as_python(tmp_path):
    row = pd.DataFrame({"n": [1.5, math.nan], "i": [1, 2], "t": pd.to_datetime(["2024-01-02", None])}).iloc[1]
    index = index_of(tmp_path / "i", Document("d0", "a", metadata=dict(row)))
    assert [document.metadata for document in index.documents()] == [{"n": None, "i": 2, "t": None}]
    assert Index.verify(tmp_path / "i").problems == ()
    json.dumps(next(index.documents()).metadata, allow_nan=False)


def test_metadata_that_changed_after_the_check_name_their_document(tmp_path):
    document = Document("d7", "a", metadata={"a": 1})
    document.metadata["a"] = object()
    with pytest.raises(DocumentError, match=r"document 'd7': its metadata cannot be written as JSON: .*make the doc"):
        index_of(tmp_path / "i", document)


def as_before(monkeypatch):
    """Write as versions did that took whatever json.dumps takes."""
    monkeypatch.setattr("bicross.index.document.plain_metadata", lambda metadata, document_id: dict(metadata))
    monkeypatch.setattr(stored_json, "_ENCODER", json.JSONEncoder())


def test_an_index_with_nan_from_an_earlier_version_is_sound_and_reads_as_json(tmp_path, monkeypatch):
    with monkeypatch.context() as earlier:
        as_before(earlier)
        metadata = ({"m": math.nan, "n": {"x": [math.inf]}}, {"m": 1.5}, {"m": -math.inf, "k": "x"})
        index = index_of(tmp_path / "i", *(Document(f"d{n}", "a", metadata=m) for n, m in enumerate(metadata)))
    expected = [{"m": None, "n": {"x": [None]}}, {"m": 1.5}, {"m": None, "k": "x"}]
    assert Index.verify(tmp_path / "i").problems == ()
    assert [document.metadata for document in index.documents()] == expected
    assert index.get(["d0"])[0].metadata == expected[0]
    index.delete(["d1"])
    index.compact()
    assert [document.metadata for document in index.documents()] == [expected[0], expected[2]]
    assert Index.verify(tmp_path / "i").problems == ()


@pytest.mark.parametrize("depth", [65, 400, 900])
def test_deep_metadata_of_an_earlier_version_are_never_corrupt(tmp_path, monkeypatch, depth):
    with monkeypatch.context() as earlier:
        as_before(earlier)
        index = index_of(tmp_path / "i", Document("d0", "a", metadata={"m": nested(depth)}))
    frames = sys.getrecursionlimit() - 150 - len_of_stack()

    def deepness(value):
        count = 0
        while value:
            value, count = value[0], count + 1
        return count

    read = from_depth(frames, lambda: list(index.documents()))
    assert deepness(read[0].metadata["m"]) == depth
    assert deepness(from_depth(frames, lambda: index.get(["d0"]))[0].metadata["m"]) == depth
    index.add([batch([Record(Document("d1", "b"), unit_vectors(1, seed=5))])])
    index.compact()
    assert Index.verify(tmp_path / "i").problems == ()


def test_every_error_is_of_the_project():
    assert issubclass(DocumentError, BicrossError)

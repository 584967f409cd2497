import enum
import json
import math
import re

import pyarrow as pa
import pytest
from bicross.index.segments import ROWS, TEXT_LISTS, UNFILTERABLE, MetadataColumns
from bicross.index.segments import metadata as module
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st


def collect(*documents):
    columns = MetadataColumns()
    for document in documents:
        columns.append(document)
    return columns.to_record_batch()


def unfilterable(batch):
    return json.loads(batch.schema.metadata[UNFILTERABLE])


def fields(batch):
    return {field.name: field.type for field in batch.schema if field.name != ROWS}


def values(batch, name):
    return batch.column(name).to_pylist()


def test_every_type_has_its_column_and_every_document_its_row():
    batch = collect(
        {"year": 2020, "tags": ["x", "y"], "open": True, "score": 1, "title": "ünï 漢 🎉", "none": None},
        {},
        {"year": -(2**63), "tags": [], "open": None, "score": 0.5, "title": ""},
        {"year": 2**63 - 1, "tags": ["z", None], "open": False, "score": None},
    )
    assert fields(batch) == {
        "open": pa.bool_(),
        "score": pa.float64(),
        "tags": TEXT_LISTS,
        "title": pa.large_utf8(),
        "year": pa.int64(),
    }
    assert batch.schema.names == [ROWS, "open", "score", "tags", "title", "year"]
    assert values(batch, "year") == [2020, None, -(2**63), 2**63 - 1]
    assert values(batch, "tags") == [["x", "y"], None, [], ["z", None]]
    assert values(batch, "open") == [True, None, None, False]
    assert values(batch, "score") == [1.0, None, 0.5, None]
    assert values(batch, "title") == ["ünï 漢 🎉", None, "", None]
    assert unfilterable(batch) == {}


@pytest.mark.parametrize("documents", [[], [{}], [{"a": None}] * 3, [{"a": {}}] * 5])
def test_rows_are_counted_without_any_field(documents):
    batch = collect(*documents)
    assert (batch.num_rows, batch.schema.names, batch.nbytes) == (len(documents), [ROWS], 0)


def test_columns_survive_a_file():
    batch = collect({"a": 1, "n\0": "x", "b.c": [""], "\n": True}, {"m": {}})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema) as file:
        file.write(batch)
    again = pa.ipc.open_file(sink.getvalue()).get_batch(0)
    assert again.equals(batch, check_metadata=True)
    assert again.num_rows == 2


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (1, "x", r"values of several types \(integers, texts\)"),
        (True, 1, r"values of several types \(booleans, integers\)"),
        (0.5, False, r"values of several types \(booleans, numbers\)"),
        ("x", ["x"], r"values of several types \(lists of texts, texts\)"),
        ({"x": 1}, 1, "holds objects"),
        (["x"], ["x", 1], "lists of other items than texts"),
        ([["x"]], None, "lists of other items than texts"),
        (2**63, 1, "integer that does not fit into 64 bits"),
        (2**63, 1.5, "integer that does not fit into 64 bits"),
        ("\ud800", "x", "text that is not valid Unicode"),
        (["\ud800"], ["x"], "text that is not valid Unicode"),
    ],
)
@pytest.mark.parametrize("apart", [0, 3])
def test_what_does_not_make_a_column_is_recorded_with_its_reason(monkeypatch, first, second, reason, apart):
    monkeypatch.setattr(module, "CHUNK_DOCUMENTS", 2)
    between = [{"other": i} for i in range(apart)]
    for pair in ((first, second), (second, first)):
        batch = collect({"a": pair[0]}, *between, {"a": pair[1]})
        assert "a" not in fields(batch)
        assert batch.num_rows == apart + 2
        assert re.search(reason, unfilterable(batch)["a"])


def test_names_that_cannot_be_columns():
    batch = collect({"": 1, "\udfff": 2, "n" * 2000: 3, "ok": 4})
    assert fields(batch) == {"ok": pa.int64()}
    assert unfilterable(batch) == {"": "its name is empty", "\udfff": "its name is not valid Unicode"}


def test_fields_beyond_the_limit_are_unfilterable_and_not_all_recorded():
    batch = collect({f"f{i:05}": i for i in range(300)}, {f"g{i}": i for i in range(5000)})
    assert list(fields(batch)) == [f"f{i:05}" for i in range(256)]
    record = unfilterable(batch)
    assert record["f00256"] == "it is not among the first 256 fields"
    assert len(record) == module.MAX_UNFILTERABLE - module.MAX_COLUMNS


def test_fields_without_a_value_take_no_column():
    batch = collect({f"f{i}": None for i in range(1000)}, {"a": 1})
    assert fields(batch) == {"a": pa.int64()}
    assert unfilterable(batch) == {}


def test_a_column_that_would_fill_the_memory_is_given_up(monkeypatch):
    monkeypatch.setattr(module, "MAX_COLUMN_BYTES", 1 << 20)
    monkeypatch.setattr(module, "CHUNK_CHARACTERS", 100_000)
    batch = collect(*({"body": "x" * 5000, "parts": ["y" * 5000], "year": i} for i in range(300)))
    assert fields(batch) == {"year": pa.int64()}
    reason = "its values take more than 1 MiB in one segment"
    assert unfilterable(batch) == {"body": reason, "parts": reason}
    assert values(batch, "year") == list(range(300))


def test_metadata_may_change_after_it_was_appended():
    columns = MetadataColumns()
    metadata = {"tags": ["a"], "year": 1}
    columns.append(metadata)
    metadata["tags"].append("b")
    metadata["year"] = "x"
    batch = columns.to_record_batch()
    assert (values(batch, "tags"), values(batch, "year")) == ([["a"]], [1])


def test_subclasses_are_taken_as_json_writes_them():
    class Level(enum.IntEnum):
        HIGH = 3

    class Colour(str, enum.Enum):  # noqa: UP042 - its str() is not its value
        RED = "red"

    class Kelvin(float):
        pass

    batch = collect({"level": Level.HIGH, "colour": Colour.RED, "kelvin": Kelvin(2.5), "pair": ("a", "b")})
    assert batch.to_pylist() == [{ROWS: None, "level": 3, "colour": "red", "kelvin": 2.5, "pair": ["a", "b"]}]


def test_nan_and_infinity_are_numbers():
    batch = collect({"a": math.nan}, {"a": math.inf}, {"a": None})
    nan, infinity, none = values(batch, "a")
    assert (math.isnan(nan), infinity, none) == (True, math.inf, None)


def test_integers_become_numbers_when_numbers_come_later(monkeypatch):
    monkeypatch.setattr(module, "CHUNK_DOCUMENTS", 2)
    batch = collect({"a": 2**60 + 1}, {}, {}, {}, {"a": 0.5}, {"a": 2**62 + 1}, {"a": 7})
    assert values(batch, "a") == [float(2**60), None, None, None, 0.5, float(2**62), 7.0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=5,
)
NAMES = st.sampled_from("abcdefgh") | st.text(st.characters(), max_size=3)


@settings(max_examples=examples(150), deadline=None)
@given(documents=st.lists(st.dictionaries(NAMES, JSON, max_size=6), max_size=12), chunk=st.integers(1, 5))
def test_any_metadata_makes_a_batch_that_says_the_same(documents, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK_DOCUMENTS", chunk)
        batch = collect(*documents)
    batch.validate(full=True)
    assert batch.num_rows == len(documents)
    present = {name for document in documents for name, value in document.items() if value is not None}
    assert fields(batch).keys() | unfilterable(batch).keys() == present
    assert not fields(batch).keys() & unfilterable(batch).keys()
    for name, type_ in fields(batch).items():
        expected = [document.get(name) for document in documents]
        if type_ == pa.float64():
            expected = [None if value is None else float(value) for value in expected]
        assert repr(values(batch, name)) == repr(expected)

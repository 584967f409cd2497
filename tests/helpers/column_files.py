"""Files of stored columns as nobody writes them: token ids and vectors of twelve passages, and postings of three."""

import numpy as np
import pyarrow as pa

# Token ids


def token_id_lists(offsets):
    """Twelve passages of one id each, with these offsets in the place of their own; Arrow writes no such file."""
    good = token_id_file(pa.array([[n] for n in range(12)], pa.large_list(pa.uint16())))
    own = np.arange(13, dtype=np.int64).tobytes()
    assert good.count(own) == 1
    return good.replace(own, np.array(offsets, np.int64).tobytes())


def token_id_file(*columns, name="tokens"):
    sink = pa.BufferOutputStream()
    made = pa.record_batch(list(columns), names=[name, *(f"more{n}" for n in range(len(columns) - 1))])
    with pa.ipc.new_file(sink, made.schema) as writer:
        writer.write_batch(made)
    return sink.getvalue().to_pybytes()


TWELVE_PASSAGES = [[1, 2]] * 12
HOSTILE_TOKEN_IDS = {
    "an offset before": (token_id_lists([-1, *range(1, 13)]), "tokens.arrow"),
    "an offset beyond": (token_id_lists([*range(12), 2**40]), "tokens.arrow"),
    "an offset just beyond": (token_id_lists([*range(12), 13]), "tokens.arrow"),
    "offsets that go back": (token_id_lists([0, 1, 2, 9, 3, 5, 5, 5, 5, 5, 5, 5, 12]), "tokens.arrow"),
    "an offset far back": (token_id_lists([0, 1, -(2**62), 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), "tokens.arrow"),
    "a passage less": (token_id_file(pa.array(TWELVE_PASSAGES[1:], pa.large_list(pa.uint16()))), "of 11 passages"),
    "a passage more": (token_id_file(pa.array([*TWELVE_PASSAGES, [1]], pa.large_list(pa.uint16()))), "of 13 passages"),
    "no array": (token_id_file(pa.array([None, *TWELVE_PASSAGES[1:]], pa.large_list(pa.uint16()))), "missing values"),
    "no id": (token_id_file(pa.array([[None], *TWELVE_PASSAGES[1:]], pa.large_list(pa.uint16()))), "missing values"),
    "signed": (token_id_file(pa.array(TWELVE_PASSAGES, pa.large_list(pa.int32()))), "lists of uint16 or uint32"),
    "short lists": (token_id_file(pa.array(TWELVE_PASSAGES, pa.list_(pa.uint16()))), "lists of uint16 or uint32"),
    "numbers": (token_id_file(pa.array(range(12), pa.uint16())), "lists of uint16 or uint32"),
    "two columns": (token_id_file(*[pa.array(TWELVE_PASSAGES, pa.large_list(pa.uint16()))] * 2), "lists of uint16"),
    "another name": (token_id_file(pa.array(TWELVE_PASSAGES, pa.large_list(pa.uint16())), name="x"), "lists of uint16"),
    "no Arrow": (b"x" * 99, "not a valid Arrow file"),
}

# Token vectors

PAIRS = pa.large_list(pa.list_(pa.int8(), 2))
TWELVE_PASSAGES_OF_VECTORS = [[[n, -n], [1, 2]] for n in range(12)]


def token_vector_file(*columns, name="token_vectors"):
    return token_id_file(*columns, name=name)


def token_vector_lists(offsets):
    """Twelve passages of two vectors each, with these offsets in the place of their own."""
    good = token_vector_file(pa.array(TWELVE_PASSAGES_OF_VECTORS, PAIRS))
    own = np.arange(0, 26, 2, dtype=np.int64).tobytes()
    assert good.count(own) == 1
    return good.replace(own, np.array(offsets, np.int64).tobytes())


def _vectors_of(values, dim):
    """One passage for each row of some values, each of one vector of ``dim`` dimensions."""
    return pa.array([[row] for row in values], pa.large_list(pa.list_(pa.int8(), dim)))


def _with_dim(dim):
    """A good file whose schema says that a vector has another number of dimensions."""
    good = token_vector_file(_vectors_of([[1] * 77] * 12, 77))
    own = np.array([77], np.int32).tobytes()
    assert good.count(own) == 2, "in the schema, and in the schema of the footer"
    return good.replace(own, np.array([dim], np.int32).tobytes())


_EVEN = list(range(0, 26, 2))
HOSTILE_TOKEN_VECTORS = {
    "an offset before": (token_vector_lists([-2, *_EVEN[1:]]), "token_vectors.arrow"),
    "an offset beyond": (token_vector_lists([*_EVEN[:-1], 2**40]), "token_vectors.arrow"),
    "an offset just beyond": (token_vector_lists([*_EVEN[:-1], 25]), "token_vectors.arrow"),
    "offsets that go back": (token_vector_lists([0, 4, 2, *_EVEN[3:]]), "token_vectors.arrow"),
    "an offset far back": (token_vector_lists([0, 2, -(2**62), *_EVEN[3:]]), "token_vectors.arrow"),
    "a passage less": (token_vector_file(pa.array(TWELVE_PASSAGES_OF_VECTORS[1:], PAIRS)), "of 11 passages"),
    "a passage more": (token_vector_file(pa.array([*TWELVE_PASSAGES_OF_VECTORS, []], PAIRS)), "of 13 passages"),
    "no passages": (token_vector_file(pa.array([], PAIRS)), "of 0 passages"),
    "no array": (token_vector_file(pa.array([None, *TWELVE_PASSAGES_OF_VECTORS[1:]], PAIRS)), "missing values"),
    "no vector": (token_vector_file(pa.array([[None], *TWELVE_PASSAGES_OF_VECTORS[1:]], PAIRS)), "missing values"),
    "no number": (token_vector_file(_vectors_of([[1, None]] * 12, 2)), "missing values"),
    "unsigned": (
        token_vector_file(pa.array([[[1, 2]]] * 12, pa.large_list(pa.list_(pa.uint8(), 2)))),
        "lists of int8 vectors",
    ),
    "vectors of any length": (
        token_vector_file(pa.array([[[1, 2]]] * 12, pa.large_list(pa.list_(pa.int8())))),
        "lists of int8 vectors",
    ),
    "short lists": (
        token_vector_file(pa.array([[[1, 2]]] * 12, pa.list_(pa.list_(pa.int8(), 2)))),
        "lists of int8 vectors",
    ),
    "one vector": (token_vector_file(pa.array([[1, 2]] * 12, pa.list_(pa.int8(), 2))), "lists of int8 vectors"),
    "numbers": (token_vector_file(pa.array(range(12), pa.int8())), "lists of int8 vectors"),
    "two columns": (token_vector_file(*[pa.array(TWELVE_PASSAGES_OF_VECTORS, PAIRS)] * 2), "lists of int8 vectors"),
    "another name": (token_vector_file(pa.array(TWELVE_PASSAGES_OF_VECTORS, PAIRS), name="x"), "lists of int8"),
    "no dimensions": (token_vector_file(_vectors_of([[]] * 12, 0)), "lists of int8 vectors"),
    "too many dimensions": (token_vector_file(_vectors_of([[1] * 4097] * 12, 4097)), "lists of int8 vectors"),
    "a dimension more": (_with_dim(78), "token_vectors.arrow"),
    "a dimension less": (_with_dim(76), "numbers in 12 token vectors of 76 dimensions"),
    "dimensions below nothing": (_with_dim(-77), "token_vectors.arrow"),
    "dimensions beyond": (_with_dim(2**31 - 1), "token_vectors.arrow"),
    "no Arrow": (b"x" * 99, "not a valid Arrow file"),
}

# Postings of the passages "a b", "b", "a a c"

POSTINGS = {
    "terms": ["a", "b", "c"],
    "starts": [0, 2, 4, 5],
    "passages": [0, 2, 0, 1, 2],
    "counts": [1, 2, 1, 1, 1],
    "lengths": [2, 1, 3],
}
POSTINGS_TYPES = {
    "terms": pa.large_utf8(),
    "starts": pa.int64(),
    "passages": pa.uint32(),
    "counts": pa.uint8(),
    "lengths": pa.uint32(),
}


def postings_file(*, types=None, rows=1, batches=1, **changes):
    values, kinds = {**POSTINGS, **changes}, {**POSTINGS_TYPES, **(types or {})}
    columns = [pa.array([values[name]] * rows, pa.large_list(kinds[name])) for name in kinds]
    made = pa.record_batch(columns, names=list(kinds))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, made.schema) as writer:
        for _ in range(batches):
            writer.write_batch(made)
    return sink.getvalue().to_pybytes()


def _with_bytes(old, new):
    good = postings_file()
    assert good.count(old) == 1
    return good.replace(old, new)


OFFSETS = np.array([0, 1, 2, 3], np.int64).tobytes()  # of the three terms in their text
HOSTILE_POSTINGS = {
    "a term twice": (postings_file(terms=["a", "a", "c"]), "not sorted, or not unique"),
    "terms out of order": (postings_file(terms=["b", "a", "c"]), "not sorted, or not unique"),
    "no term": (postings_file(terms=["a", None, "c"]), "without missing values"),
    "a term more": (postings_file(terms=["a", "b", "c", "d"]), "terms without postings"),
    "a term less": (postings_file(terms=["a", "b"]), "terms without postings"),
    "a term that is not text": (_with_bytes(b"abc", b"a\xffc"), "not a valid Arrow file"),
    "a term that ends before it begins": (
        _with_bytes(OFFSETS, np.array([0, 2, 1, 3]).tobytes()),
        "not a valid Arrow file",
    ),
    "a term beyond": (_with_bytes(OFFSETS, np.array([0, 1, 2**40, 3]).tobytes()), "not a valid Arrow file"),
    "a term far beyond": (_with_bytes(OFFSETS, np.array([0, 1, 2, 2**40]).tobytes()), "not a valid Arrow file"),
    "a start before": (postings_file(starts=[-1, 2, 4, 5]), "terms without postings"),
    "a start that is late": (postings_file(starts=[1, 2, 4, 5]), "terms without postings"),
    "starts that go back": (postings_file(starts=[0, 4, 2, 5]), "terms without postings"),
    "a term without postings": (postings_file(starts=[0, 2, 2, 5]), "terms without postings"),
    "an end beyond": (postings_file(starts=[0, 2, 4, 6]), "5 postings and 5 counts"),
    "an end far beyond": (postings_file(starts=[0, 2, 4, 2**62]), "5 postings and 5 counts"),
    "an end too early": (postings_file(starts=[0, 2, 3, 4]), "5 postings and 5 counts"),
    "no starts": (postings_file(starts=[]), "terms without postings"),
    "a count less": (postings_file(counts=[1, 2, 1, 1]), "5 postings and 4 counts"),
    "a passage less": (postings_file(lengths=[2, 1]), "postings of 2 passages; the manifest says 3"),
    "a passage more": (postings_file(lengths=[2, 1, 3, 0]), "postings of 4 passages; the manifest says 3"),
    "two rows": (postings_file(rows=2), "one row of postings"),
    "no row": (postings_file(rows=0), "one row of postings"),
    "two batches": (postings_file(batches=2), "one row of postings"),
    "a column more": (postings_file(types={"more": pa.int8()}, more=[]), "one row of postings"),
    "other counts": (postings_file(types={"counts": pa.int32()}), "one row of postings"),
    "other passages": (postings_file(types={"passages": pa.int64()}), "one row of postings"),
    "missing": (postings_file(passages=None), "without missing values"),
    "a missing number": (postings_file(lengths=[2, None, 3]), "without missing values"),
    "no Arrow": (b"x" * 99, "not a valid Arrow file"),
}
POSTINGS_OF_NO_PASSAGE = {
    "a passage beyond": (postings_file(passages=[0, 3, 0, 1, 2]), "postings"),
    "a passage far beyond": (postings_file(passages=[0, 2**32 - 1, 0, 1, 2]), "postings"),
    "passages out of order": (postings_file(passages=[2, 0, 0, 1, 2]), "postings"),
    "a passage twice": (postings_file(passages=[2, 2, 0, 1, 2]), "postings"),
    "a count of nothing": (postings_file(counts=[0, 3, 1, 1, 1]), "postings"),
}

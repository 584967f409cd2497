"""Terms beside passages: BM25 is what bm25s computes from the live passages, through every change of the index."""

import bm25s
import numpy as np
import pyarrow as pa
import pytest
from bicross.errors import ArgumentError, IndexCorrupt, IndexLocked
from bicross.index import BM25, Document, EmbeddedBatch, Index, Passage, VectorLayout
from bicross.index.files import Filesystem, create_checked
from bicross.index.segments import PostingsTable, PostingsWriter
from bicross.index.segments import postings as terms
from bicross.index.segments.postings import count_terms
from bicross.index.writing import compaction
from helpers.column_files import POSTINGS_OF_NO_PASSAGE, postings_file
from helpers.damage import files_of, put_and_seal, read_body
from helpers.examples import examples
from helpers.toy_collections import (
    ANALYZER,
    DIMENSION,
    FINGERPRINT,
    TERM_QUERIES,
    TOKENIZER,
    assert_same,
    assert_terms,
    assert_tokens,
    oracle_of,
    record,
    seen,
    terms_of_text,
    unit_vectors,
)
from helpers.toy_collections import batch as plain_batch
from hypothesis import given, settings
from hypothesis import strategies as st

OTHER = "words-2"


def batch(records):
    return plain_batch(records, terms=True)


def create(path, records, **options):
    return Index.create(path, FINGERPRINT, analyzer=ANALYZER, batches=[batch(records)], **options)


def of_words(path, *texts, **options):
    """One document for each text; the terms of a document are its words."""
    documents = [Document(f"d{n}", text or "-") for n, text in enumerate(texts)]
    made = EmbeddedBatch(
        documents,
        [[Passage(d.text, 0, len(d.text))] for d in documents],
        unit_vectors(len(texts), seed=1),
        terms=[text.split() for text in texts],
    )
    return Index.create(path, FINGERPRINT, analyzer=ANALYZER, batches=[made], **options)


def ids(hits):
    return [hit.document.id for hit in hits]


# What is found


@pytest.mark.parametrize("k", [1, 3, 20])
def test_scores_are_those_of_bm25s(tmp_path, k):
    records = [record(n, passages=1 + n % 3) for n in range(20)]
    index = create(tmp_path / "i", records)
    assert index.analyzer == index.info().analyzer == ANALYZER
    assert_terms(index, oracle_of(records), k=k)
    assert_terms(index, oracle_of(records), "even", lambda d: d.metadata["even"], k=k)
    assert Index.verify(tmp_path / "i").problems == ()


def test_by_hand(tmp_path):
    """Two passages of three terms and of one: N = 2, the average is 2."""
    index = of_words(tmp_path / "i", "a a b", "c")
    [hits] = index.search_terms([["a"]], 5)
    assert ids(hits) == ["d0"]
    idf = np.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    assert hits[0].score == pytest.approx(idf * 2 / (2 + 0.9 * (1 - 0.4 + 0.4 * 3 / 2)), abs=1e-12)
    [other] = index.search_terms([["a"]], 5, weights=BM25(k1=2.0, b=1.0))
    assert other[0].score == pytest.approx(idf * 2 / (2 + 2.0 * 3 / 2), abs=1e-12)
    [flat] = index.search_terms([["a"]], 5, weights=BM25(k1=0.0, b=0.0))
    assert flat[0].score == pytest.approx(idf, abs=1e-12)


def test_a_term_that_the_query_repeats_counts_as_often(tmp_path):
    index = of_words(tmp_path / "i", "a b", "b c", "")
    [once], [twice] = index.search_terms([["b"]], 5), index.search_terms([["b", "b"]], 5)
    assert [hit.score for hit in twice] == [2 * hit.score for hit in once]


def test_equal_scores_go_by_id_at_every_cutoff(tmp_path):
    index = of_words(tmp_path / "i", *["a"] * 12)
    [hits] = index.search_terms([["a"]], 12)
    assert ids(hits) == sorted(f"d{n}" for n in range(12))
    [few] = index.search_terms([["a"]], 3)
    assert ids(few) == ["d0", "d1", "d10"]
    index.delete(["d1"])
    assert ids(index.search_terms([["a"]], 3)[0]) == ["d0", "d10", "d11"]


@pytest.mark.parametrize("texts", [(), ("",), ("", "", "")])
def test_where_there_are_no_terms_nothing_is_found(tmp_path, texts):
    index = of_words(tmp_path / "i", *texts)
    assert index.search_terms([["a"], []], 5) == [[], []]
    assert index.search_terms([], 5) == []
    assert Index.verify(tmp_path / "i").problems == ()


def test_terms_of_all_scripts(tmp_path):
    words = ["é", "e\u0301", "漢字", "🎉", "a", "z", "\u0000", "\uffff", "ß", " ", "a b"]
    documents = [Document(f"d{n}", "x") for n in range(len(words))]
    made = EmbeddedBatch(
        documents, [[Passage("x", 0, 1)]] * len(words), unit_vectors(len(words), 1), terms=[[word] for word in words]
    )
    index = Index.create(tmp_path / "i", FINGERPRINT, analyzer=ANALYZER, batches=[made])
    assert [ids(hits) for hits in index.search_terms([[word] for word in words], 5)] == [[d.id] for d in documents]
    index.compact()
    index.delete(["d0"])
    index.compact()
    assert [ids(hits) for hits in index.search_terms([[word] for word in words[1:]], 5)] == [
        [d.id] for d in documents[1:]
    ]


word = st.sampled_from("abcdefg")
text = st.lists(word, max_size=6).map(" ".join)


@pytest.mark.slow
@settings(max_examples=examples(40), deadline=None)
@given(
    segments=st.lists(st.lists(text, min_size=1, max_size=5), min_size=1, max_size=4),
    deleted=st.sets(st.integers(0, 19)),
    compacted=st.booleans(),
    query=st.lists(word, max_size=4),
    weights=st.sampled_from([(0.9, 0.4), (1.2, 0.75), (0.5, 1.0)]),
)
def test_any_segments_and_deletions_score_as_a_new_index_of_what_is_left(
    tmp_path_factory, segments, deleted, compacted, query, weights
):
    path = tmp_path_factory.mktemp("terms") / "i"
    index = Index.create(path, FINGERPRINT, analyzer=ANALYZER)
    live: dict[str, list[str]] = {}
    for number, texts in enumerate(segments):
        documents = [Document(f"d{number * 5 + row}", "x") for row in range(len(texts))]
        words = [terms.split() for terms in texts]
        vectors = unit_vectors(len(texts), number)
        index.add([EmbeddedBatch(documents, [[Passage("x", 0, 1)]] * len(texts), vectors, terms=words)])
        live.update({d.id: terms for d, terms in zip(documents, words, strict=True)})
    gone = [f"d{number}" for number in deleted]
    index.delete(gone)
    live = {id_: terms for id_, terms in live.items() if id_ not in gone}
    if compacted:
        index.compact()
    scores_by_id = {hit.document.id: hit.score for hit in index.search_terms([query], 100, weights=BM25(*weights))[0]}
    assert set(scores_by_id) == {id_ for id_, terms in live.items() if set(terms) & set(query)}
    if scores_by_id:
        oracle = bm25s.BM25(method="lucene", k1=weights[0], b=weights[1])
        oracle.index(list(live.values()), show_progress=False)
        scores = oracle.get_scores([term for term in query if term in oracle.vocab_dict])
        expected = {id_: float(score) for id_, score in zip(live, scores, strict=True) if score > 0}
        assert scores_by_id == pytest.approx(expected, abs=1e-5)


# Through every change


def test_a_trained_layout_keeps_them(tmp_path):
    records = [record(n, passages=1 + n % 2) for n in range(30)]
    index = create(tmp_path / "i", records, layout=VectorLayout("IVF4,SQ8"))
    assert index.info().vectors.factory == "IVF4,SQ8"
    assert_terms(index, oracle_of(records), k=30)


def test_a_compaction_collects_them_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(terms, "_BLOCK_PASSAGES", 3)
    monkeypatch.setattr(terms, "_BLOCK_POSTINGS", 2)
    monkeypatch.setattr(compaction, "BATCH_DOCUMENTS", 4)
    records = [record(n, passages=1 + n % 3) for n in range(20)]
    index = create(tmp_path / "i", records)
    index.delete(["d0", "d7", "d8"])
    index.compact()
    assert_same(index, oracle_of(r for n, r in enumerate(records) if n not in (0, 7, 8)), k=20)


# Both scores, and neighbours


def both(index, k, **options):
    vectors = unit_vectors(len(TERM_QUERIES), seed=9)
    return vectors, index.search_both(vectors, TERM_QUERIES, k, **options)


@pytest.mark.parametrize("layout", ["auto", "IVF4,SQ8"])
@pytest.mark.parametrize("where", [None, "even"])
def test_candidates_have_both_scores(tmp_path, layout, where):
    records = [record(n, passages=1 + n % 3) for n in range(30)]
    index = create(tmp_path / "i", records[:20], layout=VectorLayout(layout))
    index.add([batch(records[20:])])
    index.delete(["d3", "d22"])
    oracle = oracle_of(r for n, r in enumerate(records) if n not in (3, 22))
    matches = (lambda d: d.metadata["even"]) if where else (lambda d: True)
    vectors, lines = both(index, 6, where=where)
    dense, lexical = index.search(vectors, 6, where=where), index.search_terms(TERM_QUERIES, 6, where=where)
    everything = index.search(vectors, 99, where=where)
    for query, hits, near, shared, all_of_them in zip(TERM_QUERIES, lines, dense, lexical, everything, strict=True):
        assert {*ids(hits)} == {*ids(near), *ids(shared)}
        expected = oracle.search_terms(query, matches)
        scores = {hit.document.id: hit.score for hit in all_of_them}
        passages = {hit.document.id: hit.passage for hit in [*shared, *near]}
        for hit in hits:
            assert hit.score == hit.dense_score == pytest.approx(scores[hit.document.id], abs=1e-6)
            assert hit.lexical_score == pytest.approx(expected.get(hit.document.id, 0.0), abs=1e-5)
            assert hit.passage == passages[hit.document.id]
        assert ids(hits) == sorted(ids(hits), key=lambda id_: (-{h.document.id: h.score for h in hits}[id_], id_))


def test_term_scores_of_given_documents_are_those_of_a_search(tmp_path):
    records = [record(n, passages=1 + n % 3) for n in range(30)]
    index = create(tmp_path / "i", records[:20])
    index.add([batch(records[20:])])
    index.delete(["d3", "d22"])
    asked = [f"d{n}" for n in (29, 0, 17, 4, 17) if n not in (3, 22)]
    for query in TERM_QUERIES:
        expected = {hit.document.id: hit.score for hit in index.search_terms([query], 99)[0]}
        assert index.term_scores(asked, query).tolist() == [expected.get(id_, 0.0) for id_ in asked]
        weights = BM25(k1=2.0, b=0.9)
        expected = {hit.document.id: hit.score for hit in index.search_terms([query], 99, weights=weights)[0]}
        assert index.term_scores(asked, query, weights=weights).tolist() == [expected.get(id_, 0.0) for id_ in asked]
    assert index.term_scores([], ["word"]).shape == (0,)
    with pytest.raises(ArgumentError, match="no document with the id 'd3'"):
        index.term_scores(["d3"], ["word"])


def test_candidates_bring_the_token_ids_of_their_passage(tmp_path):
    records = [record(n, passages=3) for n in range(12)]
    made = plain_batch(records, tokens=np.uint16, terms=True)
    index = Index.create(
        tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=TOKENIZER, analyzer=ANALYZER, batches=[made]
    )
    for hits in both(index, 2)[1]:
        assert hits
        assert_tokens(index, hits)


def test_neighbours_are_the_nearest_of_the_others(tmp_path):
    records = {f"d{n}": record(n, passages=1 + n % 3) for n in range(14)}
    index = create(tmp_path / "i", list(records.values())[:8])
    index.add([batch(list(records.values())[8:])])
    index.delete(["d2"])
    del records["d2"]
    asked = ["d5", "d9", "d5", "d13"]
    for where, matches in [(None, lambda d: True), ("even", lambda d: d.metadata["even"])]:
        for id_, hits in zip(asked, index.neighbours(asked, 4, where=where), strict=True):
            scores = {
                other: float((r.vectors @ records[id_].vectors.T).max())
                for other, r in records.items()
                if other != id_ and matches(r.document)
            }
            assert ids(hits) == sorted(scores, key=lambda other: -scores[other])[:4]
            assert [hit.score for hit in hits] == pytest.approx([scores[other] for other in ids(hits)], abs=1e-5)
    assert len(index.neighbours(["d1"], 99)[0]) == 12
    assert index.neighbours([], 3) == []
    with pytest.raises(ArgumentError, match="no document with the id 'd2'"):
        index.neighbours(["d1", "d2"], 3)
    with pytest.raises(ArgumentError, match="k must be at least 1"):
        index.neighbours(["d1"], 0)


# Made afterwards


def analyse(texts):
    return [terms_of_text(text) for text in texts]


@pytest.mark.parametrize("layout", ["auto", "PQ8x4fs,Refine(SQ8)"])
def test_an_index_without_them_gets_them_and_all_else_stays(tmp_path, layout):
    records = [record(n, passages=1 + n % 3) for n in range(22)]
    made = [plain_batch(part, tokens=np.uint32) for part in (records[:16], records[16:])]
    index = Index.create(
        tmp_path / "i", FINGERPRINT, tokenizer_fingerprint=TOKENIZER, layout=VectorLayout(layout), batches=[made[0]]
    )
    index.add([made[1]])
    index.delete(["d2", "d17"])
    index.set_settings({"a": 1})
    before, entries = seen(index)[:3], read_body(tmp_path / "i" / "MANIFEST")["segments"]
    assert index.index_terms(ANALYZER, analyse)
    assert (index.analyzer, index.tokenizer_fingerprint, index.settings) == (ANALYZER, TOKENIZER, {"a": 1})
    assert seen(index)[:3] == before
    assert_terms(index, oracle_of(r for n, r in enumerate(records) if n not in (2, 17)), k=22)
    for old, new in zip(entries, read_body(tmp_path / "i" / "MANIFEST")["segments"], strict=True):
        assert old.pop("name") != new.pop("name")
        del new["files"]["terms.arrow"]
        assert old == new, "the same files, canary and deletions"
    files = files_of(tmp_path / "i")
    assert not index.index_terms(ANALYZER, lambda texts: 1 / 0)
    assert files_of(tmp_path / "i") == files
    assert Index.verify(tmp_path / "i").problems == ()


def test_they_survive_other_token_ids_and_another_analyzer(tmp_path):
    records = [record(n) for n in range(9)]
    index = create(tmp_path / "i", records)
    before = seen(index)[-1]
    index.retokenize(TOKENIZER, lambda texts: [np.zeros(1, np.uint16) for _ in texts])
    assert seen(index)[-1] == before
    index.index_terms(OTHER, lambda texts: [["same"] for _ in texts])
    assert index.search_terms([["t1"]], 3) == [[]]
    [hits] = index.search_terms([["same"]], 20)
    assert len(hits) == 9
    assert hits[0].tokens.tolist() == [0]
    index.rollback(1)
    assert_terms(index, oracle_of(records))


def test_an_empty_index_gets_them(tmp_path):
    index = Index.create(tmp_path / "i", FINGERPRINT)
    assert index.index_terms(ANALYZER, analyse)
    index.add([batch([record(1)])])
    assert_same(index, oracle_of([record(1)]))


@pytest.mark.parametrize(
    ("analyzer", "analyse", "words"),
    [
        ("a b", analyse, "at most 60 characters"),
        ("", analyse, "name the analyzer of the terms"),
        (ANALYZER, lambda texts: analyse(texts)[1:], "passages need as many lists of terms"),
        (ANALYZER, lambda texts: texts, "must be a list of strings, not one"),
        (ANALYZER, lambda texts: None, "this batch has none"),
    ],
)
def test_what_an_analyzer_may_not_give(tmp_path, analyzer, analyse, words):
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[plain_batch([record(1), record(2)])])
    before = files_of(tmp_path / "i")
    with pytest.raises(ArgumentError, match=words):
        index.index_terms(analyzer, analyse)
    assert files_of(tmp_path / "i") == [*before, "LOCK"] or files_of(tmp_path / "i") == before
    assert Index.open(tmp_path / "i").analyzer == ""


def test_they_wait_for_no_other_writer(tmp_path):
    index = Index.create(tmp_path / "i", FINGERPRINT)
    with index.writer(), pytest.raises(IndexLocked):
        Index.open(tmp_path / "i").index_terms(ANALYZER, analyse)


# What is refused


def test_a_search_says_what_is_missing_or_wrong(tmp_path):
    index = Index.create(tmp_path / "i", FINGERPRINT, batches=[plain_batch([record(1)])])
    for search in (lambda: index.search_terms([["a"]], 1), lambda: both(index, 1)):
        with pytest.raises(
            ArgumentError, match="keeps no terms to search for; make them with `bicross index-terms INDEX`"
        ):
            search()
    index = create(tmp_path / "j", [record(1)])
    with pytest.raises(ArgumentError, match="query 1 must be a list of terms, not 'a'"):
        index.search_terms([["a"], "a"], 1)
    with pytest.raises(ArgumentError, match="query 0 must be a list of terms"):
        index.search_terms([[1]], 1)
    with pytest.raises(ArgumentError, match="k must be at least 1, not 0"):
        index.search_terms([["a"]], 0)
    with pytest.raises(ArgumentError, match="2 query vectors and 1 lists of terms: give one list for each vector"):
        index.search_both(np.eye(2, DIMENSION, dtype=np.float32), [["a"]], 1)
    for k1, b in [(-1, 0.4), (0.9, 1.1), (float("nan"), 0.4), (0.9, float("nan"))]:
        with pytest.raises(ArgumentError, match="k1 must be from 0 to 100"):
            BM25(k1, b)


# The file


@pytest.mark.parametrize("most", [1, 300, 70_000])
def test_counts_are_as_narrow_as_they_can_be_and_exact(tmp_path, most):
    index = of_words(tmp_path / "i", "a " * most + "b", "b")
    [file] = (tmp_path / "i").glob("segments/*/terms.arrow")
    kind = pa.ipc.open_file(file).schema.field("counts").type.value_type
    assert kind == {1: pa.uint8(), 300: pa.uint16(), 70_000: pa.uint32()}[most]
    table = PostingsTable(file, rows=2, thorough=True)
    assert [column.tolist() for column in table.postings("a")] == [[0], [most]]
    assert table.lengths.tolist() == [most + 1, 1]
    index.upsert([EmbeddedBatch([Document("d9", "x")], [[Passage("x", 0, 1)]], unit_vectors(1, 3), terms=[["c"]])])
    index.compact()
    [file] = [f for f in (tmp_path / "i").glob("segments/*/terms.arrow") if read_name(index) in str(f)]
    assert PostingsTable(file, rows=3, thorough=True).postings("a")[1].tolist() == [most]


def read_name(index):
    [entry] = read_body(index.path / "MANIFEST")["segments"]
    return entry["name"]


@given(st.lists(st.lists(word, max_size=8), max_size=12))
def test_terms_are_counted(passages):
    counted = count_terms(passages)
    for row, words in enumerate(passages):
        part = slice(counted.bounds[row], counted.bounds[row + 1])
        counts = {counted.words[n]: int(c) for n, c in zip(counted.numbers[part], counted.counts[part], strict=True)}
        assert counts == {word: words.count(word) for word in words}


@pytest.fixture
def path(tmp_path):
    """Passages "a b", "b", "a a c"."""
    of_words(tmp_path / "i", "a b", "b", "a a c")
    return tmp_path / "i"


def term_file(path):
    [file] = path.glob("segments/*/terms.arrow")
    return file


def test_what_is_in_the_file(path):
    columns = pa.ipc.open_file(term_file(path)).read_all().to_pylist()[0]
    assert columns == {
        "terms": ["a", "b", "c"],
        "starts": [0, 2, 4, 5],
        "passages": [0, 2, 0, 1, 2],
        "counts": [1, 2, 1, 1, 1],
        "lengths": [2, 1, 3],
    }


@pytest.mark.parametrize(("content", "words"), POSTINGS_OF_NO_PASSAGE.values(), ids=POSTINGS_OF_NO_PASSAGE)
def test_postings_that_make_no_sense_are_refused_before_they_are_used(path, content, words):
    """By an opening that reads everything; by one that looks at sizes, when they are asked for."""
    put_and_seal(path, term_file(path).relative_to(path).as_posix(), content)
    with pytest.raises(IndexCorrupt, match=rf"terms\.arrow has {words}"):
        Index.open(path)
    opened = Index.open(path, verify="size")
    assert ids(opened.search_terms([["b"]], 3)[0]) == ["d1", "d0"]
    with pytest.raises(IndexCorrupt, match=rf"terms\.arrow has {words}"):
        opened.search_terms([["a"]], 3)


def test_lengths_that_are_not_those_of_the_passages_are_found(path):
    for content in (
        postings_file(lengths=[2, 1, 4]),
        postings_file(lengths=[0, 0, 0]),
        postings_file(counts=[2, 2, 1, 1, 1]),
    ):
        put_and_seal(path, term_file(path).relative_to(path).as_posix(), content)
        with pytest.raises(IndexCorrupt, match="lengths of passages that differ from their postings"):
            Index.open(path)


def test_a_sealed_file_that_makes_sense_is_believed(path):
    """This cannot be detected: whoever seals an index may write other terms, just as other texts."""
    changed = postings_file(counts=[1, 200, 1, 1, 55], lengths=[2, 1, 255])
    put_and_seal(path, term_file(path).relative_to(path).as_posix(), changed)
    assert ids(Index.open(path).search_terms([["a"]], 3)[0]) == ["d2", "d0"]


def test_a_term_that_occurs_four_thousand_million_times_takes_no_memory(path):
    """Whoever seals an index may say so; a compaction carries the number along."""
    most = 2**32 - 2
    changed = postings_file(types={"counts": pa.uint32()}, counts=[1, 1, 1, 1, most], lengths=[2, 1, most + 1])
    put_and_seal(path, term_file(path).relative_to(path).as_posix(), changed)
    index = Index.open(path)
    index.delete(["d0"])
    index.compact()
    [hits] = index.search_terms([["c"]], 3)
    assert ids(hits) == ["d2"]
    assert np.isfinite(hits[0].score)


def test_a_writer_of_nothing(tmp_path):
    with create_checked(Filesystem(), tmp_path / "terms.arrow") as file:
        PostingsWriter(file).close()
    assert pa.ipc.open_file(tmp_path / "terms.arrow").read_all().to_pylist() == [
        {"terms": [], "starts": [0], "passages": [], "counts": [], "lengths": []}
    ]

import json
from itertools import combinations
from tempfile import TemporaryFile

import numpy as np
import pytest
from bicross.errors import ArgumentError, DocumentError, SourceError
from bicross.index import Document
from bicross.pipelines import build_index, cluster_documents, index_terms
from bicross.pipelines.pairs.clustering import linkage
from helpers.examples import examples
from helpers.fakes import HashEncoder
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster
from scipy.cluster.hierarchy import linkage as scipy_linkage

ENCODER = HashEncoder()
WORDS = ["tea", "milk", "bread", "fish", "rice", "salt", "soup"]
KITCHEN = ["bake the bread", "bread is baked", "baking bread", "bread in an oven"]
STREET = ["the bus was late", "a late bus", "late bus again"]

texts_of_few_words = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), min_size=1, max_size=14
)


def documents_of(texts):
    return [Document(f"d{number:04}", text) for number, text in enumerate(texts)]


def shown(clusters):
    return (
        [(c.terms, c.medoid.id, c.ids, c.scores, c.similarity) for c in clusters],
        clusters.unclustered,
        clusters.documents,
    )


def joined(vectors, threshold, top_k=20, counts=None):
    """The first row of the cluster of each vector."""
    with TemporaryFile() as file:
        state = linkage.Linkage(vectors, np.arange(len(vectors)), counts or [1] * len(vectors), file)
        state.join(threshold=threshold, top_k=top_k)
        return state.heads().tolist()


def parts(labels):
    return {frozenset(np.flatnonzero(np.asarray(labels) == label).tolist()) for label in set(labels)}


def random_vectors(seed, count, dimension=6):
    vectors = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(st.integers(0, 10**6), st.integers(2, 30), st.sampled_from([0.0, 0.2, 0.5, 0.8]))
@settings(max_examples=examples(40), deadline=None)
def test_clusters_are_those_of_average_linkage_of_all_pairs(seed, count, threshold):
    vectors = random_vectors(seed, count)
    counts = np.random.default_rng(seed).integers(1, 4, count).tolist()
    # A text of several documents counts as often as it has documents.
    owners = np.repeat(np.arange(count), counts)
    tree = scipy_linkage(vectors[owners].astype(np.float64), "average", "cosine")
    expected = fcluster(tree, 1 - threshold, "distance")
    of_texts = expected[np.cumsum(counts) - 1]
    assert parts(joined(vectors, threshold, top_k=count, counts=counts)) == parts(of_texts)


def test_few_neighbours_of_each_are_enough_for_texts_of_several_subjects():
    subjects = random_vectors(3, 12, 48)
    rows = np.repeat(subjects, 40, axis=0) + 0.1 * np.random.default_rng(4).standard_normal((480, 48)).astype("f4")
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    labels = joined(vectors, 0.5, top_k=4)
    assert parts(labels) == parts(np.repeat(np.arange(12), 40))


@given(texts_of_few_words, st.randoms(use_true_random=False), st.integers(1, 5), st.sampled_from([0.0, 0.5, 0.8, 1.0]))
@settings(max_examples=examples(40), deadline=None)
def test_the_result_depends_neither_on_the_order_nor_on_the_batch_size(texts, chance, batch_size, threshold):
    documents = documents_of(texts)
    options = {"threshold": threshold, "encoder": ENCODER}
    first = cluster_documents(documents, **options)
    chance.shuffle(documents)
    assert shown(cluster_documents(documents, batch_size=batch_size, **options)) == shown(first)
    members = [id_ for cluster in first for id_ in cluster.ids]
    assert sorted([*members, *first.unclustered]) == sorted(document.id for document in documents)
    assert [len(cluster) for cluster in first] == sorted((len(cluster) for cluster in first), reverse=True)
    vector = {d.id: ENCODER.encode_documents([d.text])[0].astype(np.float64) for d in documents}
    for cluster in first:
        assert len(cluster) >= 2
        assert cluster.ids[0] == cluster.medoid.id
        assert list(cluster.scores) == pytest.approx(
            [vector[cluster.medoid.id] @ vector[i] for i in cluster.ids], abs=1e-5
        )
        pairs = [vector[first] @ vector[second] for first, second in combinations(cluster.ids, 2)]
        assert cluster.similarity == pytest.approx(np.mean(pairs), abs=1e-5)
        total = sum(vector[id_] for id_ in cluster.ids)
        assert vector[cluster.medoid.id] @ total >= max(vector[id_] @ total for id_ in cluster.ids) - 1e-4


def test_a_cluster_is_named_by_its_words_as_texts_have_them():
    texts = [*KITCHEN, *STREET, "the moon"]
    clusters = cluster_documents(documents_of(texts), threshold=0.25, encoder=HashEncoder(256))
    bread, bus = clusters
    assert (len(bread), bread.terms[0]) == (4, "bread")
    assert bread.terms[1] in ("bake", "baked", "baking")  # three forms of one term, of which each stands once
    assert (len(bus), set(bus.terms)) == (3, {"bus", "late", "again"} if "again" in bus.terms else {"bus", "late"})
    assert bus.label == ", ".join(bus.terms)
    assert clusters.unclustered == ("d0007",)


def test_words_that_all_have_name_no_cluster():
    """Without a list of stop words for the language."""
    german = ["der Hund und die Leine", "der Hund und der Ball", "der Bus und die Bahn", "der Bus und der Zug"] * 3
    clusters = cluster_documents(german, threshold=1, language="any", encoder=HashEncoder())
    assert [len(cluster) for cluster in clusters] == [3] * 4
    assert all("der" not in cluster.terms[:2] and "und" not in cluster.terms[:2] for cluster in clusters)
    assert {cluster.terms[0] for cluster in clusters} == {"Leine", "Ball", "Bahn", "Zug"}


def test_texts_without_words_have_no_terms():
    [cluster] = cluster_documents([Document("a", "1 2"), Document("b", "1 2")], encoder=ENCODER)
    assert (cluster.terms, cluster.label) == ((), "a")


def test_scripts_without_spaces_have_terms():
    texts = ["\u6771\u4eac\u306e\u5929\u6c17", "\u732b\u3068\u72ac"]
    clusters = cluster_documents(texts, threshold=1, min_size=1, language="ja", encoder=ENCODER)
    assert {cluster.terms[0] for cluster in clusters} == {"\u306e\u5929", "\u3068\u72ac"}


def test_an_index_gives_its_vectors_its_analyzer_and_its_filters(tmp_path):
    texts = [*KITCHEN, *STREET]
    documents = [Document(f"d{number}", text, metadata={"year": number}) for number, text in enumerate(texts)]
    options = {"threshold": 0.25}
    expected = shown(cluster_documents(documents, encoder=ENCODER, **options))
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"id": d.id, "text": d.text, **d.metadata}) + "\n" for d in documents))
    assert shown(cluster_documents(path, encoder=ENCODER, **options)) == expected
    index = build_index(documents, tmp_path / "index", encoder=ENCODER, reranker=None, lexical=True)
    for source in (index, tmp_path / "index"):
        assert shown(cluster_documents(source, **options)) == expected
    assert shown(cluster_documents(index, where="year < 4", **options)) == shown(
        cluster_documents(documents[:4], encoder=ENCODER, **options)
    )
    assert shown(cluster_documents(index, where="year > 99")) == ([], (), 0)
    plain = tmp_path / "index"
    assert index_terms(plain, analyzer="unicode-1")
    [bread, _] = cluster_documents(plain, **options)
    assert bread.terms == ("bread",)  # bake, baked and baking are one term of the English analyzer alone
    assert len(cluster_documents(plain, language="en", **options)[0].terms) == 2


def test_small_clusters_are_left_out():
    documents = documents_of([*KITCHEN, *STREET, "the moon"])
    options = {"threshold": 0.25, "encoder": HashEncoder(256)}
    assert [len(c) for c in cluster_documents(documents, min_size=4, **options)] == [4]
    assert len(cluster_documents(documents, min_size=4, **options).unclustered) == 4
    all_of_them = cluster_documents(documents, min_size=1, **options)
    assert ([len(c) for c in all_of_them], all_of_them.unclustered) == ([4, 3, 1], ())
    assert (all_of_them[2].similarity, all_of_them[2].scores) == (1.0, (1.0,))


@pytest.mark.parametrize("documents", [[], ["tea"], ["tea", "soup"]])
def test_nothing_gives_nothing(documents):
    clusters = cluster_documents(documents, encoder=ENCODER, threshold=0.9)
    assert (len(clusters), len(clusters.unclustered), clusters.documents) == (0, len(documents), len(documents))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.01}, "threshold must be a number from 0 to 1, not 1.01"),
        ({"threshold": float("nan")}, "threshold must be a number from 0 to 1, not nan"),
        ({"min_size": 0}, "min_size must be at least 1, not 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"language": "klingon"}, "there is no analyzer for 'klingon'"),
        ({"where": "year > 3"}, r"where='year > 3' \(str\) is for an index: build one with"),
        ({"documents": "nowhere.jsonl"}, "nowhere.jsonl"),
    ],
)
def test_mistakes_are_found_before_a_model_is_loaded(monkeypatch, options, message):
    monkeypatch.setattr("bicross.pipelines.pairs.sources.load_encoder", None)
    with pytest.raises((ArgumentError, SourceError), match=message):
        cluster_documents(**{"documents": ["a", "b"]} | options)


def test_what_an_index_does_not_take_is_refused(tmp_path):
    index = build_index(["a", "b"], tmp_path / "index", encoder=ENCODER, reranker=None)
    with pytest.raises(ArgumentError, match="is for documents; an index has its vectors already"):
        cluster_documents(index, encoder=ENCODER)
    with pytest.raises(ArgumentError, match="year"):
        cluster_documents(index, where="year >")
    with pytest.raises(DocumentError, match="duplicate id 'a'"):
        cluster_documents([Document("a", "tea"), Document("a", "soup")], encoder=ENCODER)

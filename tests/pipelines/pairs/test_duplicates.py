import json
import os
import random
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from bicross.errors import ArgumentError, DocumentError, SourceError
from bicross.index import Document, read_documents
from bicross.pipelines import build_index
from bicross.pipelines.pairs import find_duplicates
from bicross.rerank import CrossEncoderReranker
from helpers.examples import examples
from helpers.fakes import HashEncoder, words
from hypothesis import given, settings
from hypothesis import strategies as st

DATA = Path(os.environ.get("BICROSS_DATA", Path(__file__).parents[3] / "shared" / "data"))
ENCODER = HashEncoder()
WORDS = ["tea", "milk", "bread", "fish", "rice", "salt", "soup"]


class Alike:
    """Scores a pair by the share of words that both texts have, less where the first is the longer one."""

    def __init__(self):
        self.pairs = []

    def score(self, pairs):
        self.pairs += pairs
        return np.array([self.overlap(*pair) for pair in pairs], np.float32)

    @staticmethod
    def overlap(first, second):
        both, either = set(words(first)) & set(words(second)), set(words(first)) | set(words(second))
        return len(both) / len(either) * (0.5 if len(first) > len(second) else 1)


def documents_of(texts):
    return [Document(f"d{number:04}", text) for number, text in enumerate(texts)]


def ids(group):
    return [document.id for document in group.documents]


def shown(duplicates):
    return [(ids(group), group.scores, group.verified, group.equal) for group in duplicates], duplicates.pairs


def cosine(text, other):
    first, second = ENCODER.encode_documents([text, other])
    return float(first @ second)


texts_of_few_words = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), min_size=1, max_size=14
)


@given(
    texts_of_few_words,
    st.randoms(use_true_random=False),
    st.integers(1, 5),
    st.sampled_from(["medoids", "chains"]),
    st.booleans(),
)
@settings(max_examples=examples(100), deadline=None)
def test_the_result_depends_neither_on_the_order_nor_on_the_batch_size(texts, chance, batch_size, grouping, verified):
    documents = documents_of(texts)
    options = {
        "threshold": 0.7,
        "grouping": grouping,
        "encoder": ENCODER,
        "reranker": Alike() if verified else None,
        "reranker_threshold": 0.3,
    }
    first = find_duplicates(documents, **options)
    chance.shuffle(documents)
    assert shown(find_duplicates(documents, batch_size=batch_size, **options)) == shown(first)
    strings = [document.text for document in documents]
    by_text = [sorted(document.text for document in group.documents) for group in find_duplicates(strings, **options)]
    assert sorted(by_text) == sorted(sorted(document.text for document in group.documents) for group in first)


@given(texts_of_few_words, st.sampled_from([0.0, 0.5, 0.75, 0.9, 1.0]))
@settings(max_examples=examples(100), deadline=None)
def test_pairs_and_groups_are_those_of_all_comparisons(texts, threshold):
    duplicates = find_duplicates(documents_of(texts), threshold=threshold, encoder=ENCODER, top_k=50)
    distinct = {text: f"d{texts.index(text):04}" for text in texts}
    expected = {
        frozenset((distinct[first], distinct[second])): cosine(first, second)
        for first, second in combinations(distinct, 2)
        if cosine(first, second) >= threshold - 1e-6
    }
    by_pair = {frozenset((pair.first, pair.second)): pair.score for pair in duplicates.pairs}
    assert by_pair.keys() == expected.keys()
    assert all(score == pytest.approx(expected[pair], abs=1e-5) for pair, score in by_pair.items())
    assert (duplicates.documents, duplicates.texts) == (len(texts), len(distinct))
    members = [id_ for group in duplicates for id_ in ids(group)]
    assert len(members) == len(set(members))
    assert duplicates.extra == len(members) - len(duplicates)
    for group in duplicates:
        assert len(group) > 1
        assert group.documents == (group.representative, *group.duplicates)
        for document, score in zip(group.documents, group.scores, strict=True):
            assert score >= threshold - 1e-6
            assert score == pytest.approx(cosine(group.representative.text, document.text), abs=1e-5)
    # Equal texts are together, and of two that are alike at least one is in a group.
    group_of = {id_: number for number, group in enumerate(duplicates) for id_ in ids(group)}
    for text in set(texts):
        own = [f"d{number:04}" for number, second in enumerate(texts) if second == text]
        assert len({group_of.get(id_) for id_ in own}) == 1
        assert len(own) == 1 or own[0] in group_of
    assert all(any(id_ in group_of for id_ in pair) for pair in expected)


def test_equal_texts_are_found_whatever_their_form_and_vectors():
    texts = ["Cafe\u0301  au lait", "Caf\u00e9 au\n lait ", "tea", "Caf\u00e9 au lait"]
    [group] = find_duplicates(documents_of(texts), threshold=1, encoder=HashEncoder(max_tokens=1), top_k=1)
    assert (ids(group), group.scores, group.equal) == (["d0000", "d0001", "d0003"], (1.0,) * 3, 3)
    title_apart = [Document("a", "and milk", "tea"), Document("b", "tea and milk")]
    assert [ids(group) for group in find_duplicates(title_apart, encoder=ENCODER)] == [["a", "b"]]


def test_a_chain_joins_no_strangers():
    chain = ["tea milk bread fish", "milk bread fish rice", "bread fish rice salt", "fish rice salt soup"]
    options = {"threshold": 0.65, "encoder": HashEncoder(4096)}
    documents = documents_of(chain)
    assert len(find_duplicates(documents, **options).pairs) == 3
    duplicates = find_duplicates(documents, **options)
    assert all(score >= 0.65 for group in duplicates for score in group.scores)
    assert len(duplicates[0]) < 4
    [whole] = find_duplicates(documents, grouping="chains", **options)
    assert len(whole) == 4
    assert min(whole.scores) < 0.65


def test_a_crowd_is_one_group_though_few_neighbours_of_each_are_compared():
    common = " ".join(f"w{number}" for number in range(40))
    documents = documents_of([f"{common} own{number}" for number in range(60)])
    encoder = HashEncoder(max_tokens=50)
    for grouping in ("medoids", "chains"):
        [group] = find_duplicates(documents, threshold=0.9, top_k=3, encoder=encoder, grouping=grouping)
        assert len(group) == 60


def test_the_reranker_scores_both_orders_and_must_agree():
    texts = ["tea milk bread", "tea milk bread fish", "milk tea bread fish", "soup"]
    scorer = Alike()
    options = {"threshold": 0.8, "encoder": ENCODER, "reranker": scorer}
    duplicates = find_duplicates(documents_of(texts), reranker_threshold=0.7, **options)
    assert {frozenset(pair) for pair in scorer.pairs} == {frozenset(pair) for pair in combinations(texts[:3], 2)}
    assert all((second, first) in scorer.pairs for first, second in scorer.pairs)
    [group] = duplicates
    assert set(ids(group)) == {"d0001", "d0002"}
    assert group.verified == (1.0, 1.0)
    [pair] = duplicates.pairs
    assert (pair.first, pair.second, pair.verified) == ("d0001", "d0002", 1.0)
    [all_of_them] = find_duplicates(documents_of(texts), reranker_threshold=0.5, **options)
    assert sorted(all_of_them.verified[1:]) in ([0.5625, 1.0], [0.5625, 0.5625])


def test_a_long_document_is_compared_with_all_of_its_text():
    start = " ".join(["tea milk bread fish"] * 8)
    texts = [f"{start} {' '.join([word] * 32)}" for word in ("rice", "salt")]
    documents = [*documents_of(texts), Document("copy", f"{texts[0]}.")]
    [group] = find_duplicates(documents, encoder=ENCODER)
    assert sorted(ids(group)) == ["copy", "d0000"]


def test_files_and_indexes_give_what_their_documents_give(tmp_path):
    texts = ["tea milk bread", "milk bread tea fish", "soup", "tea milk bread", "rice"]
    options = {"encoder": ENCODER, "threshold": 0.8}
    documents = [Document(f"d{number}", text, metadata={"n": number}) for number, text in enumerate(texts)]
    expected = shown(find_duplicates(documents, **options))
    assert ids(find_duplicates(documents, **options)[0]) == ["d0", "d3", "d1"]
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"id": d.id, "text": d.text, **d.metadata}) + "\n" for d in documents))
    for source in (path, str(path), read_documents(path), iter(documents)):
        duplicates = find_duplicates(source, **options)
        assert shown(duplicates) == expected
        assert [document.metadata for document in duplicates[0].documents] == [{"n": 0}, {"n": 3}, {"n": 1}]
    index = build_index(documents, tmp_path / "index", encoder=ENCODER, reranker=None)
    for source in (index, tmp_path / "index"):
        assert shown(find_duplicates(source, threshold=0.8)) == expected
    index.delete(["d0"])
    assert sorted(ids(find_duplicates(index, threshold=0.8)[0])) == ["d1", "d3"]


def test_rows_without_ids_that_are_copies_get_numbers(tmp_path):
    path = tmp_path / "texts.csv"
    path.write_text("text\ntea\nsoup\ntea\ntea\n")
    for source in (path, ["tea", "soup", "tea", "tea"]):
        [group] = find_duplicates(source, encoder=ENCODER)
        first = group.representative.id
        assert ids(group) == [first, f"{first} (2)", f"{first} (3)"]


def test_nothing_gives_nothing():
    for documents in ([], iter(()), ["tea"], ["tea", "soup"]):
        duplicates = find_duplicates(documents, encoder=ENCODER)
        assert (list(duplicates), duplicates.pairs, duplicates.extra) == ([], (), 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.01}, "threshold must be a number from 0 to 1, not 1.01"),
        ({"threshold": -0.1}, "threshold must be a number from 0 to 1, not -0.1"),
        ({"threshold": float("nan")}, "threshold must be a number from 0 to 1, not nan"),
        ({"top_k": 0}, "top_k must be at least 1, not 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"reranker_threshold": 2}, "reranker_threshold must be a number from 0 to 1, not 2"),
        ({"grouping": "trees"}, "grouping must be one of medoids, chains, not 'trees'"),
        ({"documents": "nowhere.jsonl"}, "nowhere.jsonl"),
        ({"documents": Document("d", "t")}, "not a single document: put it into a list"),
    ],
)
def test_mistakes_are_found_before_a_model_is_loaded(monkeypatch, options, message):
    monkeypatch.setattr("bicross.pipelines.pairs.sources.load_encoder", None)
    with pytest.raises((ArgumentError, SourceError), match=message.replace("(", r"\(")):
        find_duplicates(**{"documents": ["a", "b"]} | options)


def test_models_that_compare_nothing_are_refused(tmp_path):
    with pytest.raises(ArgumentError, match="encoder must be a model or the name of one"):
        find_duplicates(["a"], encoder=5)
    for reranker in (object.__new__(CrossEncoderReranker), 5):
        with pytest.raises(ArgumentError, match="reranker must be the name of a model, a PairScorer or None"):
            find_duplicates(["a"], encoder=ENCODER, reranker=reranker)
    index = build_index(["a", "b"], tmp_path / "index", encoder=ENCODER, reranker=None)
    with pytest.raises(ArgumentError, match="is for documents; an index has its vectors already"):
        find_duplicates(index, encoder=ENCODER)

    class Logits:
        def score(self, pairs):
            return np.full(len(pairs), 3.0, np.float32)

    with pytest.raises(ArgumentError, match="reranker must return one score from 0 to 1 for each pair"):
        find_duplicates(["a b", "b a"], encoder=ENCODER, reranker=Logits())


def test_two_documents_with_one_id_are_refused():
    with pytest.raises(DocumentError, match="duplicate id 'a'"):
        find_duplicates([Document("a", "tea"), Document("a", "soup")], encoder=ENCODER)


@pytest.mark.skipif(not (DATA / "squad-dev").is_dir(), reason="needs shared/data/squad-dev")
def test_planted_copies_of_questions_are_all_found():
    with (DATA / "squad-dev" / "queries.jsonl").open(encoding="utf-8") as lines:
        questions = sorted({" ".join(json.loads(line)["text"].split()) for line in lines})[:1500]
    chance = random.Random(0)
    exact = chance.sample(questions, 60)
    near = chance.sample([question for question in questions if len(words(question)) > 8], 30)
    planted = [*exact, *(f"  {question.replace(' ', '  ')}\n" for question in exact[:20])]
    reworded = [" ".join([*question.split()[1:], question.split()[0]]) for question in near]
    documents = documents_of([*questions, *planted, *reworded])
    chance.shuffle(documents)
    encoder = HashEncoder(256)
    duplicates = find_duplicates(documents, encoder=encoder)
    by_text = {" ".join(document.text.split()): group for group in duplicates for document in group.documents}
    for text in exact:
        own = [d for d in by_text[text].documents if " ".join(d.text.split()) == text]
        assert len(own) == 2 + (text in exact[:20])
    assert all(by_text[question] is by_text[other] for question, other in zip(near, reworded, strict=True))
    chance.shuffle(documents)
    assert shown(find_duplicates(documents, encoder=encoder, batch_size=64)) == shown(duplicates)

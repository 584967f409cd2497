import pytest
from bicross.errors import ArgumentError
from bicross.index import Chunking, Document, chunking, split_documents
from helpers.fakes import words
from hypothesis import given
from hypothesis import strategies as st


def count(texts):
    return [len(words(text)) for text in texts]


def split(text, *, title="", max_tokens, overlap=0):
    [passages] = split_documents(
        [Document("d", text, title)], count_tokens=count, max_tokens=max_tokens, overlap=overlap
    )
    return passages


def test_a_document_within_the_limit_stays_whole():
    [passage] = split("  One sentence. Two sentences.  ", title="A title", max_tokens=6)
    assert (passage.start, passage.end, passage.text) == (0, 32, "  One sentence. Two sentences.  ")


def test_windows_end_at_sentences():
    text = 'He said "stop here." Then he left! Was it late? It was.\n\nA new paragraph starts.'
    texts = [p.text for p in split(text, max_tokens=7)]
    assert texts == [
        'He said "stop here." Then he left!',
        "Was it late? It was.",
        "A new paragraph starts.",
    ]


def test_windows_overlap_by_whole_sentences():
    text = "One two. Three four. Five six. Seven eight."
    assert [p.text for p in split(text, max_tokens=6, overlap=2)] == [
        "One two. Three four. Five six.",
        "Five six. Seven eight.",
    ]


def test_the_title_takes_its_share_of_the_budget():
    text = "One two. Three four. Five six."
    assert [p.text for p in split(text, title="T", max_tokens=5)] == ["One two. Three four.", "Five six."]
    # A title that would fill the window leaves half of it.
    assert len(split(text, title="t " * 50, max_tokens=4)) == 3


def test_a_sentence_without_end_is_cut_between_words():
    texts = [p.text for p in split("w " * 25, max_tokens=10)]
    assert [len(words(t)) for t in texts] == [10, 10, 5]


def test_a_word_without_end_is_cut_between_characters():
    [passages] = split_documents(
        [Document("d", "x" * 1000)], count_tokens=lambda texts: [len(t) for t in texts], max_tokens=300, overlap=0
    )
    assert [(p.start, p.end) for p in passages] == [(0, 300), (300, 600), (600, 900), (900, 1000)]


texts = st.text(alphabet=st.sampled_from("ab .!?\n\"'漢。é-"), max_size=300)


@given(texts, st.integers(1, 12), st.integers(0, 12))
def test_windows_cover_the_text_in_order_within_the_budget(text, max_tokens, overlap):
    document = Document("d", text, "t")
    [passages] = split_documents([document], count_tokens=count, max_tokens=max_tokens, overlap=overlap)
    assert passages
    covered = 0
    for passage in passages:
        assert passage.text == text[passage.start : passage.end]
        assert not text[covered : passage.start].strip(), "text was left out"
        covered = max(covered, passage.end)
        if len(passages) > 1:
            assert count([passage.text])[0] <= max_tokens
    assert not text[covered:].strip()
    assert [p.start for p in passages] == sorted({p.start for p in passages}), "every window moves on"


def test_settings_that_make_no_sense():
    with pytest.raises(ArgumentError, match="max_tokens must be at least 1, not 0"):
        Chunking(max_tokens=0)
    with pytest.raises(ArgumentError, match="overlap must not be negative, but is -1"):
        Chunking(overlap=-1)


@given(st.text("a b.", max_size=80), st.integers(1, 6), st.integers(0, 3))
def test_a_long_document_is_counted_in_parts(text, max_tokens, overlap):
    calls = []

    def counted(texts):
        calls.append(sum(map(len, texts)))
        return count(texts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunking, "_COUNTED_CHARACTERS", 16)
        [passages] = split_documents(
            [Document("d", text, "title")], count_tokens=counted, max_tokens=max_tokens, overlap=overlap
        )
    assert max(calls) <= 32
    covered = {place for passage in passages for place in range(passage.start, passage.end)}
    assert all(character == " " or place in covered for place, character in enumerate(text))
    if len(text) <= 10:  # with the title it is a text that is counted at once
        assert passages == split(text, title="title", max_tokens=max_tokens, overlap=overlap)
    else:
        assert all(count([passage.text])[0] <= max_tokens for passage in passages)


@given(st.lists(st.text("a b", max_size=20), max_size=30))
def test_counts_in_parts_are_the_counts(texts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunking, "_COUNTED_CHARACTERS", 10)
        found = chunking._count_in_parts(count, texts)
    assert found == [len(text) if len(text) > 10 else count([text])[0] for text in texts]

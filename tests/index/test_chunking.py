import pytest
from bicross.errors import ArgumentError
from bicross.index import Chunking, Document, split_documents
from fakes import words
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

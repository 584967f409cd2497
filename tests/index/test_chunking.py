import re

import pytest
from bicross.errors import ArgumentError
from bicross.index import Chunking, Document, chunking, passage_text, sentence_spans, split_documents
from helpers.fakes import words
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers


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
    with pytest.raises(ArgumentError, match="overlap must be at least 0, not -1"):
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
    covered = {position for passage in passages for position in range(passage.start, passage.end)}
    assert all(character == " " or position in covered for position, character in enumerate(text))
    if len(text) <= 10:  # with the title it is a text that is counted at once
        assert passages == split(text, title="title", max_tokens=max_tokens, overlap=overlap)
    else:
        assert all(count([passage.text])[0] <= max_tokens for passage in passages)


@given(st.lists(st.text("a b", max_size=20), max_size=30))
def test_counts_in_parts_are_the_counts(texts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunking, "_COUNTED_CHARACTERS", 10)
        counts = chunking._count_in_parts(count, texts)
    assert counts == [len(text) if len(text) > 10 else count([text])[0] for text in texts]


# Borders

BORDER = re.compile(r"""(?<=[.!?])["')\]]*\s+|(?<=[。！？])\s*|\s*\n\s*\n\s*|\n(?=\s*[-*•\d])""")
"""What a border is, in an expression that takes quadratic time on long runs of white space."""


@given(st.text("ab .!?\n\t\r\"')]。！-*5٣•\xa0\x1c", max_size=24))
def test_borders_are_those_of_the_slow_expression(text):
    sentences, start = [], 0
    for end in [match.end() for match in BORDER.finditer(text)] + [len(text)]:
        sentences += [text[start:end].strip()] if text[start:end].strip() else []
        start = end
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences


RUNS = [" " * 10**6, "\t" * 10**6, "\xa0 " * 500_000, " " * 500_000 + "\n" + "\t" * 500_000]


@pytest.mark.parametrize("blanks", RUNS)
def test_a_megabyte_of_blanks_is_split_at_once(blanks):
    """With the expression above each would take hours."""
    passages = split("a " + blanks + " b " + "word " * 400, max_tokens=256)
    assert [len(words(passage.text)) for passage in passages] == [1, 255, 146]
    assert all(len(passage.text) < 2000 for passage in passages)


# Tokenizers of every kind: no token is left unread

CORPUS = ["the café of a naïve vaccine, the vaccines of the cafés", "한국어 문장", "故乡 漢字", "a " * 9]


def byte_level():
    """As of RoBERTa, ModernBERT and Qwen: a character is up to four tokens, and blanks are tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet))
    return tokenizer


def word_piece():
    """As of BERT: with NFD a Hangul syllable is two or three tokens, and a long word is one unknown token."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    texts = [*CORPUS, *map("".join, zip("\u1112\u1161\u11ab", "abc", strict=True))]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=120, special_tokens=["[UNK]"]))
    return tokenizer


def unigram():
    """As of XLM-R and T5: NFKC makes up to eighteen characters of one, and white space is part of tokens."""
    pieces = [
        ("<unk>", 0.0),
        ("\u2581", -2.0),
        *((character, -3.0) for character in "abcdefghijklmnopqrstuvwxyz."),
        ("th", -3.5),
    ]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


TOKENIZERS = {make.__name__: make() for make in (byte_level, word_piece, unigram)}
ALPHABETS = ("ab .", "a \t\n ", "😀a. ", "漢字。", "한국 .", "\u1112\u1161\u11ab ", "e\u0301 .", "ﷺﬁ ½", "ไทย", "a/.-_")


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(
    st.sampled_from(ALPHABETS).flatmap(lambda alphabet: st.text(alphabet, min_size=1, max_size=200)),
    st.sampled_from(["", "the", "a title 😀"]),
    st.integers(18, 60),
    st.integers(0, 40),
)
def test_no_passage_is_longer_than_the_limit_whatever_the_tokenizer(kind, text, title, max_tokens, overlap):
    def counted(texts):
        return [len(encoding) for encoding in TOKENIZERS[kind].encode_batch(list(texts), add_special_tokens=False)]

    document = Document("d", text, title or "t")
    [passages] = split_documents([document], count_tokens=counted, max_tokens=max_tokens, overlap=overlap)
    too_long_a_title = counted([document.title])[0] > max_tokens - max_tokens // 8
    read = [passage.text if too_long_a_title else passage_text(document.title, passage.text) for passage in passages]
    assert max(counted(read)) <= max_tokens
    covered = {position for passage in passages for position in range(passage.start, passage.end)}
    assert all(character.isspace() or position in covered for position, character in enumerate(text))
    assert all(passage.text == text[passage.start : passage.end] for passage in passages)
    assert [passage.start for passage in passages] == sorted({passage.start for passage in passages})


@pytest.mark.parametrize("text", ["😀" * 200, "漢字" * 100, "a" + " " * 5000 + "b", "한" * 300])
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_texts_of_many_tokens_a_character(kind, text):
    def counted(texts):
        return [len(encoding) for encoding in TOKENIZERS[kind].encode_batch(list(texts), add_special_tokens=False)]

    [passages] = split_documents([Document("d", text)], count_tokens=counted, max_tokens=62, overlap=32)
    assert max(counted([passage.text for passage in passages])) <= 62
    assert "".join(passage.text for passage in passages).replace(" ", "") == text.replace(" ", "")

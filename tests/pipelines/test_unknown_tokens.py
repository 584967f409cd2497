"""What a tokenizer does not know is measured, told once with the remedy, and limits what relevance claims."""

import dataclasses
import hashlib
import json
import logging

import numpy as np
import pytest
from bicross.index import Document, Index
from bicross.inference import TextTokenizer, resolve_model
from bicross.pipelines import SearchPipeline, add_documents, build_index
from bicross.pipelines.unknown_tokens import relevance_ceiling, unknown_share, unknown_share_of
from bicross.retrieval import DEFAULT_ENCODER, DenseRetriever, LexicalRetriever, ParallelEncoder
from helpers import commands
from helpers.fakes import HashEncoder, OverlapReranker
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

REMEDY = "take multilingual models, such as --encoder intfloat/multilingual-e5-small"


def shares(texts):
    """As of an English vocabulary: every character that is not ASCII is unknown."""
    return [sum(not character.isascii() for character in text) / max(1, len(text)) for text in texts]


class EnglishEncoder(HashEncoder):
    def unknown_shares(self, texts):
        return shares(texts)


class SureReranker(OverlapReranker):
    """Is certain of everything, as an English model is of Thai."""

    def unknown_shares(self, texts):
        return shares(texts)

    def score(self, pairs):
        return np.full(len(pairs), 9.0, np.float32) - np.arange(len(pairs), dtype=np.float32) / 8


ENGLISH = [Document(f"e{n}", f"vaccines train the immune system {n}") for n in range(5)]
THAI = [Document(f"t{n}", f"เมืองหลวงของประเทศไทย{n}") for n in range(5)]


def build(path, documents, **options):
    return build_index(documents, path, encoder=EnglishEncoder(), reranker=None, **options)


def search(index, query, **options):
    return SearchPipeline(DenseRetriever(index, EnglishEncoder()), SureReranker(), **options).search(query)


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_relevance_claims_no_certainty_of_what_the_models_cannot_read(tmp_path):
    thai, english = build(tmp_path / "t", THAI), build(tmp_path / "e", ENGLISH)
    assert search(english, "how do vaccines work?")[0].relevance > 0.99
    for index, query in ((thai, "เมืองหลวง"), (thai, "the capital"), (english, "เมืองหลวง")):
        results = search(index, query)
        assert max(result.relevance for result in results) == pytest.approx(0.5)
        assert [r.relevance for r in results] == sorted((r.relevance for r in results), reverse=True)
    assert search(english, "vaccines and the immune system 🍕")[0].relevance > 0.99, "an emoji is harmless"
    assert search(english, "vaccines ภาษาไทย")[0].relevance < 0.6


def test_the_first_stage_alone_claims_none_either(tmp_path):
    index = build(tmp_path / "t", THAI, lexical="th")
    dense = SearchPipeline(DenseRetriever(index, EnglishEncoder()), None)
    assert dense.search(THAI[0].text)[0].relevance == pytest.approx(0.5)
    words = SearchPipeline(LexicalRetriever(index), None)
    assert words.search("เมืองหลวง"), "terms are not tokens, and nothing is measured"


def test_a_search_warns_once_with_the_share_and_the_remedy(tmp_path, caplog):
    pipeline = SearchPipeline(DenseRetriever(build(tmp_path / "e", ENGLISH), EnglishEncoder()), SureReranker())
    pipeline.search("vaccines")
    assert not warnings_of(caplog)
    for _ in range(3):
        pipeline.search_batch(["เมืองหลวง", "疫苗如何工作"])
    [message] = warnings_of(caplog)
    assert message.startswith("100% of the query 'เมืองหลวง'")
    assert REMEDY in message


@pytest.mark.parametrize("encoder", [EnglishEncoder(), ParallelEncoder([EnglishEncoder(), EnglishEncoder()])])
def test_indexing_warns_once_with_the_share_and_the_remedy(tmp_path, caplog, encoder):
    build_index(ENGLISH, tmp_path / "i", encoder=encoder, reranker=None)
    assert not warnings_of(caplog)
    add_documents(tmp_path / "i", THAI, encoder=encoder)
    [message] = warnings_of(caplog)
    assert message.startswith(
        "95% of the characters of a batch of passages are unknown to the tokenizer of hash-encoder"
    )
    assert REMEDY in message


def test_models_without_a_vocabulary_are_not_measured(tmp_path, caplog):
    index = build_index(THAI, tmp_path / "i", encoder=HashEncoder(), reranker=None)
    assert SearchPipeline(DenseRetriever(index, HashEncoder()), OverlapReranker()).search("เมืองหลวง")
    assert not warnings_of(caplog)
    assert unknown_share(None, ["เมืองหลวง"]) == unknown_share(EnglishEncoder(), []) == 0.0


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_ceiling_falls_evenly_from_certain_to_undecided(share, other_share):
    low, high = sorted((share, other_share))
    assert 1.0 >= relevance_ceiling(low) >= relevance_ceiling(high) >= 0.5
    assert relevance_ceiling(0.1) == 1.0
    assert relevance_ceiling(0.3) == pytest.approx(0.75)
    assert relevance_ceiling(0.5) == relevance_ceiling(1.0) == 0.5


def serialised_tokenizer(model, pre_tokenizer):
    backend = Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizer
    special = [(token, backend.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    backend.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", special)
    return backend.to_str()


VOCABULARY = ["[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz0123456789,;()!", "the", "vaccine"]


def word_piece():
    pieces = {token: number for number, token in enumerate([*VOCABULARY, *(f"##{c}" for c in VOCABULARY[3:29])])}
    return serialised_tokenizer(models.WordPiece(pieces, unk_token="[UNK]"), pre_tokenizers.BertPreTokenizer())


def unigram():
    pieces = [(token, -1.0) for token in [*VOCABULARY, "▁"]]
    return serialised_tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False), pre_tokenizers.Metaspace())


def byte_level():
    tokens = ["[CLS]", "[SEP]", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    pieces = {token: number for number, token in enumerate(tokens)}
    return serialised_tokenizer(models.BPE(pieces, []), pre_tokenizers.ByteLevel(add_prefix_space=False))


@pytest.mark.parametrize(
    ("make", "text", "share"),
    [
        (word_piece, "the vaccine", 0.0),
        (word_piece, "เมืองหลวงของประเทศไทย", 1.0),
        (word_piece, "the เมือง", 5 / 8),
        (word_piece, "", 0.0),
        (unigram, "漢字漢字", 1.0),
        (unigram, "the vaccine", 0.0),
        (byte_level, "เมืองหลวง", 1.0),  # a token for every byte
        (byte_level, "the größe of 漢字", 0.0),
    ],
)
def test_the_share_of_characters_that_are_unknown(make, text, share):
    assert TextTokenizer(make()).unknown_shares([text, "the"]) == [pytest.approx(share), 0.0]


def test_the_share_of_an_index_is_measured_on_a_sample(tmp_path, capsys):
    model = tmp_path / "model"
    model.mkdir()
    serialised = word_piece()
    for name, content in (("tokenizer.json", serialised), ("config.json", "{}"), ("model.safetensors", "")):
        (model / name).write_text(content, encoding="utf-8")
    encoder = HashEncoder(name=str(model))
    fingerprint = encoder.fingerprint
    sha256 = hashlib.sha256(serialised.encode()).hexdigest()
    encoder.fingerprint = dataclasses.replace(fingerprint, tokenizer_sha256=sha256)
    build_index([*ENGLISH, *THAI[:2]], tmp_path / "i", encoder=encoder, reranker=None)
    add_documents(tmp_path / "i", THAI[2:], encoder=encoder)
    index = Index.open(tmp_path / "i")
    assert unknown_share_of(index) == pytest.approx(0.5, abs=0.03)  # the digits are known
    code, out, _ = commands.run(capsys, "info", tmp_path / "i", "--json")
    assert (code, json.loads(out)["unknown_share"]) == (0, unknown_share_of(index))
    _, out, _ = commands.run(capsys, "info", tmp_path / "i")
    assert f"{100 * unknown_share_of(index):.1f}% of the characters of a sample" in " ".join(out.split())
    (model / "tokenizer.json").write_text(serialised + " ", encoding="utf-8")
    assert unknown_share_of(index) is None
    encoder.fingerprint = dataclasses.replace(fingerprint, id=str(tmp_path / "gone"))
    build_index(ENGLISH, tmp_path / "i", encoder=encoder, reranker=None, overwrite=True)
    _, out, _ = commands.run(capsys, "info", tmp_path / "i")
    assert "of a sample" not in out


@pytest.fixture(scope="module")
def english():
    """The tokenizer of the default models, whose vocabulary has the letters of many languages."""
    return TextTokenizer((resolve_model(DEFAULT_ENCODER) / "tokenizer.json").read_text("utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "Вакцины учат иммунную систему узнавать вирусы.",
        "столица Франции",
        "تدرب اللقاحات جهاز المناعة على التعرف على الفيروسات",
        "عاصمة فرنسا",
        "백신은 면역 체계를 훈련시킨다",
        "프랑스의 수도",
        "החיסונים מאמנים את מערכת החיסון",
        "Τα εμβόλια εκπαιδεύουν το ανοσοποιητικό σύστημα",
        "ワクチンはどのように機能しますか",
        "वैक्सीन प्रतिरक्षा प्रणाली को प्रशिक्षित करती है",
    ],
)
def test_a_language_that_is_only_spelled_out_is_unknown(english, text):
    [share] = english.unknown_shares([text])
    assert share > 0.8
    assert english.unknown_shares([f"{text}\n{text}"])[0] > 0.8
    assert english.unknown_shares(["vaccines train the immune system " * 10 + text])[0] < 0.3


@pytest.mark.parametrize(
    "text",
    [
        "Wie groß ist die Überprüfung? Die Straße führt über Köln nach Düsseldorf.",
        "Où est né l'élève à Besançon? Cœur, naïve, façade.",
        "¿Dónde está el niño? Ação, coração.",
        "α-synuclein binds β-amyloid; ΔF508, μ = 5 ± 2 µm, χ² = 3",
        "def größe_in_mm(x): return x ** 2  # naïve",
        "snake_case_identifier CamelCaseIdentifier 0x7fff5fbff8a0",
        "the word λόγος means a word in the Greek of the old books",
        "vaccines 🍕 and the immune system",
    ],
)
def test_what_an_english_model_can_read_is_known(english, text):
    assert english.unknown_shares([text])[0] < 0.1


def test_a_tokenizer_that_has_pieces_of_the_words_knows_them():
    words = ["как", "работа", "##ют", "вак", "##цины", "##цина", "백신", "##은", "어떻게"]
    pieces = {token: number for number, token in enumerate([*VOCABULARY, *words])}
    serialised = serialised_tokenizer(models.WordPiece(pieces, unk_token="[UNK]"), pre_tokenizers.BertPreTokenizer())
    russian = TextTokenizer(serialised)
    assert russian.unknown_shares(["как работают вакцины", "вакцина", "백신은 어떻게"]) == [0.0, 0.0, 0.0]

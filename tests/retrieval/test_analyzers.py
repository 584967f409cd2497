"""Analyzers of other languages than English: what they make of texts, and that an index is searched with its own."""

import unicodedata
from collections import Counter

import bm25s
import numpy as np
import pytest
import Stemmer
from bicross.errors import ArgumentError, IndexModelMismatch
from bicross.index import BM25, Document, Index
from bicross.pipelines import add_documents, build_index, index_terms
from bicross.pipelines.commands import index as commands
from bicross.pipelines.commands import main
from bicross.retrieval import ANALYZERS, LANGUAGES, HybridRetriever, LexicalRetriever, analyse, analyzer_named
from helpers.fakes import HashEncoder
from helpers.running_time import BLANKS, SCRIPTS, WORDS, require_linear
from hypothesis import given
from hypothesis import strategies as st

ENCODER = HashEncoder()
POEM = ["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"]
THAI = ["กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย", "ข้าวผัดเป็นอาหารยอดนิยม", "ช้างเป็นสัตว์ขนาดใหญ่"]
HINDI = ["हिन्दी में खोज कैसे करें", "आज मौसम अच्छा है", "किताबें पढ़ना अच्छा है"]


def terms(language, text):
    return analyzer_named(language)([text])[0]


def build(path, texts, **options):
    documents = [Document(f"d{number}", text) for number, text in enumerate(texts)]
    return build_index(documents, path, encoder=ENCODER, reranker=None, **options)


def ids_of(index, query):
    return [hit.document.id for hit in LexicalRetriever(index).retrieve([query], 10)[0]]


@pytest.mark.parametrize(
    ("language", "texts", "query", "expected"),
    [
        ("zh", POEM, "故乡", ["d3"]),
        ("zh", POEM, "明月", ["d0", "d2"]),
        ("zh", POEM, "霜", ["d1"]),
        ("any", POEM, "故乡", ["d3"]),
        ("th", THAI, "เมืองหลวง", ["d0"]),
        ("th", THAI, "ช้าง", ["d2"]),
        ("hi", HINDI, "खोज", ["d0"]),
        ("hi", HINDI, "किताब", ["d2"]),
        ("ja", ["東京タワーへ行く", "ﾃﾚﾋﾞを見る"], "タワー", ["d0"]),
        ("ja", ["東京タワーへ行く", "ﾃﾚﾋﾞを見る"], "テレビ", ["d1"]),
        ("ko", ["학교에서 공부한다", "물을 마신다"], "학교", ["d0"]),
        ("de", ["Die Häuser am See", "Ein Boot"], "Haus", ["d0"]),
        ("de", ["Große Straße", "Ein Boot"], "STRASSE", ["d0"]),
        ("tr", ["İSTANBUL'DA ISPARTA", "Ankara"], "ısparta", ["d0"]),
        ("ru", ["Вакцины работают", "Погода"], "вакцина", ["d0"]),
        ("fa", ["می\u200cخواهم بروم", "سلام"], "میخواهم", ["d0"]),
        ("zh", ["用Python3编程", "ＧＰＵ计算"], "python3", ["d0"]),
        ("zh", ["用Python3编程", "ＧＰＵ计算"], "gpu", ["d1"]),
    ],
)
def test_words_of_a_language_are_found(tmp_path, language, texts, query, expected):
    assert sorted(ids_of(build(tmp_path / "i", texts, lexical=language), query)) == expected


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_composed_and_decomposed_texts_have_the_same_terms(language):
    text = "Un café naïf, Ångström, Việt Nam, 한국어 हिंदी က္ကို が"
    assert terms(language, unicodedata.normalize("NFD", text)) == terms(language, unicodedata.normalize("NFC", text))
    assert any(term.startswith("caf") for term in terms(language, "cafe\u0301"))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "unicode-1",
            "Don't split naïve state-of-the-art x C3 ½",
            ["don", "split", "naïve", "state", "of", "the", "art", "c3"],
        ),
        ("unicode-1", "हिन्दी में", ["हिन्दी", "में"]),
        ("unicode-1", "床前 a漢b", ["床", "床前", "前", "漢"]),
        ("unicode-1", "ไทย 한국어", ["ไท", "ทย", "한국", "국어"]),
        ("unicode-1", "co\u00adoperate ＡＢＣ ﬁne", ["cooperate", "abc", "fine"]),
        ("snowball-german-1", "Die Häuser und die großen Straßen", ["haus", "gross", "strass"]),
        ("snowball-french-1", "les cafés des vaccins", ["caf", "vaccin"]),
        ("snowball-hindi-1", "खोज में किताबें", ["खोज", "म", "किताब"]),
    ],
)
def test_what_an_analyzer_makes_of_text_is_bound_to_its_name(name, text, expected):
    """Where this test fails, indexes that were built before no longer match: give the analyzer another name."""
    assert terms(name, text) == expected


def test_bm25_is_that_of_brute_force_over_the_terms(tmp_path):
    texts = [*POEM, *THAI, *HINDI, "明月明月 hello", "hello world 故乡"]
    index = build(tmp_path / "i", texts, lexical="any")
    counts = [Counter(terms("any", text)) for text in texts]
    lengths = np.array([count.total() for count in counts])
    weights = BM25()
    for query in ("明月", "故乡 hello", "เมืองหลวง", "खोज अच्छा"):
        scores = np.zeros(len(texts))
        for term in terms("any", query):
            frequencies = np.array([count[term] for count in counts])
            holding = (frequencies > 0).sum()
            idf = np.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
            length = weights.k1 * (1 - weights.b + weights.b * lengths / lengths.mean())
            scores += idf * frequencies / (frequencies + length)
        hits = LexicalRetriever(index).retrieve([query], 20)[0]
        assert {hit.document.id: hit.score for hit in hits} == pytest.approx(
            {f"d{number}": score for number, score in enumerate(scores) if score}, rel=1e-5
        )


def test_an_index_is_changed_and_searched_with_its_own_analyzer(tmp_path):
    path = tmp_path / "i"
    build(path, POEM, lexical="zh")
    add_documents(path, [Document("new", "我的故乡很美")], encoder=ENCODER)
    index = Index.open(path)
    assert index.analyzer == "unicode-1"
    assert sorted(ids_of(index, "故乡")) == ["d3", "new"]
    assert sum(hit.lexical_score > 0 for hit in HybridRetriever(index, ENCODER).candidates(["故乡"], 10)[0]) == 2
    assert not index_terms(path)
    assert index_terms(path, analyzer="de")
    assert not index_terms(path), "an index keeps its analyzer"
    assert Index.open(path).analyzer == "snowball-german-1"


@given(st.lists(st.text(st.characters(codec="utf-8") | st.sampled_from("aehist _'"), max_size=40), max_size=5))
def test_english_terms_are_those_of_bm25s(texts):
    stemmer = Stemmer.Stemmer("english")
    expected = bm25s.tokenize(texts, stopwords="english", stemmer=stemmer, return_ids=False, show_progress=False)
    assert analyzer_named("bm25s-english-1")(texts) == expected


def test_the_english_analyzer_of_before_stays_what_it_was(tmp_path):
    path = tmp_path / "i"
    build(path, ["cafe\u0301 and coffee", "tea"], lexical="bm25s-english-1")
    assert terms("bm25s-english-1", "cafe\u0301s running") == ["cafe", "run"]
    assert terms("en", "cafe\u0301s running") == ["café", "run"]
    assert ids_of(Index.open(path), "cafe") == ["d0"]
    assert not index_terms(path)
    assert index_terms(path, analyzer="en")
    assert ids_of(Index.open(path), "café") == ["d0"]


def test_an_analyzer_of_another_version_is_refused_with_the_remedy(tmp_path):
    path = tmp_path / "i"
    build(path, POEM)
    Index.open(path).index_terms("unicode-9", analyse)
    with pytest.raises(IndexModelMismatch, match=r"'unicode-9', which .*index-terms .* --language"):
        ids_of(Index.open(path), "故乡")
    assert index_terms(path, analyzer="zh")
    assert ids_of(Index.open(path), "故乡") == ["d3"]


@pytest.mark.parametrize("name", ["", "xx", "german", "snowball-klingon-1", "unicode"])
def test_an_unknown_language_is_refused(tmp_path, name):
    with pytest.raises(
        ArgumentError, match=rf"no analyzer for '{name}'; take the code of a language .*de, .*unicode-1"
    ):
        build(tmp_path / "i", POEM, lexical=name)
    assert not (tmp_path / "i").exists()


def test_the_commands(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(commands, "load_encoder", lambda name, device=None, dtype=None: ENCODER)
    rows, path = tmp_path / "rows.csv", tmp_path / "i"
    rows.write_text("id,text\n" + "".join(f"{number},{text}\n" for number, text in enumerate(POEM)), "utf-8")
    index = ("index", str(rows), "-o", str(path), "--no-tokens")
    assert main([*index, "--language", "zh"]) == 0
    assert ids_of(Index.open(path), "故乡") == ["3"]
    assert main(["index-terms", str(path), "--analyzer", "snowball-german-1"]) == 0
    assert Index.open(path).analyzer == "snowball-german-1"
    capsys.readouterr()
    assert main([*index, "--overwrite", "--language", "german"]) == 2
    assert "--language has no 'german': give 'any', which suits every language, or one of" in capsys.readouterr().err
    assert main(["index-terms", str(path), "--language", "de", "--analyzer", "unicode-1"]) == 2
    assert "--language de chooses the analyzer, and so does --analyzer unicode-1" in capsys.readouterr().err


@given(st.text(max_size=60), st.sampled_from(ANALYZERS))
def test_any_text_has_terms_without_white_space_that_depend_on_no_other_text(text, name):
    analyzer = analyzer_named(name)
    alone, _ = analyzer([text, "other"])
    assert alone == analyzer([text])[0]
    assert all(term and term.split() == [term] for term in alone)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("read_file", "read_fil read file"),
        ("readFile", "readfil read file"),
        ("XMLHttpRequest", "xmlhttprequest xml http request"),
        ("__init__ x_1 aB", "__init__ x_1 ab"),  # parts of one character are not terms
        ("naïve_search", "naïve_search naïv search"),
        ("a well-known NASA study of mRNA", "well known nasa studi mrna rna"),
        ("snake__case", "snake__cas snake case"),
    ],
)
def test_the_parts_of_a_programs_names_are_terms(text, expected):
    parts, whole = terms("en", text), terms("bm25s-english-2", text)
    assert parts == expected.split()
    assert set(whole) <= set(parts)


def test_an_index_of_the_english_analyzer_of_before_is_searched_with_that(tmp_path):
    path = tmp_path / "i"
    build(path, ["def read_file(path)", "tea"], lexical="bm25s-english-2")
    assert ids_of(Index.open(path), "file") == []
    assert not index_terms(path)
    assert index_terms(path, analyzer="en")
    assert ids_of(Index.open(path), "file") == ["d0"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unicode-1", "snowball-german-1", "bm25s-english-3"])
def test_no_text_takes_more_than_linear_time(name):
    for piece in (*BLANKS, *WORDS, *SCRIPTS, "\u0301\u0327", "a\u0301\u0327", "\u0f73\u0301"):
        require_linear(lambda text: analyzer_named(name)([text]), piece, "a{}", largest=2**16)

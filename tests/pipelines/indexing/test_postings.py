"""Terms that an index keeps: asked for at the beginning or afterwards, and brought by whatever is added."""

import json

import pytest
from bicross.errors import ArgumentError, IndexModelMismatch
from bicross.index import Document, Index, passage_text
from bicross.pipelines import add_documents, build_index, index_terms, upsert_documents
from bicross.pipelines.commands import main
from bicross.pipelines.models import open_retriever
from bicross.retrieval import ANALYZER, DenseRetriever, HybridRetriever, LexicalRetriever, ReciprocalRank, analyse
from helpers.fakes import HashEncoder

ENCODER = HashEncoder()


def documents(*numbers):
    return [Document(f"d{n}", f"Number {n} is running. " * (1 + 20 * (n % 2)), "The title") for n in numbers]


def build(path, **options):
    return build_index(documents(1, 2, 3), path, encoder=ENCODER, reranker=None, **options)


def ids_of(index, query, k=10):
    return {hit.document.id for hit in LexicalRetriever(index).retrieve([query], k)[0]}


def test_an_index_keeps_them_unless_it_is_not_to(tmp_path):
    assert build(tmp_path / "i").analyzer == build(tmp_path / "j", lexical=True).analyzer == ANALYZER
    assert build(tmp_path / "k", lexical=False).analyzer == ""


@pytest.mark.parametrize("wrong", [5, 0, None, ["de"], 1.0])
def test_what_is_neither_a_flag_nor_a_language_is_refused(tmp_path, wrong):
    with pytest.raises(ArgumentError, match="lexical must be True, False or the code of a language such as 'de', not "):
        build(tmp_path / "i", lexical=wrong)
    assert not (tmp_path / "i").exists()


def test_what_is_added_brings_them_and_every_passage_has_those_of_its_text(tmp_path):
    path = tmp_path / "i"
    build(path, lexical=True)
    assert add_documents(path, documents(4, 5), encoder=ENCODER) == 2
    assert upsert_documents(path, [*documents(3), Document("d2", "Walking away")], encoder=ENCODER) == 1
    index = Index.open(path)
    assert ids_of(index, "runs") == {"d1", "d3", "d4", "d5"}
    assert ids_of(index, "walked") == {"d2"}
    assert index.info().passages > len(index)
    for hit in LexicalRetriever(index).retrieve(["runs"], 10)[0]:
        counts = analyse([passage_text(hit.document.title, hit.passage.text)])[0]
        assert "run" in counts


def test_they_can_be_made_afterwards_and_are_the_same(tmp_path):
    first, then = build(tmp_path / "i", lexical=True), build(tmp_path / "j", lexical=False)
    assert index_terms(tmp_path / "j")
    assert not index_terms(tmp_path / "j")
    then.refresh()
    queries = ["running number", "title 3"]
    at_once, afterwards = (LexicalRetriever(index).retrieve(queries, 10) for index in (first, then))
    assert at_once == afterwards
    assert at_once[0]


def test_nothing_is_added_where_nobody_could_make_them(tmp_path):
    index = build(tmp_path / "i")
    index.index_terms("another-1", analyse)
    for change in (add_documents, upsert_documents):
        with pytest.raises(IndexModelMismatch, match=r"analyzer 'another-1', which .*bicross index-terms"):
            change(tmp_path / "i", documents(9), encoder=ENCODER)


def test_retrievers_by_name(tmp_path):
    index = build(tmp_path / "i", lexical=True)
    assert type(open_retriever(index, ENCODER)) is DenseRetriever
    assert type(open_retriever(index, ENCODER, first_stage="dense")) is DenseRetriever
    assert type(open_retriever(index, first_stage="lexical")) is LexicalRetriever, "which needs no encoder"
    fusion = ReciprocalRank()
    hybrid = open_retriever(index, ENCODER, first_stage="hybrid", fusion=fusion)
    assert isinstance(hybrid, HybridRetriever)
    assert hybrid.fusion is fusion
    with pytest.raises(ArgumentError, match="first_stage must be 'dense', 'lexical', 'hybrid' or None, not 'bm25'"):
        open_retriever(index, ENCODER, first_stage="bm25")


def test_the_commands(tmp_path, capsys, monkeypatch):
    from bicross.pipelines.commands import index as changes

    monkeypatch.setattr(changes, "load_encoder", lambda name, device=None, dtype=None: ENCODER)
    rows, path = tmp_path / "rows.jsonl", str(tmp_path / "i")
    rows.write_text("\n".join(json.dumps({"id": d.id, "text": d.text}) for d in documents(1, 2)), "utf-8")

    def run(*arguments):
        assert main(arguments) == 0
        return capsys.readouterr().out

    run("index", str(rows), "-o", path, "--no-tokens", "--no-lexical")
    assert "no terms are kept" in run("info", path)
    assert run("index-terms", path) == f"{path} keeps the terms of its passages\n"
    assert json.loads(run("lexical", path, "--json")) == {"path": path, "changed": False}
    assert "already: nothing was done" in run("index-terms", path)
    assert ANALYZER in run("info", path)
    run("index", str(rows), "-o", path, "--no-tokens", "--overwrite")
    assert Index.open(path).analyzer == json.loads(run("info", path, "--json"))["lexical"] == ANALYZER
    assert ids_of(Index.open(path), "runs") == {"d1", "d2"}

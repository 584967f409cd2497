"""Token ids made while indexing: those that the reranker's own tokenizer gives, of every passage, or none at all."""

import json
import logging

import numpy as np
import pytest
from bicross.errors import ArgumentError, IndexModelMismatch, ModelError, ModelNotFound
from bicross.index import Chunking, Document, Index, passage_text
from bicross.inference import TextTokenizer
from bicross.pipelines import add_documents, build_index, delete_documents, retokenize, upsert_documents
from bicross.pipelines.indexing.columns import makers, tokenising
from bicross.rerank import DEFAULT_RERANKER
from helpers import commands
from helpers.fakes import HashEncoder
from helpers.tiny_models import save_bi_encoder, save_cross_encoder, tokenizer
from tokenizers import Tokenizer, models, pre_tokenizers, processors

ENCODER = HashEncoder()


@pytest.fixture(scope="module")
def reranker(tmp_path_factory):
    folder = save_cross_encoder(tmp_path_factory.mktemp("models") / "reranker", outputs=1)
    (folder / "model.safetensors").write_bytes(b"no weights: whoever loads them fails")
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another model with a tokenizer of another fingerprint: it keeps the case of letters."""
    folder = save_cross_encoder(tmp_path_factory.mktemp("models") / "other", outputs=1)
    settings = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    settings["normalizer"]["lowercase"] = False
    (folder / "tokenizer.json").write_text(json.dumps(settings), "utf-8")
    return folder


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    """As in a new process."""
    monkeypatch.setattr(tokenising, "_used", {})


@pytest.fixture
def no_default(monkeypatch):
    """Neither the default reranker nor another model that is asked for by name is on this machine."""
    resolve = tokenising.resolve_model

    def resolve_folders(name, *, download=True):
        if str(name).startswith("/"):
            return resolve(name, download=download)
        raise ModelNotFound(f"the model {name!r} is not on this machine.")

    monkeypatch.setattr(tokenising, "resolve_model", resolve_folders)


def documents(*numbers):
    words = "the cat sleeps all day . A dog runs in the park at night . an owl hunts in the field . "
    return [Document(f"d{n}", words * (1 + n % 3), f"Cat {n}") for n in numbers]


def assert_ids(index, folder=None):
    """Every passage has the ids that transformers' own tokenizer gives."""
    own = tokenizer() if folder is None else tokenizer().from_pretrained(folder)
    [hits] = index.search(ENCODER.encode_queries(["the cat sleeps"]), 100)
    assert len(hits) == len(index)
    for hit in hits:
        text = passage_text(hit.document.title, hit.passage.text)
        assert hit.tokens.tolist() == own(text, add_special_tokens=False)["input_ids"]
        assert hit.tokens.dtype == np.uint16
    assert Index.verify(index.path).problems == ()


@pytest.mark.slow
@pytest.mark.parametrize("chunking", [Chunking(max_tokens=12, overlap=0), Chunking(), None])
def test_an_index_keeps_what_the_rerankers_tokenizer_gives(tmp_path, reranker, chunking):
    """All of it, beyond what any model reads, and without special tokens."""
    index = build_index(documents(*range(7)), tmp_path / "i", encoder=ENCODER, reranker=reranker, chunking=chunking)
    assert index.tokenizer_fingerprint == TextTokenizer.of(tokenizer()).fingerprint
    assert_ids(index)


@pytest.mark.slow
def test_a_process_looks_for_a_tokenizer_once_however_often_it_adds(tmp_path, reranker, other, monkeypatch):
    loaded, load = [], tokenising.load_tokenizer
    monkeypatch.setattr(tokenising, "load_tokenizer", lambda folder: loaded.append(folder) or load(folder))
    monkeypatch.setattr(tokenising, "resolve_model", lambda name, **_: other if name == str(other) else reranker)
    build_index(documents(0), tmp_path / "i", encoder=ENCODER, reranker=reranker)
    loaded.clear()
    for number in range(1, 5):
        add_documents(tmp_path / "i", documents(number), encoder=ENCODER)
    assert loaded == [reranker]
    assert_ids(Index.open(tmp_path / "i"))
    retokenize(tmp_path / "i", reranker=str(other))
    with pytest.raises(IndexModelMismatch, match="name the reranker"):
        add_documents(tmp_path / "i", documents(9), encoder=ENCODER)


def test_no_reranker_no_ids(tmp_path):
    index = build_index(documents(1), tmp_path / "i", encoder=ENCODER, reranker=None)
    assert index.tokenizer_fingerprint == ""
    assert add_documents(tmp_path / "i", documents(2), encoder=ENCODER) == 1


def test_a_default_reranker_that_is_not_there_is_logged_and_hinders_nothing(tmp_path, no_default, caplog):
    with caplog.at_level(logging.WARNING, logger="bicross"):
        index = build_index(documents(1), tmp_path / "i", encoder=ENCODER)
    assert index.tokenizer_fingerprint == ""
    assert f"keeps no token ids, so that every search tokenises passages: the model {DEFAULT_RERANKER!r}" in caplog.text


def test_a_reranker_that_was_named_and_is_not_there_is_an_error(tmp_path, no_default):
    with pytest.raises(ModelNotFound, match=r"'org/name' is not on this machine; or build .* \(reranker=None, --no-t"):
        build_index(documents(1), tmp_path / "i", encoder=ENCODER, reranker="org/name")
    assert not (tmp_path / "i").exists()


@pytest.mark.slow
def test_a_slow_tokenizer_is_an_error_where_it_was_named(tmp_path, reranker, monkeypatch):
    def load(folder):
        raise ModelError("SlowTokenizer has no tokenizer.json.")

    monkeypatch.setattr(tokenising, "load_tokenizer", load)
    with pytest.raises(ModelError, match=r"SlowTokenizer has no tokenizer\.json; or build without"):
        build_index(documents(1), tmp_path / "i", encoder=ENCODER, reranker=reranker)


@pytest.mark.slow
def test_adding_finds_the_tokenizer_or_says_how(tmp_path, reranker, other, no_default):
    path = tmp_path / "i"
    index = build_index(documents(1, 2), path, encoder=ENCODER, reranker=reranker)
    with pytest.raises(
        IndexModelMismatch, match=rf"neither 'hash-encoder' nor '{DEFAULT_RERANKER}' has; .*retokenize {path}"
    ):
        add_documents(path, documents(3), encoder=ENCODER)
    with pytest.raises(
        IndexModelMismatch, match=f"of the tokenizer {index.tokenizer_fingerprint}, and that of '{other}' is"
    ):
        upsert_documents(path, documents(3), encoder=ENCODER, reranker=other)
    assert add_documents(path, documents(3, 4), encoder=ENCODER, reranker=reranker) == 2
    assert upsert_documents(path, documents(4, 5), encoder=ENCODER, reranker=reranker) == 1
    assert delete_documents(path, ["d1"]) == 1
    index = Index.open(path)
    index.compact()
    assert [document.id for document in index.documents()] == ["d2", "d3", "d4", "d5"]
    assert_ids(index)


@pytest.mark.slow
def test_adding_to_an_index_without_ids_for_a_reranker_says_what_to_do(tmp_path, reranker):
    build_index(documents(1), tmp_path / "i", encoder=ENCODER, reranker=None)
    with pytest.raises(ArgumentError, match=f"keeps no token ids; make them with `bicross retokenize .* {reranker}`"):
        add_documents(tmp_path / "i", documents(2), encoder=ENCODER, reranker=reranker)


@pytest.mark.slow
def test_adding_looks_at_the_encoder_that_built_the_index(tmp_path, reranker, no_default, monkeypatch):
    encoder = save_bi_encoder(tmp_path / "encoder")
    monkeypatch.setattr(tokenising, "built_with", lambda index: str(encoder))
    build_index(documents(1), tmp_path / "i", encoder=ENCODER, reranker=reranker)
    assert add_documents(tmp_path / "i", documents(2), encoder=ENCODER) == 1
    assert_ids(Index.open(tmp_path / "i"))


@pytest.mark.slow
def test_the_default_models_have_one_tokenizer(tmp_path):
    index = build_index(documents(1), tmp_path / "i", encoder=ENCODER)
    assert len(index.tokenizer_fingerprint) == 64
    assert add_documents(tmp_path / "i", documents(2), encoder=ENCODER) == 1
    base = tokenising.load_tokenizer(tokenising.resolve_model("sentence-transformers/all-MiniLM-L6-v2"))
    assert base.fingerprint == index.tokenizer_fingerprint
    assert not retokenize(tmp_path / "i")


@pytest.mark.slow
def test_retokenize(tmp_path, reranker, other):
    path = tmp_path / "i"
    index = build_index(documents(*range(5)), path, encoder=ENCODER, reranker=None)
    assert retokenize(path, reranker=reranker)
    assert not retokenize(path, reranker=str(reranker))
    assert index.refresh()
    assert_ids(index)
    assert retokenize(path, reranker=other)
    assert_ids(Index.open(path), other)
    assert add_documents(path, documents(8), encoder=ENCODER, reranker=other) == 1
    assert_ids(Index.open(path), other)


@pytest.mark.slow
def test_an_index_that_is_retokenized_meanwhile_takes_no_ids_of_the_old_tokenizer(
    tmp_path, reranker, other, monkeypatch
):
    path = tmp_path / "i"
    build_index(documents(1), path, encoder=ENCODER, reranker=reranker)

    def tokenizer_of(index, reranker):
        old_tokenizer = tokenising.tokenizer_of(index, reranker)
        assert retokenize(path, reranker=other)
        return old_tokenizer

    monkeypatch.setattr(makers, "tokenizer_of", tokenizer_of)
    with pytest.raises(IndexModelMismatch, match="when it was opened; refresh it"):
        upsert_documents(path, documents(2), encoder=ENCODER, reranker=reranker)
    assert_ids(Index.open(path), other)


def test_ids_of_a_large_vocabulary_take_four_bytes():
    """What counts is the largest id; there may be gaps."""
    for largest, kind in [(2**16 - 1, np.uint16), (2**16, np.uint32)]:
        backend = Tokenizer(models.WordLevel({"[UNK]": 0, "[CLS]": 1, "a": 2, "b": largest}, unk_token="[UNK]"))
        backend.pre_tokenizer = pre_tokenizers.Whitespace()
        backend.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [CLS]", pair="[CLS] $A [CLS] $B [CLS]", special_tokens=[("[CLS]", 1)]
        )
        [ids] = tokenising.token_ids(["a b a"], TextTokenizer(backend.to_str()))
        assert (ids.tolist(), ids.dtype) == ([2, largest, 2], kind)


@pytest.mark.slow
def test_the_commands(tmp_path, reranker, other, capsys, monkeypatch):
    from bicross.pipelines.commands import index as changes

    monkeypatch.setattr(changes, "load_encoder", lambda name, device=None, dtype=None: ENCODER)
    monkeypatch.setattr(changes, "open_encoder", lambda index, encoder, device, dtype: ENCODER)
    rows, path = tmp_path / "rows.jsonl", str(tmp_path / "i")

    def write(*numbers):
        lines = [json.dumps({"id": d.id, "title": d.title, "text": d.text}) for d in documents(*numbers)]
        rows.write_text("\n".join(lines), "utf-8")

    def run(*arguments):
        return commands.run(capsys, *arguments)

    write(1, 2)
    assert run("index", str(rows), "-o", path, "--no-tokens")[0] == 0
    shown = run("info", path)[1]
    assert all(f"no {values} are kept" in shown for values in ("token ids", "token vectors"))
    code, out, _ = run("retokenize", path, "--reranker", str(reranker))
    assert (code, out) == (0, f"{path} keeps the token ids for {reranker}\n")
    code, out, _ = run("retokenize", path, "--reranker", str(reranker), "--json")
    assert json.loads(out) == {"path": path, "reranker": str(reranker), "changed": False}
    assert "already: nothing was done" in run("retokenize", path, "--reranker", str(reranker))[1]
    write(3)
    code, _, err = run("add", path, str(rows), "--reranker", str(other))
    assert code == 1
    assert "make them anew: `bicross retokenize" in err
    assert run("add", path, str(rows), "--reranker", str(reranker))[0] == 0
    assert_ids(Index.open(path))
    assert json.loads(run("info", path, "--json")[1])["tokenizer"] == Index.open(path).tokenizer_fingerprint
    assert run("index", str(rows), "-o", path, "--overwrite", "--reranker", str(other))[0] == 0
    assert_ids(Index.open(path), other)

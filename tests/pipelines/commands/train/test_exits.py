import json

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.inference import read_exits
from bicross.pipelines import SearchPipeline, build_index
from bicross.pipelines.commands import main
from bicross.pipelines.training import exit_lists
from bicross.retrieval import BiEncoder, DenseRetriever
from bicross.training import prepare_output_folder
from helpers.commands import replaced
from helpers.fakes import HashEncoder
from helpers.tiny_exit_models import WORDS, documents, save_deep
from helpers.tiny_models import save_bi_encoder


@pytest.fixture
def collection(tmp_path):
    """An index, a model without exits, and a file of queries."""
    encoder = BiEncoder(save_bi_encoder(tmp_path / "bi"), device="cpu")
    build_index(documents(), tmp_path / "index", encoder=encoder, reranker=None)
    save_deep(tmp_path / "model", "bert", exits=())
    random = np.random.default_rng(0)
    queries = [" ".join(random.choice(WORDS, 3)) for _ in range(25)]
    (tmp_path / "queries.txt").write_text("\n\n".join(queries), encoding="utf-8")
    return tmp_path


def run(folder, model, *options):
    asked = ["train", "exits", str(model), str(folder / "index"), str(folder / "queries.txt"), "--device", "cpu"]
    return main([*asked, *replaced(["--encoder", str(folder / "bi"), "--passages", "6"], options)])


@pytest.mark.slow
def test_a_model_gets_exits_and_a_search_uses_them(collection, capsys):
    assert run(collection, collection / "model", "--layers", "1,3", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["path"], record["queries"], list(record["correlations"])) == (
        str(collection / "model"),
        25,
        ["1", "3"],
    )
    assert list(read_exits(collection / "model")) == [1, 3]
    pipeline = SearchPipeline.open(
        collection / "index", encoder=collection / "bi", reranker=collection / "model", cascade=[(1, 6), (3, 2)]
    )
    results = pipeline.search("cat hunts", retrieve_k=12)
    assert [result.exit_layer for result in results] == [None] * 2 + [3] * 4 + [1] * 4


@pytest.mark.slow
def test_a_copy_gets_exits_and_the_model_stays_as_it_is(collection, capsys):
    before = {path.name: path.read_bytes() for path in (collection / "model").iterdir()}
    assert run(collection, collection / "model", "-o", str(collection / "copy")) == 0
    assert f"Trained exit heads of {collection / 'copy'} on 25 queries\n" in capsys.readouterr().out
    assert {path.name: path.read_bytes() for path in (collection / "model").iterdir()} == before
    assert list(read_exits(collection / "copy")) == [3, 4]
    assert run(collection, collection / "model", "-o", str(collection / "copy")) == 2
    assert "exists and is not an empty folder" in capsys.readouterr().err


@pytest.mark.slow
def test_queries_that_are_too_long_are_cut_and_counted(collection, capsys):
    with (collection / "queries.txt").open("a", encoding="utf-8") as queries:
        queries.write("\n" + "cat " * 500 + "\n" + "owl " * 3000 + "\n")
    options = ["--layers", "1,3", "-o", str(collection / "copy")]
    assert run(collection, collection / "model", *options) == 0
    expected = "on 27 queries; 2 queries are too long for the reranker, and cut\n"
    assert expected in capsys.readouterr().out
    assert list(read_exits(collection / "copy")) == [1, 3]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(collection):
    for name in ("a", "b"):
        assert run(collection, collection / "model", "-o", str(collection / name), "--seed", "7") == 0
    first, second = ((collection / name / "exits.safetensors").read_bytes() for name in ("a", "b"))
    assert first == second


@pytest.mark.slow
def test_a_model_that_is_not_ones_own_needs_a_place(collection):
    with pytest.raises(ArgumentError, match="'bicross-rerank-mini' is shared by all programs here: name a folder"):
        prepare_output_folder("bicross-rerank-mini", None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--layers", "2,four"], "layers are numbers joined by commas, as in 3,4, not '2,four'"),
        (["--layers", "2,5"], "exits need layers from 1 to 4"),
        (["--passages", "101"], "passages must be from 2 to the depth of 100, not 101"),
    ],
)
def test_mistakes_are_told(collection, capsys, options, message):
    assert run(collection, collection / "model", *options) == 2
    assert message in capsys.readouterr().err
    assert read_exits(collection / "model") == {}


def test_lists_are_drawn_from_the_candidates(tmp_path):
    encoder = HashEncoder()
    index = build_index(documents(12), tmp_path / "index", encoder=encoder, reranker=None)
    retriever = DenseRetriever(index, encoder)
    queries = ["cat in the park", "owl hunts"]
    lists = exit_lists(retriever, queries, passages=4, depth=6)
    for item, hits, query in zip(lists, retriever.retrieve(queries, 6), queries, strict=True):
        allowed = [hit.document.passage for hit in hits]
        assert item.query == query
        assert len(item.passages) == 4
        positions = [allowed.index(passage) for passage in item.passages]
        assert positions == sorted(positions)
    assert exit_lists(retriever, queries, passages=4, depth=6) == lists
    assert exit_lists(retriever, queries, passages=4, depth=6, seed=1) != lists
    assert [len(item.passages) for item in exit_lists(retriever, queries)] == [12, 12], "fewer than are asked for"
    alone = build_index(documents(1), tmp_path / "alone", encoder=encoder, reranker=None)
    assert exit_lists(DenseRetriever(alone, encoder), queries) == []


@pytest.mark.slow
def test_an_interrupt_leaves_no_half_made_copy(collection, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("bicross.pipelines.commands.train.exits.train_exits", interrupted)
    copy = collection / "copy"
    assert run(collection, collection / "model", "-o", str(copy)) == 130
    assert (
        f"bicross: interrupted. No exits were written to {copy}: run the same command again." in capsys.readouterr().err
    )
    assert not copy.exists()

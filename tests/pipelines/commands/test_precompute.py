"""``bicross precompute`` and what follows from it, with small models that have names."""

import json

import pytest
from bicross.index import Index
from bicross.pipelines import Tuned
from bicross.pipelines.search import store
from bicross.retrieval import BiEncoder
from helpers import commands
from helpers.tiny_late_interaction import save_late_interaction
from helpers.tiny_models import save_bi_encoder, save_cross_encoder

TEXTS = ["the cat sleeps", "dogs run in the park", "owls hunt"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    base = save_bi_encoder(folder / "base")
    return {
        "encoder": base,
        "reranker": save_cross_encoder(folder / "cross", outputs=1),
        "fast": save_late_interaction(folder / "fast", base),
        "other": save_late_interaction(folder / "other", base, seed=1, dim=4),
    }


def rows(path, **texts):
    path.write_text("".join(json.dumps({"id": id_, "text": text}) + "\n" for id_, text in texts.items()), "utf-8")
    return path


@pytest.fixture
def run(capsys):
    def run(*arguments):
        code, out, err = commands.run(capsys, *arguments)
        assert code == 0, err
        return out, err

    return run


@pytest.fixture
def path(models, tmp_path, run):
    source = rows(tmp_path / "rows.jsonl", **{f"d{n}": text for n, text in enumerate(TEXTS)})
    run("index", source, "-o", tmp_path / "index", "--encoder", models["encoder"], "--no-tokens")
    return tmp_path / "index"


@pytest.fixture
def search(path, models, run):
    def search(*options, reranker="reranker"):
        out, _ = run("search", path, "a cat", "--reranker", models[reranker], "--json", *options)
        return json.loads(out)

    return search


def test_token_vectors_are_stored_used_and_dropped(path, models, run, search, capsys):
    made = json.loads(run("precompute", path, "--fast-reranker", models["fast"], "--json")[0])
    assert made["changed"]
    assert made["token_vector_bytes"] == Index.open(path).info().token_vector_bytes > 0
    assert search()["settings"]["late_interaction"] == {"value": True, "from": "default"}
    assert search("--no-late-interaction")["settings"]["late_interaction"] == {"value": False, "from": "given"}
    assert not json.loads(run("precompute", path, "--fast-reranker", models["fast"], "--json")[0])["changed"]
    assert json.loads(run("precompute", path, "--drop", "--json")[0])["changed"]
    code, _, err = commands.run(capsys, "search", path, "a cat", "--late-interaction")
    assert code == 2
    assert "--late-interaction reads token vectors" in " ".join(err.split())


def test_the_expected_size_is_said_before_and_the_size_in_info(path, models, run):
    out, err = run("precompute", path, "--fast-reranker", models["fast"])
    size = Index.open(path).info().token_vector_bytes
    assert "of token vectors for 3 passages" in err
    assert f"keeps {size:,} bytes of token vectors for {models['fast']}" in " ".join(out.split())
    assert json.loads(run("info", path, "--json")[0])["token_vector_bytes"] == size


def test_documents_that_are_added_have_them_too(path, models, run, tmp_path):
    run("precompute", path, "--fast-reranker", models["fast"])
    run("add", path, rows(tmp_path / "more.jsonl", new="a cat and a cat"))
    query = BiEncoder(models["encoder"], device="cpu").encode_queries(["a cat"])
    [hits] = Index.open(path).search(query, 10)
    assert {hit.document.id: hit.token_vectors.shape[1] for hit in hits} == {"d0": 8, "d1": 8, "d2": 8, "new": 8}


def test_a_fast_reranker_reranks_alone(path, models, run, search):
    run("precompute", path, "--fast-reranker", models["fast"])
    found = search(reranker="fast")
    assert all(result["logit"] is not None for result in found["results"])
    assert found["settings"]["late_interaction"]["value"] is False


def test_another_model_takes_their_place(path, models, run, search):
    run("precompute", path, "--fast-reranker", models["fast"])
    run("precompute", path, "--fast-reranker", models["other"])
    assert search()["settings"]["late_interaction"]["value"] is True


def test_a_tuned_index_is_searched_as_it_was_tuned_and_that_is_said(path, models, run):
    tuned = Tuned(reranker="of-some-model", first_stage="dense", retrieve_k=40, rerank_k=12, blend=0.4)
    store(Index.open(path), tuned)
    out, _ = run("precompute", path, "--fast-reranker", models["fast"])
    assert "It was tuned without them" in out


@pytest.mark.parametrize(("options", "message"), [
    (["--fast-reranker", "reranker"], "is not a late-interaction model"),
    (["--drop", "--fast-reranker", "fast"], "--drop removes what is there"),
])  # fmt: skip
def test_what_cannot_be(path, models, options, message, capsys):
    named = [str(models.get(option, option)) for option in options]
    code, _, err = commands.run(capsys, "precompute", path, *named)
    assert code != 0
    assert message in " ".join(err.split())

import json
import sys

import pytest
from bicross.index import Index
from bicross.pipelines import build_index
from bicross.pipelines.search import stored
from helpers.commands import run
from helpers.oracle_rerankers import ENCODER, documents, judged, oracle

JUDGED = judged(40)


@pytest.fixture(autouse=True)
def no_real_models(monkeypatch):
    for module in ("commands.tune", "models"):
        monkeypatch.setattr(f"bicross.pipelines.{module}.open_encoder", lambda index, encoder, device, dtype: ENCODER)
    for module in ("commands.tune", "search.opening"):
        monkeypatch.setattr(f"bicross.pipelines.{module}.open_reranker", open_fake)


def open_fake(name, device, dtype):
    if name is None:
        return None
    return oracle(JUDGED, sign=-1.0) if name == "harmful" else oracle(JUDGED)


@pytest.fixture
def index(tmp_path):
    return str(build_index(documents(), tmp_path / "index", encoder=ENCODER, reranker=None, lexical=False).path)


@pytest.fixture
def folder(tmp_path):
    """A BEIR folder."""
    path = tmp_path / "words"
    (path / "qrels").mkdir(parents=True)
    rows = [json.dumps({"_id": query_id, "text": text}) for query_id, text in JUDGED.queries.items()]
    (path / "queries.jsonl").write_text("\n".join(rows) + "\n")
    lines = [f"{query}\t{doc}\t{grade}" for query, grades in JUDGED.qrels.items() for doc, grade in grades.items()]
    (path / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines) + "\n")
    return str(path)


QUICK = ("--retrieve-k", "20", "--latency-queries", "2")


@pytest.mark.slow
def test_tune_recommends_explains_draws_and_stores(index, folder, tmp_path, capsys):
    code, out, err = run(
        capsys, "tune", index, folder, *QUICK, "--calibrate", "platt", "--plot", str(tmp_path / "plots"),
        "--latency-budget", "60s", "--scores", str(tmp_path / "scores"),
    )  # fmt: skip
    assert (code, err) == (0, "")
    words = " ".join(out.split())
    for part in (
        "First stage on words, 40 queries",
        "vectors alone",
        "p95 ms",
        "Settings: 20 retrieved (given); first stage, depth and blend as compared above",
        "By blend: vectors alone",
        "On queries that the choice did not see",
        "gain over the first stage",
        "gain over the default",
        "below the best setting within 60000 ms, whichever that is",
        "Calibrated by platt on",
        "of 20 retrieved",
        "--rerank-k auto",
        "Stored in",
    ):
        assert part in words, part
    tuned = stored(Index.open(index))
    assert tuned.rerank_k > 0
    assert tuned.collection == "words"
    for name in ("depth", "recall", "reliability"):
        assert (tmp_path / "plots" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert "matplotlib.pyplot" not in sys.modules, "no screen is asked for"
    code, out, _ = run(capsys, "search", index, JUDGED.queries["q0"], "--json")
    answer = json.loads(out)
    assert (code, answer["reranked"]) == (0, tuned.rerank_k)
    _, out, _ = run(capsys, "search", index, JUDGED.queries["q0"], "--json", "--rerank-k", "auto")
    assert json.loads(out)["candidates"] == 20
    _, out, _ = run(capsys, "search", index, JUDGED.queries["q0"], "--json", "--min-relevance", "0.5")
    assert 0 < len(json.loads(out)["results"]) < 10
    assert all(result["relevance"] >= 0.5 for result in json.loads(out)["results"])


def test_tune_as_json_without_storing(index, folder, capsys):
    code, out, err = run(capsys, "tune", index, folder, *QUICK, "--no-store", "--json", "--reranker", "harmful")
    assert (code, err) == (0, "")
    record = json.loads(out)
    assert record["recommended"]["rerank_k"] == record["tuned"]["rerank_k"] == 0
    assert [latency["depth"] for latency in record["latencies"]] == [0, 5, 10, 20]
    assert record["default"] == {"first_stage": "dense", "fusion": None, "feedback": None, "rerank_k": 20, "blend": 1.0}
    expected, kept = record["expected"], record["tuned"]["measured"]
    assert (expected["gain"], expected["regret"]) == (kept["expected_gain_over_the_default"], kept["expected_regret"])
    assert 0 <= expected["regret"] < expected["gain"] <= expected["regret_of_default"]
    assert record["held_out"]["gain_over_default"]["low"] > 0
    assert (record["stored"], record["retrieve_k"]) == (False, {"value": 20, "from": "given"})
    assert stored(Index.open(index)) is None
    code, out, _ = run(capsys, "tune", index, folder, *QUICK, "--no-store", "--reranker", "harmful")
    assert "no reranking" in out
    assert "Not stored." in out


def test_evaluate_measures_what_was_tuned(index, folder, capsys):
    _, out, _ = run(capsys, "tune", index, folder, *QUICK, "--json")
    tuned = json.loads(out)
    expected = {
        "first stage": tuned["depths"][0]["mean"],
        "reranked": next(
            entry["mean"] for entry in tuned["depths"] if entry["depth"] == tuned["recommended"]["rerank_k"]
        ),
    }
    code, out, _ = run(capsys, "evaluate", index, folder, "--split", "train", "--measure", "nDCG@10", "--json")
    measured = {system["name"]: system["means"]["nDCG@10"]["mean"] for system in json.loads(out)["systems"]}
    assert (code, measured) == (0, pytest.approx(expected))


def test_after_a_tuning_that_switched_the_reranker_off_what_is_given_counts(index, folder, capsys):
    harmful = ("--reranker", "harmful")
    run(capsys, "tune", index, folder, *QUICK, *harmful)
    assert stored(Index.open(index)).rerank_k == 0

    def search(*options):
        code, out, err = run(capsys, "search", index, JUDGED.queries["q0"], *harmful, *options, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    answer = search()
    assert (answer["reranked"], answer["candidates"], len(answer["results"])) == (0, 20, 10)
    assert answer["settings"]["rerank_k"] == {"value": 0, "from": "tuned"}
    assert all(0 < result["relevance"] < 1 for result in answer["results"])
    assert search("--rerank")["reranked"] == 20
    assert search("--rerank-k", "7")["reranked"] == 7
    assert 0 < search("--rerank-k", "auto")["reranked"] <= 20
    assert len(search("--top-k", "50")["results"]) == search("--top-k", "50")["candidates"] == 50
    assert search("--rerank-k", "60")["reranked"] == 60
    least = answer["results"][4]["relevance"]
    assert 0 < len(search("--min-relevance", str(least))["results"]) <= 10
    assert search("--no-rerank", "--retrieve-k", "70", "--top-k", "60")["candidates"] == 70
    code, out, _ = run(capsys, "search", index, JUDGED.queries["q0"], *harmful)
    assert "Settings: first stage dense (tuned), 20 retrieved (tuned), not reranked (tuned)" in " ".join(out.split())
    evaluation = ("evaluate", index, folder, "--split", "train", *harmful)
    code, out, _ = run(capsys, *evaluation)
    assert (code, "not reranked (tuned)" in " ".join(out.split())) == (0, True)
    _, out, _ = run(capsys, *evaluation, "--rerank", "--json")
    record = json.loads(out)
    assert [system["name"] for system in record["systems"]] == ["first stage", "reranked"]
    assert record["settings"]["rerank_k"] == {"value": 20, "from": "default"}


def test_a_search_with_another_reranker_ignores_what_was_tuned(index, folder, capsys):
    run(capsys, "tune", index, folder, *QUICK)
    _, out, _ = run(capsys, "search", index, "word1 word2", "--json", "--reranker", "harmful")
    assert json.loads(out)["candidates"] == 80


@pytest.mark.parametrize(
    ("arguments", "expected", "message"),
    [
        (["nowhere"], 1, "nowhere"),
        (["--split", "test"], 1, "has no split 'test'; it has train"),
        (["--queries", "3"], 2, "--queries 3 are too few"),
        (["--latency-budget", "soon"], 2, "a latency is a time such as 300ms or 0.3s, not 'soon'"),
        (["--latency-budget", "1s", "--latency-queries", "0"], 2, "a latency budget needs at least 1"),
        (["--retrieve-k", "5"], 2, "--retrieve-k 5 must be from 10 to 10000"),
        (["--calibrate", "magic"], 2, "Invalid value for '--calibrate'"),
        (["--scores", "missing/file"], 2, "cannot write scores to missing/file"),
        (["--plot", "a-file/plots"], 2, "cannot write plots to a-file/plots: "),
        (["--scores", "a-file"], 2, "a-file holds no scores of a tuning"),
        (["--device", "cuda:0,cuda:1"], 2, "a search runs on one device"),
    ],
)
def test_what_goes_wrong_is_said_in_one_line(
    index, folder, tmp_path, monkeypatch, capsys, arguments, expected, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("mine")
    source = [] if arguments == ["nowhere"] else [folder]
    code, out, err = run(capsys, "tune", index, *source, *arguments)
    assert (code, out) == (expected, "")
    assert message in err
    assert stored(Index.open(index)) is None
    assert (tmp_path / "a-file").read_text() == "mine"

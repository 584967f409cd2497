"""Every command that searches or measures says in one line which settings it used, and where each comes from."""

import json

import pytest
from bicross.index import Document
from bicross.pipelines import Tuned, build_index
from bicross.pipelines.search import store
from helpers.commands import replace_models, run
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.tiny_readers import CapitalReader

ENCODER = HashEncoder()
QUESTION = "who hunts mice"


class Identified(OverlapReranker):
    """A reranker that an index can have been tuned with."""

    fingerprint = model_fingerprint = "overlap"


RERANKER = Identified()
COMMANDS = {
    "search": (["search", "{index}", QUESTION], "100 retrieved (default)"),
    "answer": (["answer", "{index}", QUESTION], "100 retrieved (default)"),
    "context": (["context", "{index}", QUESTION], "50 retrieved (default of this task)"),
    "messages": (["context", "{index}", QUESTION, "--format", "messages"], "50 retrieved (default of this task)"),
    "reply": (["reply", "{index}", QUESTION], "50 retrieved (default of this task)"),
    "replies": (["reply", "{index}", QUESTION, "--top-k", "70"], "70 retrieved (raised for top_k)"),
    "evaluate": (
        ["evaluate", "{index}", "--topics", "{folder}/topics.tsv", "--qrels", "{folder}/qrels.txt"],
        "100 retrieved (default)",
    ),
}


@pytest.fixture(autouse=True)
def no_real_models(monkeypatch):
    replace_models(monkeypatch, ENCODER, RERANKER)
    monkeypatch.setattr(
        "bicross.pipelines.answers.answer_pipeline.ExtractiveReader", lambda name, device, dtype: CapitalReader()
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("settings")
    texts = {"owl": "an owl hunts mice. it is Wise.", "bee": "a bee makes honey."}
    documents = [Document(id_, text) for id_, text in texts.items()]
    for name in ("index", "tuned"):
        index = build_index(documents, folder / name, encoder=ENCODER, reranker=None)
    store(index, Tuned(RERANKER.model_fingerprint, "dense", 30, 20, 0.4))
    (folder / "topics.tsv").write_text(f"1\t{QUESTION}\n")
    (folder / "qrels.txt").write_text("1 0 owl 1\n")
    return folder


def lines_of(folder, index, capsys, arguments):
    filled = [argument.format(index=folder / index, folder=folder) for argument in arguments]
    code, out, err = run(capsys, *filled)
    assert code == 0, err
    return out, err


def settings_line(out, err):
    """The line, which a narrow terminal may wrap."""
    [said] = [text for text in (out, err) if "Settings: " in text]
    assert said.count("Settings: ") == 1
    return " ".join(said.partition("Settings: ")[2].split())


@pytest.mark.parametrize(("arguments", "retrieved"), COMMANDS.values(), ids=COMMANDS)
def test_the_line_says_what_is_default_given_and_tuned(folder, capsys, arguments, retrieved):
    untuned = settings_line(*lines_of(folder, "index", capsys, arguments))
    assert untuned.startswith(f"first stage hybrid (default), feedback 0.2, smoothing 0.2 (default), {retrieved}, ")
    assert untuned.endswith("blend 1 (the reranker's), relevance not calibrated (default)")
    own = "30 retrieved (tuned)" if retrieved.startswith("100") else retrieved
    tuned = settings_line(*lines_of(folder, "tuned", capsys, arguments))
    assert tuned == (
        f"first stage dense (tuned), {own}, 20 reranked (tuned), blend 0.4 (tuned), relevance not calibrated (default)"
    )
    k = "80" if "--top-k" in arguments else "15"
    given = settings_line(*lines_of(folder, "tuned", capsys, [*arguments, "--retrieve-k", k]))
    assert given.startswith(f"first stage dense (tuned), {k} retrieved (given), ")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "messages"])
def test_json_has_every_value_and_where_it_comes_from(folder, capsys, name):
    arguments, retrieved = COMMANDS[name]
    out, err = lines_of(folder, "tuned", capsys, [*arguments, "--json", "--no-rerank"])
    assert err == ""
    settings = json.loads(out.splitlines()[0])["settings"]
    number, _, origin = retrieved.partition(" retrieved (")
    expected = ("30", "tuned)") if number == "100" else (number, origin)
    assert (str(settings["retrieve_k"]["value"]), settings["retrieve_k"]["from"] + ")") == expected
    assert settings["rerank_k"] == {"value": 0, "from": "given"}

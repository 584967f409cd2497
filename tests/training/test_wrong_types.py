"""What a program calls to train, with wrong types: an answer, or an error of bicross, before a model is loaded."""

import dataclasses
from pathlib import Path

import bicross.pipelines.training as of_collection
import bicross.training as public
import pytest
from bicross.errors import ArgumentError
from bicross.index import Document
from bicross.pipelines import build_index
from bicross.pipelines.training import EncoderData, PseudoQueryOptions, RerankerData, pseudo_query_pairs
from bicross.retrieval import DenseRetriever
from bicross.training import EncoderObjective, RankingList, RerankerMethod, TrainingSettings, rerankers
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.wrong_values import call_with_wrong_values

CALLBACKS = {"evaluate", "watch", "describe"}
LISTS = [RankingList("q", ("a", "b"), (1.0, 0.0))]
SETTINGS = TrainingSettings(output=Path("out"), learning_rate=1e-3)
TEXT = " ".join(f"word{number}" for number in range(30)) + ". More."
DOCUMENTS = [Document(f"d{number}", f"w{number} {TEXT}", title=f"title {number}") for number in range(4)]


def defaults(record, **others):
    fields = dataclasses.fields(record)
    return {field.name: field.default for field in fields if field.default is not dataclasses.MISSING} | others


RECORDS = [
    (TrainingSettings, defaults(TrainingSettings, output=Path("out"), learning_rate=1e-3)),
    (RankingList, defaults(RankingList, query="q", passages=("a", "b"), labels=(1.0, 0.0))),
    (EncoderObjective, defaults(EncoderObjective)),
    (RerankerMethod, defaults(RerankerMethod)),
    (public.LateInteractionMethod, defaults(public.LateInteractionMethod)),
    (public.LoraSettings, defaults(public.LoraSettings)),
    (rerankers.Sampling, defaults(rerankers.Sampling)),
    (PseudoQueryOptions, defaults(PseudoQueryOptions)),
]
OF_MODELS = {
    "train_encoder": {"model": "nowhere", "lists": LISTS, "settings": SETTINGS, "held_out": (), "objective": None},
    "train_reranker": {"lists": LISTS, "settings": SETTINGS, "model": "nowhere", "method": None, "evaluate": None},
    "train_late_interaction": {
        "lists": LISTS,
        "settings": SETTINGS,
        "model": "nowhere",
        "method": None,
        "evaluate": None,
    },
}
FUNCTIONS = {
    "read_queries": {"path": "queries.txt"},
    "distilled_lists": {"queries": ["w1"], "retriever": None, "reranker": OverlapReranker(), "depth": 3},
    "exit_lists": {"retriever": None, "queries": ["w1"], "passages": 2, "depth": 3, "seed": 0},
    "pseudo_query_pairs": {"documents": DOCUMENTS, "kinds": ["title"], "max_words": 50, "seed": 0},
    "pseudo_query_lists": {"pairs": None, "retriever": None, "options": PseudoQueryOptions()},
}


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("queries.txt").write_text("one\ntwo\n")


@pytest.mark.parametrize(("record", "arguments"), RECORDS, ids=[record.__name__ for record, _ in RECORDS])
def test_settings(record, arguments):
    for argument in arguments:
        call_with_wrong_values(record, arguments, argument)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    encoder = HashEncoder()
    made = {
        "retriever": DenseRetriever(build_index(DOCUMENTS, "i", encoder=encoder, reranker=None), encoder),
        "pairs": pseudo_query_pairs(DOCUMENTS, kinds=["title"]),
    }
    arguments = {key: made[key] if value is None else value for key, value in FUNCTIONS[name].items()}
    for argument in arguments:
        call_with_wrong_values(getattr(of_collection, name), arguments, argument)


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_MODELS)
def test_trainers(name):
    arguments = OF_MODELS[name] | {"watch": None, "describe": None}
    for argument in arguments:
        call = getattr(public, name)
        call_with_wrong_values(call, arguments, argument, answered=False, callback=argument in CALLBACKS)
    assert list(Path().iterdir()) == [Path("queries.txt")], "no output folder"


@pytest.mark.slow
def test_trainers_on_a_collection():
    for call, data in (
        (of_collection.train_encoder_on, EncoderData(source=Path("nowhere"))),
        (of_collection.train_reranker_on, RerankerData(source=Path("nowhere"))),
        (of_collection.train_fast_reranker_on, RerankerData(source=Path("nowhere"))),
    ):
        for argument in ("data", "settings", "model"):
            arguments = {"data": data, "settings": SETTINGS, "model": "nowhere"}
            call_with_wrong_values(call, arguments, argument, answered=False)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TrainingSettings(output=5, learning_rate=1e-3), r"output must be a path, as text or as a Path, not 5"),
        (lambda: TrainingSettings(output="out", learning_rate="fast"), r"learning_rate must be above 0, not 'fast'"),
        (lambda: TrainingSettings(output="out", learning_rate=1, patience=1.5), "patience must be a whole number, not"),
        (lambda: RankingList("q", "ab", (1.0, 0.0)), r"passages must be a tuple, not 'ab' \(str\)"),
        (lambda: RankingList("q", ("a",), ("high",)), r"labels must be numbers, not \('high',\)"),
        (lambda: RerankerMethod(lora=32), r"lora must be a LoraSettings, not 32 \(int\)"),
        (lambda: of_collection.exit_lists("index", ["q"]), r"retriever must be a retriever, such as a DenseRetriever"),
    ],
)
def test_the_message_has_the_value_and_the_remedy(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()
    assert TrainingSettings(output="out", learning_rate=1e-3) == SETTINGS

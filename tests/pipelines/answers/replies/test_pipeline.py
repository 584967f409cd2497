import json

import pytest
from bicross.errors import ArgumentError, PipelineClosed
from bicross.index import Document
from bicross.pipelines import ReplyPipeline, SearchOptions, add_documents, build_index, exchanges_of
from bicross.retrieval import DenseRetriever, LexicalRetriever
from helpers.fakes import HashEncoder, OverlapReranker, ShortQueryReranker, words

ENCODER = HashEncoder()
PAST = {
    "phones": ["my phone has a broken screen", "a new screen for your phone takes an hour"],
    "laptops": ["my laptop has a broken screen", "a new screen for your laptop takes an hour"],
    "times": ["when do you open", "we open at nine", "and on sunday", "we open at nine"],
}
EXCHANGES = [exchange for id_, dialogue in PAST.items() for exchange in exchanges_of(dialogue, id_=id_)]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("replies") / "index"
    documents = [*EXCHANGES, Document("no reply", "", "when do you open on sunday")]
    return build_index(documents, path, encoder=ENCODER, reranker=None, lexical=True)


@pytest.fixture(scope="module")
def pipeline(index):
    return ReplyPipeline(DenseRetriever(index, ENCODER), OverlapReranker())


def test_a_reply_of_a_similar_exchange(pipeline):
    best, second, *_ = pipeline.replies(["my laptop is broken", "which part of it?", "the screen"])
    assert (best.rank, best.exchange.id, second.exchange.id) == (1, "laptops:1", "phones:1")
    assert best.text == PAST["laptops"][1]
    assert json.loads(json.dumps(best.to_dict()))["replied_to"] == PAST["laptops"][0]


def test_earlier_turns_are_used_unless_one_turn_is_asked_for(index, pipeline):
    dialogues = [[f"my {what} is broken", "the screen"] for what in ("phone", "laptop")]
    assert [replies[0].exchange.id for replies in pipeline.replies_batch(dialogues)] == ["phones:1", "laptops:1"]
    latest = ReplyPipeline(DenseRetriever(index, ENCODER), OverlapReranker(), turns=1)
    assert latest.replies(dialogues[0]) == latest.replies(dialogues[1])
    assert (latest.query(dialogues[0]), pipeline.query(dialogues[0])) == (
        "the screen",
        "the screen\nmy phone is broken",
    )


def test_equal_replies_come_once_and_a_document_without_a_text_is_none(pipeline):
    replies = pipeline.replies(["when do you open on sunday"])
    assert [reply.rank for reply in replies] == [1, 2, 3, 4]
    assert len({reply.text for reply in replies}) == 4
    assert replies[0].text == "we open at nine"
    assert all(reply.exchange.id != "no reply" for reply in replies)


def test_the_dialogue_fits_both_models(index):
    small = HashEncoder(max_tokens=9)
    build = build_index(EXCHANGES, index.path.parent / "small", encoder=small, reranker=None)
    turns = ["one two three", "four five six", "seven eight nine", "ten eleven twelve"]
    assert len(words(ReplyPipeline(DenseRetriever(build, small), None).query(turns))) == 9
    assert len(words(ReplyPipeline(DenseRetriever(build, small), ShortQueryReranker(12)).query(turns))) == 6
    without_encoder = ReplyPipeline(LexicalRetriever(index), None)
    assert without_encoder.query(turns) == "\n".join(turns[::-1])
    assert without_encoder.replies(["sunday"])[0].exchange.id == "times:2"


def test_a_filter_and_search_options(index, pipeline):
    assert {reply.exchange.id for reply in pipeline.replies(["hello"], where="dialogue == 'phones'")} == {"phones:1"}
    few = ReplyPipeline(DenseRetriever(index, ENCODER), None, search=SearchOptions(retrieve_k=2), top_k=3)
    assert len(few.replies(["my phone"])) == 2
    assert pipeline.replies_batch([]) == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"search": SearchOptions(top_k=3)}, "search has top_k=3: give the pipeline its top_k"),
        ({"search": SearchOptions(long_queries="skip")}, "search has long_queries='skip': a dialogue is folded to fit"),
        ({"search": 5}, r"search must be a SearchOptions, not 5 \(int\)"),
        ({"top_k": 0}, "top_k must be at least 1, not 0"),
        ({"turns": "all"}, "turns must be a whole number"),
    ],
)
def test_options_that_it_cannot_have(index, values, message):
    with pytest.raises(ArgumentError, match=message):
        ReplyPipeline(DenseRetriever(index, ENCODER), None, **values)


@pytest.mark.parametrize(
    ("dialogues", "message"),
    [
        ([[]], "dialogue is empty"),
        (["hello"], "dialogue must be a list of turns, not one"),
        ("hello", "dialogues must be a list of dialogues, not one"),
        (5, r"dialogues must be a list of dialogues, not 5 \(int\)"),
    ],
)
def test_what_is_no_dialogue_is_an_error(pipeline, dialogues, message):
    with pytest.raises(ArgumentError, match=message):
        pipeline.replies_batch(dialogues)


def test_it_opens_an_index_and_follows_new_generations(tmp_path):
    build_index(EXCHANGES, tmp_path / "index", encoder=ENCODER, reranker=None)
    with ReplyPipeline.open(tmp_path / "index", encoder=ENCODER, reranker=OverlapReranker(), top_k=1) as pipeline:
        [reply] = pipeline.replies(["do you repair bicycles"])
        new = exchanges_of(["do you repair bicycles", "no bicycles"], id_="new")
        add_documents(tmp_path / "index", new, encoder=ENCODER)
        assert pipeline.replies(["do you repair bicycles"]) == [reply]
        assert pipeline.refresh()
        assert pipeline.replies(["do you repair bicycles"])[0].text == "no bicycles"
    with pytest.raises(PipelineClosed):
        pipeline.replies(["hello"])

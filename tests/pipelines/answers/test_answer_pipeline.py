import numpy as np
import pytest
from bicross.errors import ArgumentError, ModelError, PipelineClosed, QueryError
from bicross.index import Chunking, Document, Hit, Passage
from bicross.pipelines import AnswerOptions, AnswerPipeline, SearchOptions, Timings, add_documents, build_index
from bicross.pipelines.answers import normalised
from bicross.rerank import Platt
from bicross.retrieval import DenseRetriever
from helpers.examples import examples
from helpers.fakes import HashEncoder, OverlapReranker
from helpers.tiny_readers import CapitalReader
from hypothesis import given, settings
from hypothesis import strategies as st

ENCODER = HashEncoder()
DOCUMENTS = [
    Document("emma", "this novel is by Austen. it was printed in London in winter.", "Emma"),
    Document("pride", "another novel, about pride. written by AUSTEN, in a village.", "Pride", {"year": 1813}),
    Document("whale", "a novel about a whale at sea. it is by Melville of a harbour town.", "Whale", {"year": 1851}),
    Document("bread", "bread is baked of flour and water. nobody knows who baked it first.", "Bread"),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("answers") / "index"
    chunking = Chunking(max_tokens=8, overlap=0)
    return build_index(DOCUMENTS, path, encoder=ENCODER, reranker=None, chunking=chunking, lexical=True)


def made(index, **values):
    return AnswerPipeline(DenseRetriever(index, ENCODER), OverlapReranker(), CapitalReader(), **values)


@pytest.fixture(scope="module")
def pipeline(index):
    return made(index)


def require_places(answers):
    """Every answer, and each of its sources, is where it says."""
    for answer in answers:
        best = answer.sources[0]
        assert (answer.document, answer.start, answer.end) == (best.document, best.start, best.end)
        assert answer.document.text[answer.start : answer.end] == answer.text
        assert answer.confidence == best.confidence
        assert len({normalised(source.text) for source in answer.sources}) == 1
        for source in answer.sources:
            passage = source.passage
            assert passage.start <= source.start < source.end <= passage.end
            assert source.document.text[passage.start : passage.end] == passage.text
    assert [answer.rank for answer in answers] == list(range(1, len(answers) + 1))
    confidences = [answer.confidence for answer in answers]
    assert confidences == sorted(confidences, reverse=True)


def test_equal_answers_of_several_passages_are_one_with_all_their_sources(pipeline):
    answers = pipeline.answer("who is the novel by", top_k=9)
    require_places(answers)
    assert [answer.text for answer in answers] == ["Melville", "Austen", "London"]
    _, austen, _ = answers
    assert {source.text for source in austen.sources} == {"Austen", "AUSTEN"}
    assert {source.document.id for source in austen.sources} == {"emma", "pride"}
    assert austen.sources[0].search_rank < austen.sources[1].search_rank  # of equal scores
    assert austen.generation == 1


def test_answers_that_the_reader_is_not_sure_of_are_no_answers(index, pipeline):
    assert pipeline.answer("who is the novel by", where="year == 1700") == []
    assert pipeline.answer("who baked bread", where="year == 1813", min_confidence=0.9) == []
    certain = CapitalReader()
    certain.no_answer_below = 0.99
    strict = AnswerPipeline(DenseRetriever(index, ENCODER), None, certain)
    assert strict.answer("who is the novel by") == []
    assert strict.answer("who is the novel by", min_confidence=0.0) != []


def test_confidences_are_those_of_the_readers_calibration(index):
    reader = CapitalReader()
    reader.calibration = Platt(0.5, -1.0)
    [answer] = AnswerPipeline(DenseRetriever(index, ENCODER), None, reader).answer(
        "who wrote about a whale", top_k=1, min_confidence=0.0
    )
    score = len(answer.text) - 4.0
    assert answer.sources[0].score == score
    assert answer.confidence == pytest.approx(float(Platt(0.5, -1.0).apply(np.array([score]))[0]))


def test_a_batch_gives_what_each_question_gives_alone(pipeline):
    questions = ["who is the novel by", "where was it printed", "who is the novel by"]
    timings = Timings()
    answers = pipeline.answer_batch(questions, timings=timings)
    assert answers == [pipeline.answer(question) for question in questions]
    assert timings.queries == 3
    assert pipeline.answer_batch([]) == []


def test_the_best_passages_by_the_reranker_are_read(index):
    pipeline = made(index, read_k=2)
    pipeline.answer("novel about a whale at sea")
    [(question, first), (_, second)] = pipeline.reader.calls[-1]
    assert (question, first) == ("novel about a whale at sea", "a novel about a whale at sea.")
    assert second != first
    pipeline.answer("novel about a whale at sea", read_k=3)
    assert len(pipeline.reader.calls[-1]) == 3


def test_several_answers_of_one_passage(pipeline):
    answers = pipeline.answer("where was it printed", top_k=9)
    several = pipeline.answer("where was it printed", spans=3, top_k=9)
    require_places(several)
    assert {answer.text for answer in answers} <= {answer.text for answer in several}


WORDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)


@settings(max_examples=examples(40), deadline=None)
@given(texts=st.lists(st.lists(WORDS, min_size=1, max_size=20).map(" ".join), min_size=1, max_size=3))
def test_spans_are_places_in_the_document_in_every_script(texts):
    documents = [Document(f"d{number}", text) for number, text in enumerate(texts)]

    class Halves:
        """Every document has two passages, and the second one begins in its middle."""

        def retrieve(self, queries, k, *, where=None):
            hits = []
            for document in documents:
                middle = len(document.text) // 2
                for start, end in ((0, middle), (middle, len(document.text))):
                    hits.append(Hit(document, Passage(document.text[start:end], start, end), 1.0))
            return [hits[:k] for _ in queries]

    pipeline = AnswerPipeline(Halves(), None, CapitalReader())
    require_places(pipeline.answer("who?", min_confidence=0.0, spans=9, top_k=99))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The  Beatles", "beatles."),
        ("an élan", "E\u0301lan"),
        ("「東京」", "東京"),
        ("STRASSE", "Straße"),
        ("20–30", "20-30"),
    ],
)
def test_answers_that_are_equal_but_for_case_marks_and_articles(first, second):
    assert normalised(first) == normalised(second)


def test_answers_that_differ_stay_apart():
    assert len({normalised(text) for text in ["1.5", "15", "a", "the", "?", "!", "theory", "ory"]}) == 8


def test_records_are_json(pipeline):
    [answer] = pipeline.answer("novel about a whale at sea", top_k=1)
    record = answer.to_dict()
    [source] = record["sources"]
    assert (record["text"], record["rank"], record["confidence"]) == ("Melville", 1, answer.confidence)
    assert source["document"] == {"id": "whale", "title": "Whale", "metadata": {"year": 1851}}
    assert source["passage"]["text"][answer.start - source["passage"]["start"] :].startswith("Melville")


def test_it_opens_an_index_reads_ten_passages_and_follows_new_generations(tmp_path):
    documents = [Document(f"d{number}", f"word{number} is a Name{number}") for number in range(20)]
    build_index(documents, tmp_path / "index", encoder=ENCODER, reranker=None)
    reader = CapitalReader()
    parts = {"encoder": ENCODER, "reranker": OverlapReranker(), "reader": reader}
    with AnswerPipeline.open(tmp_path / "index", **parts, search=SearchOptions(retrieve_k=15)) as pipeline:
        assert pipeline.answer("what is word7", top_k=1)[0].text.startswith("Name")
        assert len(reader.calls[-1]) == 10
        add_documents(tmp_path / "index", [Document("new", "word99 is Newest-Name")], encoder=ENCODER, reranker=None)
        assert pipeline.generation == 1
        assert pipeline.refresh()
        assert not pipeline.refresh()
        assert pipeline.generation == 2
        assert pipeline.answer("word99", top_k=1)[0].document.id == "new"
    with pytest.raises(PipelineClosed):
        pipeline.answer("who?")


def test_a_question_has_words(pipeline):
    for question in ("", " \n"):
        with pytest.raises(QueryError, match="query 0 is blank"):
            pipeline.answer(question)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"top_k": 0}, "top_k must be"),
        ({"read_k": 0}, "read_k must be"),
        ({"read_k": 101}, "read_k=101 is larger than retrieve_k=100"),
        ({"spans": 1.5}, "spans must be"),
        ({"max_answer_tokens": 0}, "max_answer_tokens must be"),
        ({"min_confidence": 2}, "min_confidence must be a number from 0 to 1"),
        ({"options": {"top_k": 3}}, "options must be AnswerOptions"),
        ({"search": SearchOptions(top_k=3)}, "search has top_k=3: give read_k"),
        ({"search": SearchOptions(passages="max")}, "search has passages='max'"),
        ({"search": SearchOptions(adaptive=True)}, "search has adaptive"),
    ],
)
def test_wrong_values_are_named(index, values, message):
    with pytest.raises(ArgumentError, match=message):
        made(index, **values)


def test_options_of_a_call_replace_those_of_the_pipeline(index):
    pipeline = made(index, options=AnswerOptions(top_k=2), read_k=3)
    assert (pipeline.options.top_k, pipeline.options.read_k) == (2, 3)
    assert len(pipeline.answer("who is the novel by", top_k=1)) == 1


def test_a_reranker_is_no_reader(index):
    with pytest.raises(ArgumentError, match=r"reader must be a model with read, .*, not .*OverlapReranker"):
        AnswerPipeline(DenseRetriever(index, ENCODER), None, OverlapReranker())
    for name, kind in [("bicross-rerank-mini", "a reranker"), ("sentence-transformers/all-MiniLM-L6-v2", "an encoder")]:
        with pytest.raises(ModelError, match=f"{name} is not a reader: it is {kind}"):
            AnswerPipeline.open(index, encoder=ENCODER, reader=name)


def test_a_reader_is_no_reranker_and_no_encoder(index):
    for part, kind in [("reranker", "reranker"), ("encoder", "encoder")]:
        parts = {"encoder": ENCODER, "reranker": None, "reader": CapitalReader()} | {part: "bicross-reader-mini"}
        with pytest.raises(ModelError, match=rf"bicross-reader-mini is not an? {kind}: it is a reader"):
            AnswerPipeline.open(index, **parts)

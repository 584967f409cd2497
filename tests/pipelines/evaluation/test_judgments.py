import gzip
import json
import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import pytest
from bicross.errors import ArgumentError, EvaluationError
from bicross.pipelines import Judged, read_judged, read_qrels
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

QUERIES = {"q1": "capital of France", "q2": "what do bees make", "q3": "not judged", "q4": "judged as not relevant"}
ROWS = [("q2", "bees", 1), ("q1", "paris", 2), ("q1", "berlin", 0), ("q4", "bread", -1)]
QRELS = {"q2": {"bees": 1}, "q1": {"paris": 2, "berlin": 0}, "q4": {"bread": -1}}


def jsonl(queries):
    return "".join(json.dumps({"_id": id_, "text": text, "metadata": {}}) + "\n" for id_, text in queries.items())


def beir(rows):
    return "query-id\tcorpus-id\tscore\n" + "".join("\t".join(map(str, row)) + "\n" for row in rows)


def trec(rows):
    return "".join(f"{query} 0 {document} {grade}\n" for query, document, grade in rows)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "animals" / "qrels").mkdir(parents=True)
    write(tmp_path / "animals" / "queries.jsonl", jsonl(QUERIES))
    write(tmp_path / "animals" / "qrels" / "test.tsv", beir(ROWS))
    write(tmp_path / "animals" / "qrels" / "dev.tsv", beir(ROWS[:1]))
    return tmp_path / "animals"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_beir_folder(folder):
    judged = read_judged(folder)
    assert judged == Judged("animals", QUERIES, QRELS)
    assert judged.judged_ids == ("q2", "q1"), "those with a relevant document, in the order of the judgments"
    assert read_judged(str(folder), split="dev").qrels == {"q2": {"bees": 1}}


def test_the_first_queries_leave_other_judged_ones_out(folder):
    first = read_judged(folder).first(1)
    assert first.qrels == {"q2": {"bees": 1}}
    assert list(first.queries) == ["q2", "q3"], "q3 is not judged at all, and still counted as that"
    assert read_judged(folder).first(99) == read_judged(folder)


PROSE = "<top>\n<num> Number: {} \n<title> {}\n\n<desc> Description:\nmore\n</top>\n\n"
CLOSED = "<top><num>{}</num><title>Topic: {}\n</title></top>\n"
TOPICS = {
    "tsv": "q1\tcapital of France\nq2\twhat do bees make\r\n\nq3\tnot judged\nq4\tjudged as not relevant\n",
    "jsonl": jsonl(QUERIES),
    "trec": "".join(PROSE.format(id_, text) for id_, text in QUERIES.items()),
    "trec-closed": "".join(CLOSED.format(id_, text.replace(" ", "\n")) for id_, text in QUERIES.items()),
}


@pytest.mark.parametrize("kind", TOPICS)
@pytest.mark.parametrize("lines", [beir, trec])
def test_topics_and_qrels_of_each_kind(tmp_path, kind, lines):
    topics = write(tmp_path / f"topics.{'jsonl' if kind == 'jsonl' else 'txt'}", TOPICS[kind])
    qrels = write(tmp_path / "judged.txt", lines(ROWS))
    judged = read_judged(topics=topics, qrels=qrels)
    assert judged.name == "judged"
    assert judged.qrels == QRELS
    assert judged.queries == QUERIES


def test_a_file_takes_the_place_of_the_folders(folder, tmp_path):
    qrels = write(tmp_path / "other.qrels", "q3 0 bees 1\n")
    assert read_judged(folder, qrels=qrels) == Judged("animals", QUERIES, {"q3": {"bees": 1}})
    with pytest.raises(ArgumentError, match="leave nothing to read in"):
        read_judged(folder, qrels=qrels, topics=qrels)
    with pytest.raises(ArgumentError, match="name a BEIR folder, or topics and qrels"):
        read_judged(qrels=qrels)


FORMS = {
    "grades as floats": beir(ROWS).replace("\t1\n", "\t1.0\n"),
    "grades as floats in TREC's": trec(ROWS).replace(" 2\n", " 2.000\n"),
    "a header with underscores": beir(ROWS).replace("query-id\tcorpus-id", "query_id\tcorpus_id"),
    "another header": beir(ROWS).replace("query-id\tcorpus-id\tscore", "qid\tpid\trelevance"),
    "no header": beir(ROWS).partition("\n")[2],
    "TREC's with a header": "query_id iteration doc_id relevance\n" + trec(ROWS),
    "TREC's with tabs": trec(ROWS).replace(" ", "\t"),
    "gzip": gzip.compress(beir(ROWS).encode()),
    "ends of lines as on Windows": beir(ROWS).replace("\n", "\r\n"),
    "TREC's with ends of lines as on Windows": trec(ROWS).replace("\n", "\r\n"),
    "a mark of the byte order": "\ufeff" + beir(ROWS),
    "TREC's with a mark of the byte order": "\ufeff" + trec(ROWS),
}


@pytest.mark.parametrize("form", FORMS)
def test_judgments_as_people_have_them(tmp_path, form):
    assert read_qrels(write(tmp_path / "judged", FORMS[form]), queries=QUERIES) == QRELS


def test_judgments_that_are_repeated_alike_count_once(tmp_path, caplog):
    path = write(tmp_path / "twice.tsv", beir([*ROWS, *ROWS[:2]]))
    assert read_qrels(path) == QRELS
    [record] = caplog.records
    assert record.getMessage() == f"{path}: repeated judgments count once: 2, the first in line 6"


COVID = """<?xml version="1.0" encoding="UTF-8"?>
<topics task="COVIDSearch2020" batch="1">
  <topic number="1">
    <query>coronavirus &amp; origin</query>
    <question>what is the origin of COVID-19</question>
  </topic>
  <topic number="2">
    <query> weather
      response </query><narrative>n <b>x</b></narrative></topic>
</topics>
"""
WEB = """<webtrack2009>
<topic number="1" type="faceted">
  <query>coronavirus &#38; origin</query>
  <description>more</description>
  <subtopic number="1" type="inf">sub</subtopic>
</topic>
<topic number="2"><title>weather response</title></topic></webtrack2009>
"""
TRIALS = (
    '<topics><topic number="1">coronavirus &amp; origin</topic>\n<topic number="2">weather response</topic></topics>'
)
NUMBERED = (
    "<xml><top><num>Number: 1</num><title>coronavirus &amp; origin</title></top>"
    "<top><num>2</num>\n<title>weather response</title></top></xml>"
)
ROWS_OF_TOPICS = ("1\tcoronavirus & origin", "2\tweather response")
TOPICS_OF_OTHERS = {
    "covid.xml": COVID,
    "web.xml": WEB,
    "trials.xml": TRIALS,
    "numbered.xml": NUMBERED,
    "header.tsv": "\n".join(("qid\tquery", *ROWS_OF_TOPICS)),
    "header2.tsv": "\n".join(("query_id\ttext", *ROWS_OF_TOPICS)),
    "id.jsonl": '{"id": 1, "text": "coronavirus & origin"}\n{"query_id": "2", "query": "weather response"}\n',
    "packed.jsonl.gz": gzip.compress(
        b'{"_id": "1", "text": "coronavirus & origin"}\n{"_id": 2, "text": "weather response"}'
    ),
    "packed.tsv.gz": gzip.compress("\n".join(ROWS_OF_TOPICS).encode()),
    "packed.xml.gz": gzip.compress(COVID.encode()),
}


@pytest.mark.parametrize("name", TOPICS_OF_OTHERS)
def test_topics_as_people_have_them(tmp_path, name):
    path = write(tmp_path / name, TOPICS_OF_OTHERS[name])
    judged = read_judged(topics=path, qrels=write(tmp_path / "qrels", "1 0 d 1\n"))
    assert judged.queries == {"1": "coronavirus & origin", "2": "weather response"}


def test_quotes_and_commas_are_part_of_the_text(tmp_path):
    path = write(tmp_path / "topics.tsv", '\ufeff1\t"what", is "it"?\r\n2\t"open\r\n')
    judged = read_judged(topics=path, qrels=write(tmp_path / "qrels", '1 0 a,b 1\n2 0 "c" 1\n'))
    assert judged.queries == {"1": '"what", is "it"?', "2": '"open'}
    assert judged.qrels == {"1": {"a,b": 1}, "2": {'"c"': 1}}


BAD_QRELS = {
    "q1\t\tx\n": "line 1: has 3 columns in place of 3, between tabs",
    "q1 0 paris 1\nq1 0 berlin\n": "line 2: has 3 columns in place of 4: query, iteration, document, grade",
    "query-id\tcorpus-id\tscore\nq1\tparis\n": "line 2: has 2 columns in place of 3, between tabs",
    "q1 0 paris high\n": "line 1: the grade 'high' is not a whole number",
    "q1 0 paris 1.5\n": "line 1: the grade '1.5' is not a whole number",
    "q1 0 paris 2147483648\n": "line 1: the grade 2147483648 is beyond what can be measured, -10000 to 10000",
    "q1 0 paris 1\nq1 0 paris 0\n": "line 2: judges document 'paris' for query 'q1' as 0, and line 1 as 1; keep",
    "q1 0 paris 1\nq9 0 paris 1\n": "line 2: judges query 'q9', which has no text",
    "q5 0 paris 1\n": "line 1: judges query 'q5', whose text is blank",
    b"q1 0 paris 1\nq1 0 \xff 1\n": "line 2: not UTF-8 text",
    "\n": "holds no judgments",
}


@pytest.mark.parametrize("content", BAD_QRELS)
def test_bad_qrels_are_named_by_file_and_line(tmp_path, content):
    path = write(tmp_path / "bad.qrels", content)
    with pytest.raises(EvaluationError) as raised:
        read_qrels(path, queries=QUERIES | {"q5": " "})
    message = BAD_QRELS[content]
    assert str(raised.value).startswith(f"{path}{':' if message.startswith('holds') else ','} {message}")


BAD_TOPICS = {
    "a.tsv": ("q1\ttext\nq2\n", "line 2: has 1 columns in place of 2, between tabs: id and text"),
    "b.tsv": ("q1\ttext\nq1\ttext\n", "line 2: the query id 'q1' stands in line 1 already"),
    "c.tsv": ("\ttext\n", "line 1: the query id '' is not text"),
    "d.tsv": (b"q1\t\xe4\n", "line 1: not UTF-8 text"),
    "a.jsonl": ('{"_id": "q1", "text": "a"}\n{"_id": "q1", "text": "b"}', "line 2: the query id 'q1' stands in line 1"),
    "b.jsonl": ("nothing", "line 1: not JSON"),
    "g.jsonl": ('{"_id": "q1", "text": "a", "text": "b"}', "line 1: the key 'text' is there twice in one object"),
    "c.jsonl": ('["q1"]', "line 1: not a query, which is an object with the strings _id and text"),
    "d.jsonl": ('{"_id": true, "text": "a"}', "line 1: not a query"),
    "e.jsonl": ('{"_id": "q1", "text": null}', "line 1: not a query"),
    "f.jsonl": ('{"_id": "\\ud800", "text": "a"}', r"line 1: the query id '\ud800' is not text"),
    "a.trec": ("<top>\n<num> 1\n</top>", "line 1: a topic without <title>"),
    "b.trec": ("<top>\n<num> 1 <title> a\n<top>", "line 3: a second <top> in the topic of line 1"),
    "c.trec": ("<top>\n<num> 1 <title> a\n", "line 1: a topic without </top>"),
    "a.xml": ("<topics>\n<topic><query>a</query></topic></topics>", "line 2: a topic without a number"),
    "b.xml": (
        '<topics>\n<topic number="1"><note>a</note></topic></topics>',
        "line 2: a topic without a query or title",
    ),
    "c.xml": ('<topics>\n<topic number="1"><query>a</topic></topics>', "line 2: no XML: mismatched tag"),
    "d.xml": ('<topics>\n<topic number="1">a</topic>', "line 2: no XML: no element found"),
    "e.xml": ('<?xml version="1.0"?>\n<!DOCTYPE t [<!ENTITY a "b">]>\n<t/>', "line 2: declares an entity"),
    "f.xml": ('<t><topic id="1">a</topic>\n<topic id="1">b</topic></t>', "line 2: the query id '1' stands in line 1"),
    "d.trec": ("<top><num>1<title>a</top>\n</top>", "line 2: a </top> without <top>"),
}


@pytest.mark.parametrize("name", BAD_TOPICS)
def test_bad_topics_are_named_by_file_and_line(tmp_path, name):
    content, message = BAD_TOPICS[name]
    path = write(tmp_path / name, content)
    with pytest.raises(EvaluationError) as raised:
        read_judged(topics=path, qrels=write(tmp_path / "qrels", "q1 0 d 1\n"))
    assert str(raised.value).startswith(f"{path}, {message}")


def test_what_is_not_there(folder, tmp_path):
    with pytest.raises(EvaluationError, match="has no split 'train'; it has dev, test"):
        read_judged(folder, split="train")
    with pytest.raises(EvaluationError, match=r"is not a BEIR folder: it has no qrels/\*\.tsv"):
        read_judged(tmp_path)
    with pytest.raises(EvaluationError, match=r"no such folder: .*missing; name a BEIR folder, ir_datasets:ID"):
        read_judged(tmp_path / "missing")
    (folder / "queries.jsonl").unlink()
    with pytest.raises(EvaluationError, match=r"no such file: .*queries\.jsonl"):
        read_judged(folder)


class _Text(namedtuple("Query", "query_id text")):
    def default_text(self):
        return self.text


class _Library:
    """Two data sets, in the manner of ir_datasets."""

    Qrel = namedtuple("Qrel", "query_id doc_id relevance")

    def __init__(self):
        queries = [_Text(*item) for item in QUERIES.items()]
        qrels = [self.Qrel(*row) for row in ROWS]
        self.sets = {
            "animals/test": SimpleNamespace(queries_iter=lambda: iter(queries), qrels_iter=lambda: iter(qrels)),
            "animals/textless": SimpleNamespace(queries_iter=lambda: iter([]), qrels_iter=lambda: iter(qrels)),
            "animals/unjudged": SimpleNamespace(queries_iter=lambda: iter(queries)),
            "animals/twice": SimpleNamespace(
                queries_iter=lambda: iter(queries), qrels_iter=lambda: iter([*qrels, self.Qrel("q1", "paris", 1)])
            ),
        }

    def load(self, name):
        return self.sets[name]


def test_ir_datasets(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_datasets", _Library())
    assert read_judged("ir_datasets:animals/test") == Judged("animals/test", QUERIES, QRELS)
    for name, message in {
        "animals/other": "cannot be read: KeyError",
        "animals/unjudged": "cannot be read: AttributeError.*it takes an id that has queries and qrels",
        "animals/textless": "judges query 'q2', which has no text",
        "animals/twice": "judges document 'paris' for query 'q1' twice, and not alike",
    }.items():
        with pytest.raises(EvaluationError, match=f"ir_datasets:{name} {message}"):
            read_judged(f"ir_datasets:{name}")
    with pytest.raises(ArgumentError, match="brings its own topics and qrels"):
        read_judged("ir_datasets:animals/test", topics="x")
    monkeypatch.setitem(sys.modules, "ir_datasets", None)
    with pytest.raises(EvaluationError, match="needs the package ir_datasets: pip install ir_datasets"):
        read_judged("ir_datasets:animals/test")


@settings(max_examples=examples(50), deadline=None)
@given(st.binary(max_size=80) | st.text(alphabet='q1\t 0-x\n<>top/{}"', max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("bytes")
    for name in ("qrels.txt", "topics.txt", "topics.jsonl"):
        path = write(folder / name, content)
        read = read_qrels if name == "qrels.txt" else lambda path: read_judged(topics=path, qrels=folder / "qrels.txt")
        try:
            read(path)
        except EvaluationError as error:
            assert str(folder) in str(error)

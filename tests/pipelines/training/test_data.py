import gzip
import json

import pytest
from bicross.errors import ArgumentError, BicrossError, EvaluationError, TrainingError
from bicross.pipelines.training.data import read_training_data, relevant_texts


@pytest.fixture
def folder(tmp_path):
    """A BEIR folder: twenty queries of which each has one relevant document, and a dev split of the last five."""
    path = tmp_path / "things"
    (path / "qrels").mkdir(parents=True)
    rows = [{"_id": f"d{n}", "title": f"title {n}", "text": f"text {n}"} for n in range(25)]
    (path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    queries = [{"_id": f"q{n}", "text": f"query {n}"} for n in range(20)]
    (path / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries))
    write_qrels(path, "train", [(f"q{n}", f"d{n}", 1) for n in range(20)] + [("q3", "d21", 0)])
    write_qrels(path, "dev", [(f"q{n}", f"d{n}", 2) for n in range(15, 20)])
    return path


def write_qrels(folder, split, rows):
    lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in rows)]
    (folder / "qrels" / f"{split}.tsv").write_text("\n".join(lines) + "\n")


def write(path, lines):
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_a_share_of_the_queries_is_kept_out_by_the_seed(folder):
    data = read_training_data(folder, held_out=0.25, seed=1)
    assert (len(data.training.queries), len(data.held_out.queries)) == (15, 5)
    assert not data.training.queries.keys() & data.held_out.queries.keys()
    assert data.training.qrels.keys() | data.held_out.qrels.keys() == {f"q{n}" for n in range(20)}
    again, other = (read_training_data(folder, held_out=0.25, seed=seed).held_out for seed in (1, 2))
    assert again == data.held_out
    assert other.queries != data.held_out.queries
    assert len(read_training_data(folder, held_out=0).held_out.queries) == 0
    assert len(read_training_data(folder, held_out=0.001).held_out.queries) == 1
    assert len(read_training_data(folder, limit=7).training.queries) == 7


def test_a_dev_split_is_measured_on_and_not_learned_from(folder):
    data = read_training_data(folder, dev_split="dev")
    assert set(data.held_out.queries) == {f"q{n}" for n in range(15, 20)}
    assert data.held_out.qrels["q15"] == {"d15": 2}
    assert set(data.training.queries) == {f"q{n}" for n in range(15)}
    with pytest.raises(ArgumentError, match="no query is left to train on: 'train' has all of 'dev'"):
        read_training_data(folder, split="dev", dev_split="train")


def test_texts_are_those_of_all_judged_documents(folder):
    texts = relevant_texts(read_training_data(folder))
    assert texts == {f"d{n}": f"title {n} text {n}" for n in [*range(20), 21]}


def test_pairs_triples_and_labels_say_the_same(tmp_path):
    pairs = [{"query": "q", "passage": "p"}, {"query": "r", "passage": "s"}]
    labelled = [
        {"query": "q", "passage": "p", "label": 1},
        {"query": "q", "passage": "n", "label": 0},
        {"query": "r", "passage": "s", "label": 2},
    ]
    triples = [{"query": "q", "positive": "p", "negative": "n"}, {"query": "r", "positive": "s", "negative": "n"}]
    grades = {
        "pairs.jsonl": {"q": {"p": 1}, "r": {"s": 1}},
        "labelled.jsonl": {"q": {"p": 1, "n": 0}, "r": {"s": 2}},
        "triples.jsonl": {"q": {"p": 1, "n": 0}, "r": {"s": 1, "n": 0}},
    }
    write(tmp_path / "pairs.jsonl", pairs)
    write(tmp_path / "labelled.jsonl", labelled)
    write(tmp_path / "triples.jsonl", triples)
    write(tmp_path / "pairs.tsv", ["q\tp", "r\ts"])
    write(tmp_path / "labelled.tsv", ["query\tpassage\tlabel", "q\tp\t1", "q\tn\t0", "r\ts\t2"])
    write(tmp_path / "triples.tsv", ["q\tp\tn", "r\ts\tn"])
    for name, expected in grades.items():
        for path in (tmp_path / name, tmp_path / name.replace("jsonl", "tsv")):
            data = read_training_data(path, held_out=0)
            texts = {document.id: document.text for document in data.documents}
            assert {
                data.training.queries[id_]: {texts[doc]: grade for doc, grade in of_query.items()}
                for id_, of_query in data.training.qrels.items()
            } == expected, path


def judged(path):
    """The grades by the texts of query and passage."""
    data = read_training_data(path, held_out=0)
    texts = {document.id: document.text for document in data.documents}
    return {
        (data.training.queries[id_], texts[doc]): grade
        for id_, grades in data.training.qrels.items()
        for doc, grade in grades.items()
    }


PAIR = {("q", "p"): 1, ("r", "s"): 1}
TRIPLE = {("q", "p"): 1, ("q", "n"): 0}
PUBLISHED = {
    "headerless labels.tsv": (["q\tp\t1", "q\tn\t0"], TRIPLE),
    "headerless float labels.tsv": (["q\tp\t1.0", "q\tn\t0.0"], TRIPLE),
    "headerless triples.tsv": (["q\tp\tn"], TRIPLE),
    "headerless labels.csv": (["q,p,1", "q,n,0"], TRIPLE),
    "quotes and lines.csv": (
        ["query,passage,label", '"q","p, and', "", 'more ""x""",1'],
        {("q", 'p, and\n\nmore "x"'): 1},
    ),
    "anchor.jsonl": ([{"anchor": "q", "positive": "p", "negative": "n"}], TRIPLE),
    "anchor.csv": (["anchor,positive,negative", "q,p,n"], TRIPLE),
    "several.jsonl": (
        [{"anchor": "q", "positive": "p", "negative_1": "n", "negative_2": "m"}],
        {**TRIPLE, ("q", "m"): 0},
    ),
    "no negative.jsonl": ([{"query": "q", "positive": "p"}, {"query": "r", "positive": "s"}], PAIR),
    "FlagEmbedding.jsonl": (
        [{"query": "q", "pos": ["p"], "neg": ["n", "m"], "pos_scores": [0.9], "neg_scores": [0.1, 2], "prompt": "x"}],
        {**TRIPLE, ("q", "m"): 0},
    ),
    "no neg.jsonl": ([{"query": "q", "pos": ["p"], "neg": []}, {"query": "r", "pos": ["s"]}], PAIR),
    "extra.jsonl": ([{"query": "q", "passage": "p", "qid": 7, "source": "web"}, {"query": "r", "passage": "s"}], PAIR),
    "float label.jsonl": (
        [{"query": "q", "passage": "p", "label": 1.0}, {"query": "q", "passage": "n", "label": "0"}],
        TRIPLE,
    ),
    "capitals.tsv": (["Query\tPositive\tNegative", "q\tp\tn"], TRIPLE),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_training_files_are_read_as_people_publish_them(tmp_path, name):
    lines, expected = PUBLISHED[name]
    path = write(tmp_path / name, lines)
    assert judged(path) == expected
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert judged(packed) == expected


def test_columns_that_are_not_read_are_named(tmp_path, caplog):
    judged(write(tmp_path / "x.jsonl", [{"query": "q", "passage": "p", "source": "web", "pid": 3}]))
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}/x.jsonl: not read, because only texts and labels are: source, pid"
    ]


BOTH_READINGS = r"it can be read as the label of a passage \(query, passage, label\) or as an irrelevant passage"


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("x.tsv", ["q\tp\t1", "q\tm\tn"], rf"line 2: the third column is 'n', and '1' in line 1: {BOTH_READINGS}"),
        ("x.csv", ["q,p,0.7", "q,n,0.2"], rf"line 1: the third column is '0\.7': {BOTH_READINGS}"),
        (
            "x.tsv",
            ["how many legs\teight\t100", "how old\tten\t30"],
            rf"line 1: the third column is '100': {BOTH_READINGS}",
        ),
        ("x.tsv", ["17\t301\t1", "18\t302\t0"], r"line 1: column 1 holds numbers alone, such as '17', where texts are"),
        ("x.tsv", ["q\t1", "r\t0"], r"line 1: column 2 holds numbers alone, such as '1'"),
        (
            "x.tsv",
            ["question\tanswer\tlabel", "q\tp\t1"],
            r"line 1: looks like names of columns, but has question, answer",
        ),
        ("x.tsv", ["query\tpassge", "q\tp"], r"line 1: looks like names of columns, but has query, passge in place of"),
        ("x.tsv", ["query\tpassage\tlable", "q\tn\t0"], r"line 2: has no label, .* but lable is '0': call it label if"),
        ("x.jsonl", [{"query": "q", "passage": "p", "score": 0.3}], r"line 1: has no label, .* but score is 0\.3"),
        (
            "x.jsonl",
            [{"query": "q", "passage": "p", "relevant": False}],
            r"line 1: has no label, .* but relevant is False",
        ),
        ("x.jsonl", [{"query": "q", "positive": "p", "label": 0}], r"line 1: has both positive and label"),
        (
            "x.jsonl",
            [{"query": "q", "passage": "p", "negative": "n"}],
            r"line 1: has both passage and negative, and can",
        ),
        ("x.jsonl", [{"query": "q", "anchor": "q", "positive": "p"}], r"line 1: has both query and anchor, which mean"),
        (
            "x.jsonl",
            [{"query": "q", "pos": ["p"], "neg": ["n"], "neg_scores": []}],
            r"has 1 texts in neg, and 0 scores",
        ),
        ("x.jsonl", [{"query": "q", "pos": [], "neg": ["n"]}], r"line 1: the pos is an empty list"),
        ("x.jsonl", [{"query": "q", "pos": ["p", 3]}], r"line 1: the pos is not text: 3"),
        ("x.csv", ["query,passage", '"q,p'], r"line 2: not CSV: unexpected end of data"),
        ("x.tsv", ["a\tb\tc\td"], r"line 1: has 4 columns and no names of columns"),
        ("x.tsv", ["query\tpassage\tpassage", "q\tp\tp"], r"line 1: names a column twice"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_with_both(tmp_path, name, lines, message):
    with pytest.raises(TrainingError, match=message):
        read_training_data(write(tmp_path / name, lines))


def test_a_damaged_gzip_is_an_error(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"query": "q", "passage": "p"}\n' * 2000)[:-20])
    with pytest.raises(EvaluationError, match=r"x\.jsonl\.gz, line \d+: damaged: "):
        read_training_data(path)


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("x.jsonl", [{"query": "q", "passage": "p"}, "{"], r"x\.jsonl, line 2: not JSON"),
        (
            "x.jsonl",
            ['{"query": "q", "passage": "p", "label": 1, "label": 0}'],
            r"line 1: the key 'label' is there twice",
        ),
        ("x.jsonl", ["[1]"], r"line 1: no object with query and passage"),
        ("x.jsonl", [{"query": "q"}], r"line 1: has query in place of query and passage, with a label or none, or"),
        ("x.jsonl", [{"query": "q", "passage": " "}], r"line 1: the passage is empty"),
        ("x.jsonl", [{"query": 3, "passage": "p"}], r"line 1: the query is not text: 3"),
        ("x.jsonl", [{"passage": "p"}], r"line 1: the query is missing"),
        ("x.jsonl", ['{"query": "q", "passage": "\\ud800"}'], r"line 1: the passage has a lone surrogate"),
        ("x.jsonl", [{"query": "q", "passage": "p", "label": 0.5}], r"line 1: the label 0\.5 is not a grade"),
        ("x.jsonl", [{"query": "q", "passage": "p", "label": True}], r"line 1: the label True is not a grade"),
        ("x.jsonl", [{"query": "q", "passage": "p", "label": "yes"}], r"line 1: the label 'yes' is not a grade"),
        ("x.jsonl", ['{"query": "q", "passage": "p", "label": NaN}'], r"line 1: the label nan is not a grade"),
        ("x.tsv", ["query\tpassage\tlabel", "q\tp\tgood"], r"line 2: the label 'good' is not a grade"),
        ("x.tsv", ["q\tp", "r"], r"line 2: has 1 columns in place of 2: query, passage"),
        ("x.tsv", ["q\tp", "\tp"], r"line 2: the query is empty"),
        (
            "x.tsv",
            ["query\tpassage\tlabel", "q\tp\t1", "q\tp\t0"],
            r"line 3: judges a passage as 0 for 'q', and line 2 as 1; keep one",
        ),
        ("x.jsonl", [], r"x\.jsonl: holds nothing to train on"),
    ],
)
def test_a_bad_line_is_named(tmp_path, name, lines, message):
    with pytest.raises(TrainingError, match=message):
        read_training_data(write(tmp_path / name, lines))


def test_what_cannot_be_learned_from_is_refused(folder, tmp_path):
    only_zeros = write(tmp_path / "zeros.jsonl", [{"query": "q", "passage": "p", "label": 0}])
    cases: list[tuple[type[BicrossError], str, dict]] = [
        (EvaluationError, "has no split 'test'; it has dev, train", {"source": folder, "split": "test"}),
        (ArgumentError, "judges no document relevant for any query", {"source": only_zeros}),
        (ArgumentError, r"name a BEIR folder, or a file \.jsonl, \.json, \.tsv, \.csv", {"source": tmp_path / "x.txt"}),
        (ArgumentError, "has no splits: leave dev_split out", {"source": only_zeros, "dev_split": "dev"}),
        (ArgumentError, "from 0 to below 1, not 1.5", {"source": folder, "held_out": 1.5}),
    ]
    for kind, message, arguments in cases:
        with pytest.raises(kind, match=message):
            read_training_data(**arguments)


def test_a_query_whose_documents_are_all_missing_is_named(folder):
    write_qrels(folder, "train", [("q1", "d1", 1), ("q1", "gone", 1), ("q2", "gone", 1), ("q2", "d2", 0)])
    data = read_training_data(folder, held_out=0)
    with pytest.raises(ArgumentError, match=r"query 'q2' has no relevant document in things: 'gone' is not there"):
        relevant_texts(data)


def test_a_json_file_is_read_as_its_lines_would_be(tmp_path):
    rows = [{"query": "a query", "pos": ["one", "two"], "neg": ["three"]}, {"query": "other", "pos": "four"}]
    (tmp_path / "data.json").write_text(json.dumps(rows, indent=2), encoding="utf-8")
    (tmp_path / "data.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "array").mkdir()
    (tmp_path / "array" / "data.jsonl").write_text("\n \n" + json.dumps(rows, indent=2), encoding="utf-8")
    names = ("data.json", "data.jsonl", "array/data.jsonl")
    array, lines, misnamed = (read_training_data(tmp_path / name) for name in names)
    assert (array.training, list(array.documents)) == (lines.training, list(lines.documents))
    assert (misnamed.training, list(misnamed.documents)) == (lines.training, list(lines.documents))
    (tmp_path / "array" / "data.jsonl").write_text('[\n{"query": "a", "passage": "b"},\n7]', encoding="utf-8")
    with pytest.raises(TrainingError, match=r"data\.jsonl, line 3: no object with query and passage"):
        read_training_data(tmp_path / "array" / "data.jsonl")
    (tmp_path / "data.json").write_text('[\n{"query": "a", "passage": "b"},\n7]', encoding="utf-8")
    with pytest.raises(TrainingError, match=r"data\.json, line 3: no object with query and passage"):
        read_training_data(tmp_path / "data.json")
    (tmp_path / "data.json").write_text('[{"query": "a"', encoding="utf-8")
    with pytest.raises(TrainingError, match=r"data\.json: not JSON"):
        read_training_data(tmp_path / "data.json")

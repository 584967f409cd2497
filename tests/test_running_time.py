"""Every function that reads a text of others takes time that grows no faster than the text, whatever the text is."""

from contextlib import suppress
from functools import partial

import pytest
from bicross.errors import BicrossError
from bicross.index import Document, read_documents, sentence_spans, split_documents
from bicross.index.filters.where_parser import parse_predicate
from bicross.index.sources.texts.front_matter import front_matter
from bicross.pipelines.commands.terminal import plain, snippet
from bicross.pipelines.evaluation import read_qrels, read_run, read_topics
from bicross.pipelines.training import pseudo_query_pairs
from bicross.pipelines.training.data import read_training_data
from bicross.retrieval import analyse
from helpers.examples import thorough
from helpers.running_time import PIECES, SHAPES, WORST, require_linear


def split(text, overlap=32):
    if text.strip():
        split_documents(
            [Document("d", f"{'word ' * 300}{text} end")],
            count_tokens=lambda texts: [len(text.split()) for text in texts],
            max_tokens=64,
            overlap=overlap,
        )


def make_pseudo_queries(text):
    """Of texts that are long enough to be split, each of them."""
    if text.strip():
        long = f"{text}\n{'word ' * 300}"
        documents = [Document("d", long), Document("e", "One sentence of five words. " * 9, "title")]
        pseudo_query_pairs(documents)


def read_with(reader, path, text):
    path.write_text(text, "utf-8", newline="")
    reader(path)


READERS = {
    **{
        f"a.{suffix}": lambda path: list(read_documents(path))
        for suffix in ("txt", "md", "rst", "html", "csv", "tsv", "json", "jsonl")
    },
    **{f"pairs.{suffix}": read_training_data for suffix in ("json", "jsonl", "csv", "tsv")},
    "topics.xml": read_topics,
    "texts.xml": read_topics,
    "topics.tsv": read_topics,
    "topics.jsonl": read_topics,
    "topics": read_topics,
    "qrels": read_qrels,
    "run": read_run,
}
FUNCTIONS = {
    "sentence_spans": sentence_spans,
    "split_documents": split,
    "pseudo_query_pairs": make_pseudo_queries,
    "analyse": lambda text: analyse([text]),
    "snippet": lambda text: plain(snippet(text)),
    "where": parse_predicate,
}
BEFORE = {
    "a.json": '[{"id": "1", "text": ',
    "pairs.json": '[{"query": "q", "passage": ',
    "pairs.jsonl": '{"query": "q", "passage": ',
    "pairs.csv": "query,passage\nq,",
    "pairs.tsv": "query\tpassage\nq\t",
    "texts.xml": "<topics>\n<topic number='1'>",
    "topics.xml": "<topics>\n<!-- ",
    "a.jsonl": '{"id": "1", "text": ',
    "topics.jsonl": '{"_id": "1", "text": ',
    "topics": "<top>\n<num> 1\n<title> ",
    "a.csv": "id,text\n1,",
    "a.tsv": "id\ttext\n1\t",
}


def refused_or_read(name, folder):
    function = FUNCTIONS.get(name) or partial(read_with, READERS[name], folder / name)

    def call(text):
        with suppress(BicrossError):
            function(BEFORE.get(name, "") + text)

    return call


@pytest.mark.parametrize("name", [*FUNCTIONS, *READERS])
def test_no_text_takes_more_than_linear_time(name, tmp_path):
    function = refused_or_read(name, tmp_path)
    for piece in WORST:
        require_linear(function, piece, "# a{}x", largest=2**16)


BLOCKS = {
    "---": ("- ", "? ", "'", "a: b\n", "&a "),
    "+++": ("a.", "a . ", '"\\"" . ', "[a.", "[[a]]\n", "a=1\n", "#", '"""\\'),
}
"""What could be slow between the lines that enclose front matter."""


@pytest.mark.parametrize(("mark", "piece"), [(mark, piece) for mark, pieces in BLOCKS.items() for piece in pieces])
def test_no_front_matter_takes_more_than_linear_time(mark, piece):
    require_linear(lambda text: front_matter(f"{mark}\n{text}\n{mark}\n"), piece, "a: {}", largest=2**14)
    require_linear(lambda text: front_matter(f"{mark}\n{text}\n{mark}\n"), piece, "x.{}x = 1", largest=2**14)


SHORT = () if thorough() else ("a.json", "topics.xml", "texts.xml", *(name for name in READERS if "pairs." in name))
"""Those that no long text is tried with: for what is quadratic in them, less is enough."""
LONG = [name for name in (*FUNCTIONS, *READERS) if name not in SHORT]
LARGEST = 2**20 if thorough() else 2**18
"""Characters. What is quadratic by a nanosecond takes a minute for a quarter of a megabyte, by mere copies seconds."""


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LONG)
def test_no_long_text_takes_more_than_linear_time(name, shape, tmp_path):
    """A thorough run tries a megabyte of each piece in each shape; others a quarter of that of all that were bad once,
    and of each third one of the others in one shape, for each function another third.
    """
    function = refused_or_read(name, tmp_path)
    for number, piece in enumerate(PIECES):
        turn = (number + LONG.index(name)) % (3 * len(SHAPES))
        if thorough() or piece in WORST or turn == SHAPES.index(shape):
            require_linear(function, piece, shape, largest=LARGEST)

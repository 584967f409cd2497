"""Every block of Python and every command line of the README and of the guides runs, page by page, in order.

A block after ``<!-- not run: REASON -->`` is not run: its commands' options are read, and that is all.
"""

import ast
import json
import re
import shlex
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from bicross.errors import MissingPackage
from bicross.index.stores import object_store
from bicross.pipelines import models
from bicross.pipelines.commands import main
from bicross.pipelines.commands.app import app
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder
from helpers.office_files import write_pdf
from helpers.opensearch_server import Collection, serving
from obstore.store import LocalStore

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").glob("*.md") if page.name != "commands.md")]
BLOCK = re.compile(r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.M | re.S)
RUN_ELSEWHERE = ("agents.md", "cluster.md", "server.md")
"""Pages whose commands do not end by themselves, or need a Ray: modules with their names run them."""
MAKES_ITS_INDEX = ("README.md", "getting-started.md")

ARTICLES = [
    ("vaccine", "Vaccination", "A vaccine trains the immune system to recognise a virus before an infection.", 2021),
    (
        "antibody",
        "Antibodies",
        "An antibody is a protein that the immune system makes to bind to a foreign body.",
        2022,
    ),
    ("phone", "Telephone", "Alexander Graham Bell received the first patent for the telephone in 1876.", 1998),
    ("bread", "Bread", "Bread is baked from flour, water and yeast.", 1999),
    ("heart", "Heart failure", "Heart failure means that the heart pumps less blood than the body needs.", 2020),
    ("tide", "Tides", "The moon pulls on the oceans, so that the sea rises and falls twice a day.", 2015),
    ("volcano", "Volcanoes", "A volcano erupts when molten rock rises through the crust of the earth.", 2011),
    ("bee", "Bees", "Bees carry pollen from flower to flower and make honey out of nectar.", 2018),
    ("rust", "Rust", "Iron rusts when it meets water and oxygen at the same time.", 2004),
    ("glacier", "Glaciers", "A glacier is a river of ice that flows slowly down a valley.", 2023),
    ("error", "Error 0x80070057", "Error 0x80070057 says that a parameter of a call is incorrect.", 2009),
    ("sleep", "Sleep", "During sleep the brain keeps what it has learned during the day.", 2017),
]
QUESTIONS = {
    "vaccine": "how do vaccines work?",
    "antibody": "what is an antibody?",
    "phone": "who invented the telephone?",
    "bread": "what is bread made of?",
    "heart": "when does a heart pump too little blood?",
    "tide": "why does the sea rise and fall?",
    "volcano": "when does a volcano erupt?",
    "bee": "how is honey made?",
    "rust": "why does iron rust?",
    "glacier": "what is a glacier?",
    "error": "which error means an incorrect parameter?",
    "sleep": "what does the brain do at night?",
}
PAIRS = [
    ("A man is eating food", "A man is eating a meal", 4.6, "entailment"),
    ("A man is eating food", "A man plays a guitar", 0.4, "neutral"),
    ("Nobody is eating", "A man is eating a meal", 2.2, "contradiction"),
    ("A plane takes off", "An air plane is taking off", 5.0, "entailment"),
    ("A plane takes off", "A plane lands", 1.5, "contradiction"),
    ("A cat sleeps", "The cat is black", 1.0, "neutral"),
]


@dataclass(frozen=True)
class Block:
    """A piece of code on a page; ``reason`` says why it is not run, where it is not."""

    language: str
    code: str
    line: int
    reason: str | None

    def commands(self) -> list[list[str]]:
        """The words after ``bicross`` of each line of a shell block that calls it."""
        lines = [shlex.split(line, comments=True) for line in self.code.replace("\\\n", " ").splitlines()]
        return [words[1:] for words in lines if words and words[0] == "bicross"]


def blocks(page):
    text = page.read_text(encoding="utf-8")
    return [
        Block(match["language"], match["code"], text.count("\n", 0, match.start("code")), match["reason"])
        for match in BLOCK.finditer(text)
    ]


def write_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """A folder with what the pages name: documents, questions, judgments, and an index of the documents."""
    folder = tmp_path_factory.mktemp("collection")
    rows = [
        {"id": id_, "title": title, "text": text, "year": year, "source": "pubmed", "tags": ["review"]}
        for id_, title, text, year in ARTICLES
    ]
    write_lines(folder / "articles.jsonl", rows)
    write_lines(folder / "news.jsonl", [{"id": "comet", "title": "A comet", "text": "A comet passed.", "year": 2024}])
    (folder / "notes").mkdir()
    write_pdf(folder / "notes" / "body.pdf", "The body has bones.", "Blood brings oxygen to each part of the body.")
    (folder / "notes" / "tea.md").write_text("# Tea\n\nTea is brewed from leaves.", encoding="utf-8")
    write_lines(folder / "pairs.jsonl", [{"sentence1": first, "sentence2": second} for first, second, *_ in PAIRS])
    names = ("sentence1", "sentence2", "score", "entailment")
    write_lines(folder / "judged-pairs.jsonl", [dict(zip(names, pair, strict=True)) for pair in PAIRS])
    write_lines(folder / "judged" / "corpus.jsonl", [{"_id": row.pop("id"), **row} for row in rows])
    write_lines(folder / "judged" / "queries.jsonl", [{"_id": f"q-{id_}", "text": q} for id_, q in QUESTIONS.items()])
    for split in ("train", "test"):
        judgments = "".join(f"q-{id_}\t{id_}\t1\n" for id_ in QUESTIONS)
        qrels = folder / "judged" / "qrels" / f"{split}.tsv"
        qrels.parent.mkdir(exist_ok=True)
        qrels.write_text("query-id\tcorpus-id\tscore\n" + judgments, encoding="utf-8")
    (folder / "queries.txt").write_text("".join(f"{question}\n" for question in QUESTIONS.values()), encoding="utf-8")
    assert main(["index", str(folder / "articles.jsonl"), "-o", str(folder / "my-index")]) == 0
    return folder


@pytest.fixture(scope="module")
def models_loaded_once():
    """What is loaded by a name, and not by a folder, is kept: the pages load the same two models many times."""

    def keeping(kind):
        loaded = {}

        def load(name, **options):
            if Path(name).exists():
                return kind(name, **options)
            key = (str(name), *sorted(options.items()))
            if key not in loaded:
                loaded[key] = kind(name, **options)
            return loaded[key]

        return load

    with pytest.MonkeyPatch.context() as patch:
        for kind in (BiEncoder, CrossEncoderReranker):
            patch.setattr(models, kind.__name__, keeping(kind))
        yield


@pytest.fixture
def folder(collection, tmp_path, monkeypatch):
    """A copy of the collection, as the current folder, without a network; an object store is a folder in it."""
    shutil.copytree(collection, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HAYSTACK_TELEMETRY_ENABLED", "False")
    monkeypatch.setenv("BICROSS_STORE_CACHE", str(tmp_path / "copies"))
    stores = tmp_path / "stores"
    monkeypatch.setattr(object_store, "opened_client", lambda url, make: LocalStore(stores / url[5:], mkdir=make))
    return tmp_path


@pytest.fixture(scope="module")
def opensearch(collection):
    """The address of a stand-in for the server that the guide of integrations names, with the articles in it."""
    vectors = BiEncoder().encode_documents([text for _, _, text, _ in ARTICLES])
    properties = {name: {"type": "keyword"} for name in ("article", "headline", "body")}
    properties["embedding"] = {"type": "knn_vector", "dimension": 384, "method": {"space_type": "cosinesimil"}}
    records = {id_: {"article": id_, "headline": title, "body": text} for id_, title, text, _ in ARTICLES}
    with serving({"articles": Collection(properties, records, vectors)}) as address:
        yield address


def read_options(words):
    """Read the options of a command line with the command's own parser, and run nothing."""
    command, remaining = typer.main.get_command(app), list(words)
    while hasattr(command, "get_command"):
        command = command.get_command(None, remaining.pop(0))
    command.make_context("bicross", remaining)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in RUN_ELSEWHERE], ids=lambda page: page.name)
def test_the_code_of_a_page_runs(page, folder, models_loaded_once, opensearch, capsys):
    if page.name in MAKES_ITS_INDEX:
        shutil.rmtree("my-index")
    namespace = {"__name__": "__main__"}
    for block in blocks(page):
        position = f"{page.name}, line {block.line}"
        if block.language == "python" and block.reason is None:
            # Tracebacks then show the line of the page. What needs a framework runs where that is installed.
            with suppress(MissingPackage):
                code = block.code.replace("http://localhost:9200", opensearch)
                exec(compile("\n" * block.line + code, str(page), "exec"), namespace)
        elif block.language == "sh":
            for words in block.commands():
                if block.reason is not None:
                    read_options(words)
                else:
                    code = main(words)
                    assert code == 0, f"{position}: bicross {shlex.join(words)}\n{capsys.readouterr().err}"


@pytest.mark.slow
def test_the_python_of_the_readme_prints_what_it_should(folder, capsys):
    shutil.rmtree("my-index")
    [block] = [block for block in blocks(ROOT / "README.md") if block.language == "python"]
    exec(compile(block.code, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 11
    assert re.fullmatch(r"1 [01]\.\d+ Vaccination \| A vaccine trains .*", lines[0])
    antibody, telephone = ast.literal_eval(lines[-1])
    assert (antibody[0], telephone[0]) == ("antibody", "phone")


def test_a_reason_for_not_running_a_block_is_rare():
    reasons = [block.reason for page in PAGES for block in blocks(page) if block.reason]
    assert len(reasons) <= 3
    assert all(reason.startswith("needs ") for reason in reasons)


def test_blocks_have_a_language_that_this_test_knows():
    languages = {block.language for page in PAGES for block in blocks(page)}
    assert languages <= {"python", "sh", "json", "text"}
    for page in PAGES:
        fences = page.read_text(encoding="utf-8").count("\n```")
        directives = page.read_text(encoding="utf-8").count("\n```{")
        assert fences == 2 * (len(blocks(page)) + directives), page.name

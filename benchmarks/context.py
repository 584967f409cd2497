"""Is the answer in what a language model gets? Measures contexts of the ContextPipeline and of simpler ways.

Usage: python benchmarks/context.py DATA [--queries 200] [--scratch FOLDER] [--output benchmarks/results/context.json]

DATA holds the BEIR folders squad-dev and covid-qa. Contexts of at most 1,000 and of at most 300 tokens. The questions
of squad-dev are a random sample of those about its last eight articles, on which the bundled reranker was not trained;
all paragraphs are searched. A collection that the output has with the same settings is not measured again. Takes a
quarter of an hour on two cores; with --scratch the indexes and the scores are kept, and the next run goes on from them.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from bicross.index import Chunking, Document, Index
from bicross.pipelines import Context, ContextPipeline, build_index
from bicross.rerank import DEFAULT_RERANKER
from bicross.retrieval import DEFAULT_ENCODER, DenseRetriever, HybridRetriever
from parts.judged import Part, measured_part
from parts.machine import set_threads
from parts.quality_bench import Bench
from parts.report_file import check_folders, header, measured_before, write
from parts.shares import difference, share
from parts.tables.contexts import contexts_table

ANSWER, OWN, JUDGED = "answer in the text", "in its own paragraph", "judged text"
BETWEEN = "\n\n"
CHUNK_WORDS = 200
AT_ONCE = 32
FULL = "ContextPipeline"
HOW = (
    "Each system fills a context up to the budget, which the tokenizer of the encoder counts with citations. 'answer "
    "in the text': the words of one of the annotated answers stand in a span in this order. 'in its own paragraph': "
    "the characters that were annotated are in the context. 'judged text': all characters of the judged document are. "
    "95 % bootstrap intervals over the queries; differences are paired, to the ContextPipeline with the same budget."
)
Spans = Sequence[tuple[str, int, int]]
"""Parts of longer texts: the name of the text, and the characters."""


@dataclass(frozen=True, slots=True)
class Articles:
    """Articles whose paragraphs are documents.

    Attributes:
        texts: The text of each article by its title.
        starts: The title, and the character at which the document begins there, by its id.
    """

    texts: Mapping[str, str]
    starts: Mapping[str, tuple[str, int]]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, str]]) -> "Articles":
        """Join the documents with the same title, in their order."""
        texts: dict[str, str] = {}
        starts: dict[str, tuple[str, int]] = {}
        for row in rows:
            before = texts.get(row["title"])
            start = 0 if before is None else len(before) + len(BETWEEN)
            texts[row["title"]] = row["text"] if before is None else f"{before}{BETWEEN}{row['text']}"
            starts[row["_id"]] = row["title"], start
        return cls(texts, starts)

    def chunks(self, words: int) -> tuple[list[Document], dict[str, tuple[str, int]]]:
        """Cut the articles into documents of so many words; return them with their places, as ``starts``."""
        documents: list[Document] = []
        starts: dict[str, tuple[str, int]] = {}
        for number, (title, text) in enumerate(self.texts.items()):
            ends = [(match.start(), match.end()) for match in re.finditer(r"\S+", text)]
            for first in range(0, len(ends), words):
                start, end = ends[first][0], ends[min(first + words, len(ends)) - 1][1]
                documents.append(Document(f"{number}-{first}", text[start:end], title))
                starts[documents[-1].id] = title, start
        return documents, starts


def read_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def words_of(text: str) -> str:
    """Return the words of a text, with a space around each."""
    words = " ".join(re.findall(r"[^\W_]+", text.casefold()))
    return f" {words} "


def has_answer(context: Context, answers: Iterable[str]) -> bool:
    """Tell whether the words of an answer stand in one of the spans."""
    sought = [words for answer in answers if (words := words_of(answer)).strip()]
    texts = [words_of(span.text) for span in context.citations]
    return any(words in text for text in texts for words in sought)


def shown(context: Context, starts: Mapping[str, tuple[str, int]]) -> Spans:
    """Return the parts of articles that a context shows."""
    return [
        (starts[span.id][0], starts[span.id][1] + span.start, starts[span.id][1] + span.end)
        for span in context.citations
    ]


def covered(spans: Spans, part: tuple[str, int, int]) -> bool:
    """Tell whether all characters of a part are in the spans, in one or in several."""
    name, start, end = part
    for other_start, other_end in sorted((first, last) for other, first, last in spans if other == name):
        if other_start <= start < other_end:
            start = other_end
    return start >= end


def systems_of(bench: Bench, folder: Path, naive: Index | None) -> dict[str, ContextPipeline]:
    """Return the pipelines that are compared; the budget is given in each call."""
    index, encoder, reranker = bench.index(folder, Chunking()), bench.encoder, bench.reranker
    dense, hybrid = DenseRetriever(index, encoder), HybridRetriever(index, encoder)
    systems = {
        FULL: ContextPipeline(dense, reranker, oversized="cut"),
        "without reranking": ContextPipeline(dense, None, oversized="cut"),
        "top 5 without reranking": ContextPipeline(dense, None, oversized="cut", top_k=5),
        "ContextPipeline, vectors and words": ContextPipeline(hybrid, reranker, oversized="cut"),
        "vectors and words, without reranking": ContextPipeline(hybrid, None, oversized="cut"),
    }
    if naive is not None:
        name = f"{CHUNK_WORDS}-word chunks, without reranking"
        systems[name] = ContextPipeline(DenseRetriever(naive, encoder), None, oversized="cut", near_duplicates=None)
    return systems


def measured(
    systems: Mapping[str, ContextPipeline],
    queries: Sequence[str],
    budgets: Sequence[int],
    judge: Callable[[str, int, Context], Mapping[str, bool]],
) -> list[dict[str, Any]]:
    """Measure every system with every budget.

    Args:
        systems: Pipelines by name; differences are to ``FULL``.
        queries: The questions.
        budgets: The most tokens.
        judge: Tells of a system, the number of a query and its context what of it is there.
    """
    rows: list[dict[str, Any]] = []
    values: dict[tuple[str, int], list[float]] = {}
    for name, pipeline in systems.items():
        for budget in budgets:
            contexts: list[Context] = []
            for start in range(0, len(queries), AT_ONCE):
                contexts += pipeline.context_batch(queries[start : start + AT_ONCE], budget=budget)
                print(f"\r  {name}, {budget} tokens: {len(contexts)} of {len(queries)}", end="", file=sys.stderr)
            print(file=sys.stderr)
            assert all((context.size or 0) <= budget for context in contexts)
            judged = [judge(name, number, context) for number, context in enumerate(contexts)]
            first = next(iter(judged[0]))
            values[name, budget] = [float(measured[first]) for measured in judged]
            gap = None if name == FULL else difference(values[name, budget], values[FULL, budget])
            rows.append(
                {
                    "system": name,
                    "budget": budget,
                    "shares": {measure: share([measured[measure] for measured in judged]) for measure in judged[0]},
                    "difference": gap,
                    "tokens": float(np.mean([context.size or 0 for context in contexts])),
                    "spans": float(np.mean([len(context.citations) for context in contexts])),
                }
            )
    return sorted(rows, key=lambda row: -row["budget"])


def squad(bench: Bench, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure where the annotated answers are."""
    judged = measured_part(folder.name).read(folder.parent, arguments.queries)
    answers = {
        row["_id"]: row["answers"] for row in read_rows(folder / "queries.jsonl") if row["_id"] in judged.queries
    }
    ids = list(answers)
    paragraphs = Articles.of(read_rows(folder / "corpus.jsonl"))
    documents, chunk_starts = paragraphs.chunks(CHUNK_WORDS)
    path = bench.folder / "naive"
    if not (path / "MANIFEST").exists():  # else it is left from an earlier run
        build_index(documents, path, encoder=bench.encoder, reranker=None, chunking=None, resume=True)
    naive = Index.open(path)

    def judge(name: str, number: int, context: Context) -> dict[str, bool]:
        id_, starts = ids[number], chunk_starts if "chunks" in name else paragraphs.starts
        spans = shown(context, starts)
        [own] = judged.qrels[id_]
        title, start = paragraphs.starts[own]
        answer_places = [(start + answer["answer_start"], len(answer["text"])) for answer in answers[id_]]
        return {
            ANSWER: has_answer(context, [answer["text"] for answer in answers[id_]]),
            OWN: any(
                covered(spans, (title, start_of_answer, start_of_answer + length))
                for start_of_answer, length in answer_places
            ),
        }

    systems = systems_of(bench, folder, naive)
    rows = measured(systems, [judged.queries[id_] for id_ in ids], arguments.budgets, judge)
    return {"collection": folder.name, "queries": len(ids), "measures": [ANSWER, OWN], "systems": rows}


def covid(bench: Bench, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure where the judged texts are: these queries carry no answers."""
    judged = Part(folder.name, "train").read(folder.parent, arguments.queries)
    ids = list(judged.queries)
    lengths = {row["_id"]: len(row["text"]) for row in read_rows(folder / "corpus.jsonl")}

    def judge(_: str, number: int, context: Context) -> dict[str, bool]:
        spans = [(span.id, span.start, span.end) for span in context.citations]
        right = [id_ for id_, grade in judged.qrels[ids[number]].items() if grade > 0]
        return {JUDGED: any(covered(spans, (id_, 0, lengths[id_])) for id_ in right)}

    rows = measured(systems_of(bench, folder, None), list(judged.queries.values()), arguments.budgets, judge)
    return {"collection": folder.name, "queries": len(ids), "measures": [JUDGED], "systems": rows}


def numbers(text: str) -> list[int]:
    """Parse an argument such as 1000,300."""
    return [int(number) for number in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--queries", type=int, default=200, help="questions of each collection, drawn at random")
    parser.add_argument("--budgets", type=numbers, default=[1000, 300])
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--dtype", default="float32", help="of the reranker")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--scratch", type=Path, help="folder that keeps indexes and scores for the next run")
    parser.set_defaults(device="cpu")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output, arguments.scratch])
    set_threads(arguments.threads)
    measures = {"squad-dev": squad, "covid-qa": covid}
    collections = measured_before(arguments.output, header(arguments, how=HOW))
    done = {collection["collection"] for collection in collections}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.scratch or Path(temporary)
        arguments.scores = folder / "scores"  # a pair is scored once for all systems and budgets
        bench = Bench(arguments, folder)
        for name, measure in measures.items():
            if name not in done and (arguments.data / name).is_dir():
                collections.append(measure(bench, arguments.data / name, arguments))
                print(f"\n{name}\n\n{contexts_table(collections[-1])}", flush=True)
                write(arguments.output, header(arguments, how=HOW) | {"collections": collections})


if __name__ == "__main__":
    main()

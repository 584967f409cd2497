"""Makes the training data of the bundled reranker: BEIR folders with the splits train and dev.

Usage: python examples/bundled_reranker_data.py DATA -o OUT [--seed N]

DATA holds the BEIR folders squad-dev, cosqa and medquad-qa. Only their training parts are written: squad-dev without
the last eight article titles, the dev split of cosqa, the train split of medquad-qa. A tenth of the queries of each
becomes the split dev.

Two collections are made from texts on this machine: Python functions, with the first sentence of the docstring as the
query; and manual pages, with the one-line description as the query.
"""

import argparse
import ast
import gzip
import json
import random
import re
import sysconfig
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCES = (("squad-dev", "test"), ("cosqa", "dev"), ("medquad-qa", "train"))
MEDQUAD_QUERIES = 4000
FUNCTIONS = 6000
PAGES = 4000
DEV_QUERIES = 200
"""Of what is made of the machine's text."""
LAST_TITLES = 8
KEEP_DOCSTRING = 0.1
"""Of the functions, so that a query that stands in its passage word for word is met, and is no rule."""
LONGEST_CODE = 3000
MOST_SUBCOMMANDS = 60
SECTIONS = ("1", "2", "3", "4", "5", "7", "8")


@dataclass(frozen=True, slots=True)
class Pair:
    """A query, and the only document that answers it."""

    query: str
    title: str
    text: str


def read_jsonl(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read_judged(folder: Path, split: str) -> dict[str, list[str]]:
    """Return the ids of the relevant documents by query id."""
    judged: dict[str, list[str]] = defaultdict(list)
    for row in (folder / "qrels" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query_id, document_id, grade = row.split("\t")
        if int(grade) > 0:
            judged[query_id].append(document_id)
    return judged


def training_queries(data: Path, name: str, split: str, seed: int) -> tuple[list[str], list[str]]:
    """Return the query ids of the splits train and dev; none of them is kept for testing."""
    judged = read_judged(data / name, split)
    ids = sorted(judged)
    if name == "squad-dev":
        titles = {d["_id"]: d["title"] for d in read_jsonl(data / name / "corpus.jsonl")}
        kept = set(sorted(set(titles.values()))[:-LAST_TITLES])
        ids = [q for q in ids if titles[judged[q][0]] in kept]
    random.Random(seed).shuffle(ids)
    if name == "medquad-qa":
        ids = ids[: MEDQUAD_QUERIES + MEDQUAD_QUERIES // 9]
    held_out = len(ids) // 10
    return ids[held_out:], ids[:held_out]


def copy_training_part(data: Path, name: str, split: str, output: Path, seed: int) -> None:
    """Write the training part of a judged collection; of medquad-qa only the documents that its queries are about."""
    judged = read_judged(data / name, split)
    train, dev = training_queries(data, name, split, seed)
    documents = read_jsonl(data / name / "corpus.jsonl")
    if name == "squad-dev":
        kept = set(sorted({d["title"] for d in documents})[:-LAST_TITLES])
        documents = [d for d in documents if d["title"] in kept]
    if name == "medquad-qa":
        judged_ids = {document for query in (*train, *dev) for document in judged[query]}
        documents = [d for d in documents if d["_id"] in judged_ids]
    texts = {q["_id"]: q["text"] for q in read_jsonl(data / name / "queries.jsonl")}
    queries = [{"_id": query, "text": texts[query]} for query in (*train, *dev)]
    splits = {part: {query: judged[query] for query in ids} for part, ids in (("train", train), ("dev", dev))}
    write(output / name, documents, queries, splits)


def write_pairs(folder: Path, pairs: Iterable[Pair], count: int, seed: int) -> None:
    """Write ``count`` of the pairs, drawn at random, as a collection."""
    chosen = sorted(set(pairs), key=lambda pair: (pair.query, pair.title, pair.text))
    random.Random(seed).shuffle(chosen)
    chosen = chosen[:count]
    documents = [{"_id": f"d{n}", "title": pair.title, "text": pair.text} for n, pair in enumerate(chosen)]
    queries = [{"_id": f"q{n}", "text": pair.query} for n, pair in enumerate(chosen)]
    judged = {f"q{n}": [f"d{n}"] for n in range(len(chosen))}
    parts = list(judged)[DEV_QUERIES:], list(judged)[:DEV_QUERIES]
    splits = {part: {q: judged[q] for q in ids} for part, ids in zip(("train", "dev"), parts, strict=True)}
    write(folder, documents, queries, splits)


def write(
    folder: Path,
    documents: Sequence[dict[str, str]],
    queries: Sequence[dict[str, str]],
    splits: dict[str, dict[str, list[str]]],
) -> None:
    """Write a BEIR folder."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for name, rows in (("corpus", documents), ("queries", queries)):
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    for split, judged in splits.items():
        lines = "".join(
            f"{query}\t{document}\t1\n"
            for query, documents_of_query in judged.items()
            for document in documents_of_query
        )
        (folder / "qrels" / f"{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{lines}", encoding="utf-8")
    counts = ", ".join(f"{split} {len(judged):,}" for split, judged in splits.items())
    print(f"{folder}: {len(documents):,} documents; queries: {counts}")


def functions(seed: int) -> Iterator[Pair]:
    """Yield the functions of the standard library and of all installed packages."""
    paths = sysconfig.get_paths()
    rng = random.Random(seed)
    seen: set[str] = set()
    for root in (paths["stdlib"], paths["purelib"]):
        for path in sorted(Path(root).rglob("*.py")):
            parts = path.relative_to(root).parts
            if any(part in ("tests", "test", "testing", "site-packages", "bicross") for part in parts):
                continue
            for query, code in _functions_of(path, rng):
                if query not in seen:
                    seen.add(query)
                    yield Pair(query, "", code)


def _functions_of(path: Path, rng: random.Random) -> Iterator[tuple[str, str]]:
    try:
        source = path.read_text(encoding="utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    lines = source.splitlines()
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or len(node.body) < 2:
            continue
        query = first_sentence(ast.get_docstring(node) or "")
        if query is None:
            continue
        doc, end = node.body[0], node.end_lineno or node.lineno
        first, last = node.lineno - 1, end
        kept = lines[first:last]
        if rng.random() >= KEEP_DOCSTRING and doc.end_lineno is not None:
            kept = lines[first : doc.lineno - 1] + lines[doc.end_lineno : last]
        code = "\n".join(kept)
        if len(kept) >= 3 and len(code) <= LONGEST_CODE:
            yield query, code


def first_sentence(docstring: str) -> str | None:
    """Return the first sentence as a query; None if it is too short, too long, or only repeats the name."""
    paragraph = " ".join(docstring.split("\n\n")[0].split())
    sentence = re.sub(r"[`*]|:\w+:", "", re.split(r"(?<=[a-z\)])\.(?:\s|$)", paragraph)[0]).strip(" .:")
    if not 4 <= len(sentence.split()) <= 16 or not sentence.isascii() or any(c in sentence for c in "<>={}[]|\\"):
        return None
    return sentence[0].lower() + sentence[1:]


def manual_pages(folder: Path) -> Iterator[Pair]:
    """Yield the English manual pages, without those of subcommands, which have similar descriptions."""
    paths = [path for section in SECTIONS for path in sorted((folder / f"man{section}").glob("*"))]
    programs = Counter(map(program_of, paths))
    for path in paths:
        if not path.is_symlink() and programs[program_of(path)] <= MOST_SUBCOMMANDS:
            parsed = read_page(path)
            if parsed is not None:
                yield parsed


def program_of(path: Path) -> str:
    return re.split(r"[-_.:]", path.name)[0]


def read_page(path: Path) -> Pair | None:
    """Return the line of the section NAME with the text of the section DESCRIPTION; None if one is missing."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        source = raw.decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError):
        return None
    sections: dict[str, list[str]] = defaultdict(list)
    current = ""
    for line in source.splitlines():
        heading = re.match(r"\.S[Hh]\s+\"?(.+?)\"?\s*$", line)
        if heading:
            current = heading[1].upper()
        elif current in ("NAME", "DESCRIPTION"):
            text = plain(line)
            if text:
                sections[current].append(text)
    name, _, summary = " ".join(sections["NAME"]).partition(" - ")
    body = " ".join(sections["DESCRIPTION"])
    if not 3 <= len(summary.split()) <= 16 or len(body.split()) < 25 or not summary.isascii():
        return None
    names = [single.strip() for single in name.split(",")]
    body = re.sub(rf"\b({'|'.join(map(re.escape, filter(None, names)))})\b(\(\))?", "it", body) if any(names) else body
    return Pair(summary.strip(" ."), "", " ".join(body.split()[:220]))


def plain(line: str) -> str:
    """Return a line of roff without fonts, escapes and macros."""
    if line.startswith(('.\\"', "'\\\"")):
        return ""
    if line.startswith((".", "'")):
        macro, _, arguments = line[1:].partition(" ")
        if macro not in ("B", "I", "BR", "IR", "RB", "RI", "BI", "IB", "SM", "Nm", "Nd", "Ar", "Fl", "Cm", "Xr", "Em"):
            return ""
        line = (" - " if macro == "Nd" else "") + arguments.replace('"', "")
    line = re.sub(r"\\f[A-Z]|\\f\([A-Z]{2}|\\f\[\w*\]|\\s[-+]?\d", "", line)
    line = line.replace("\\-", "-").replace("\\(em", "-").replace("\\(aq", "'").replace("\\(bu", "")
    line = re.sub(r"\\\([a-z]{2}|\\\[\w+\]|\\[&,/|e%~ ]|\\", "", line)
    return line.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--manual", type=Path, default=Path("/usr/share/man"), help="where manual pages are")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name, split in SOURCES:
        copy_training_part(arguments.data, name, split, arguments.output, arguments.seed)
    write_pairs(arguments.output / "python-functions", functions(arguments.seed), FUNCTIONS, arguments.seed)
    if arguments.manual.is_dir():
        write_pairs(arguments.output / "manual-pages", manual_pages(arguments.manual), PAGES, arguments.seed)


if __name__ == "__main__":
    main()

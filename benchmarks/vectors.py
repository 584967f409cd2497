"""Make a million real vectors: texts of BEIR folders, embedded and cached.

Usage: python benchmarks/vectors.py DATA -o FOLDER [--rows 1000000] [--dtype bfloat16]

A million texts are cut from small collections: sentences, halves of longer sentences, pairs of neighbouring sentences,
and thirds of long sentences. Queries are the collections' own. The command can be stopped and run again: what is
embedded stays, in files of 20,000 rows.
"""

import argparse
import itertools
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from bicross.inference import resolve_dtype, whole_file
from numpy.typing import NDArray

COLLECTIONS = ("scifact", "nfcorpus", "squad-dev", "medquad-qa", "cosqa", "cranfield")
PAIRS = ("stsb", "sick", "mrpc")
SHORTEST = 20
"""Characters of the shortest text; shorter ones are headings, numbers and fragments."""
WORDS_OF_A_PART = 5
"""Fewest words in a part of a sentence."""
MOST = 1_000_000
CHUNK_ROWS = 20_000
QUERIES = 3_000
QUERIES_FILE = "queries.npy"
ABOUT_FILE = "about.json"


def benchmark_texts(data: Path) -> list[str]:
    """Return distinct texts in a fixed order: titles, sentences, halves, passages of two sentences, thirds."""
    bodies = [str(row["text"]) for name in COLLECTIONS for row in _rows(data / name / "corpus.jsonl")]
    titles = [str(row["title"]) for name in COLLECTIONS for row in _rows(data / name / "corpus.jsonl")]
    files = sorted(file for name in PAIRS for file in (data / name).glob("*.jsonl"))
    pairs = [str(row[side]) for file in files for row in _rows(file) for side in ("sentence1", "sentence2")]
    documents = [sentences_of(body) for body in bodies]
    sentences = [sentence for document in documents for sentence in document]
    halves = [half for sentence in sentences for half in _parts(sentence, 2)]
    passages = [" ".join(d[i : i + 2]) for d in documents for i in range(0, len(d) - 1, 2)]
    thirds = [third for sentence in sentences for third in _parts(sentence, 3)]
    texts = dict.fromkeys(itertools.chain(titles, sentences, pairs, halves, passages, thirds))
    return [text for text in texts if len(text) >= SHORTEST][:MOST]


def benchmark_queries(data: Path) -> list[str]:
    """Return the distinct queries of all collections, shuffled by a fixed seed."""
    queries = dict.fromkeys(str(row["text"]) for name in COLLECTIONS for row in _rows(data / name / "queries.jsonl"))
    return [str(query) for query in np.random.default_rng(0).permutation(list(queries))]


def _rows(path: Path) -> Iterator[dict[str, object]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def sentences_of(text: str) -> list[str]:
    sentences = (" ".join(sentence.split()) for sentence in re.split(r"(?<=[.!?])\s+|\n\s*\n", text))
    return [sentence for sentence in sentences if len(sentence) >= SHORTEST]


def _parts(sentence: str, count: int) -> list[str]:
    """Cut a long sentence into ``count`` parts of equally many words."""
    words = sentence.split()
    if len(words) < WORDS_OF_A_PART * count:
        return []
    cuts = [len(words) * part // count for part in range(count + 1)]
    return [" ".join(words[start:stop]) for start, stop in itertools.pairwise(cuts)]


def load(folder: Path, rows: int) -> NDArray[np.float32]:
    """Load ``rows`` vectors of a folder that this script made, evenly spread, or all where it holds fewer."""
    chunks = [np.load(path, mmap_mode="r") for path in _chunks(folder)]
    if not chunks:
        raise FileNotFoundError(f"{folder} holds no vectors; make them: python benchmarks/vectors.py DATA -o {folder}")
    total = sum(map(len, chunks))
    numbers = np.arange(min(rows, total)) * total // min(rows, total)
    vectors = np.empty((len(numbers), chunks[0].shape[1]), np.float32)
    first = 0
    for chunk in chunks:
        low, high = np.searchsorted(numbers, (first, first + len(chunk)))
        vectors[low:high] = chunk[numbers[low:high] - first]
        first += len(chunk)
    return vectors


def rows_of(folder: Path) -> int:
    """Return how many vectors a folder holds."""
    return sum(len(np.load(path, mmap_mode="r")) for path in _chunks(folder))


def load_queries(folder: Path) -> NDArray[np.float32]:
    """Load the vectors of the queries, none of which is a text of the collection."""
    return np.load(folder / QUERIES_FILE).astype(np.float32, copy=False)


def about(folder: Path) -> dict[str, object]:
    """Return which texts and which model made the vectors; empty where the folder does not say."""
    path = folder / ABOUT_FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _chunks(folder: Path) -> list[Path]:
    """Return the files of vectors up to the first missing one."""
    paths = (folder / f"{first:08}.npy" for first in itertools.count(0, CHUNK_ROWS))
    return list(itertools.takewhile(Path.exists, paths))


def _save(path: Path, vectors: NDArray[np.float32]) -> None:
    with whole_file(path) as file:
        np.save(file, vectors)


def _settle(folder: Path, made_of: dict[str, object]) -> None:
    """Record what the vectors are, or check that the folder holds the same ones."""
    folder.mkdir(parents=True, exist_ok=True)
    before = about(folder)
    if before and before != made_of:
        sys.exit(f"{folder} holds other vectors ({before}, not {made_of}); name another folder")
    (folder / ABOUT_FILE).write_text(json.dumps(made_of, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of BEIR folders: " + ", ".join((*COLLECTIONS, *PAIRS)))
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the vectors")
    parser.add_argument("--rows", type=int, default=MOST)
    parser.add_argument("--encoder", help="default: that of bicross")
    parser.add_argument("--dtype", default="auto", help="number format of the encoder")
    parser.add_argument("--device")
    arguments = parser.parse_args()
    from bicross.retrieval import DEFAULT_ENCODER, BiEncoder  # takes seconds; load needs none of it

    texts, queries = benchmark_texts(arguments.data)[: arguments.rows], benchmark_queries(arguments.data)[:QUERIES]
    name, dtype = arguments.encoder or DEFAULT_ENCODER, resolve_dtype(arguments.dtype, arguments.device)
    _settle(arguments.output, {"encoder": name, "dtype": dtype, "collections": [*COLLECTIONS, *PAIRS]})
    encoder = BiEncoder(name, device=arguments.device, dtype=dtype)
    if not (arguments.output / QUERIES_FILE).exists():
        _save(arguments.output / QUERIES_FILE, encoder.encode_queries(queries))
    began, before = time.monotonic(), 0
    for first in range(0, len(texts), CHUNK_ROWS):
        path, chunk = arguments.output / f"{first:08}.npy", texts[first : first + CHUNK_ROWS]
        if path.exists() and len(np.load(path, mmap_mode="r")) >= len(chunk):
            before = first + len(chunk)
            continue
        _save(path, encoder.encode_documents(chunk))
        done = first + len(chunk)
        rate = (done - before) / (time.monotonic() - began)
        print(f"{done} of {len(texts)} texts, {rate:.0f} a second", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

"""What does it cost to find the most similar of 10,000 sentences? Compares a cross-encoder with vectors.

Usage: python benchmarks/clustering_cost.py DATA [--output benchmarks/results/clustering-cost.json] [--plot FILE.svg]

DATA holds the sentence pairs stsb, sick and mrpc. A cross-encoder has to score all 49,995,000 pairs: this is measured
on a sample and extrapolated, and checked where all pairs can be scored. A bi-encoder encodes every sentence once, and
the index finds its ten nearest: this is measured. What the two find is compared on pairs that people judged. Seconds
are processor time on one core. Takes ten minutes.
"""

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from bicross.index import Document, Index
from bicross.pipelines import build_index
from bicross.rerank import DEFAULT_RERANKER, CrossEncoderReranker, Reranker
from bicross.retrieval import DEFAULT_ENCODER, BiEncoder, Encoder
from numpy.typing import NDArray
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.tables.clustering import Cost, Seconds, agreement_table, cost_table, plot

SAME = {"stsb": ("score", 4.0), "sick": ("relatedness", 4.5), "mrpc": ("label", 1.0)}
"""For each collection the field with people's judgment, and the value from which two sentences mean the same."""
RESAMPLES = 10_000
AT_ONCE = 1000
HOW = (
    "float32. Seconds are of processor time. Those of the cross-encoder are of a pair, the mean over batches of random "
    "pairs, times the number of pairs; the interval is the 95 % bootstrap interval over batches. Those of the "
    "bi-encoder are medians over rounds of building an index and of asking it for the neighbours of every sentence."
)
Pairs = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Judgment:
    """Two sentences, and whether people judged that they mean the same."""

    first: str
    second: str
    same: bool


def read_judgments(data: Path) -> list[Judgment]:
    """Read all judgments, always in the same order."""
    judgments: list[Judgment] = []
    for name, (field, least) in SAME.items():
        for file in sorted((data / name).glob("*.jsonl")):
            with file.open(encoding="utf-8") as lines:
                rows = [json.loads(line) for line in lines]
            judgments += [Judgment(row["sentence1"], row["sentence2"], float(row[field]) >= least) for row in rows]
    return judgments


def drawn_sentences(judgments: Sequence[Judgment], count: int) -> list[str]:
    """Draw distinct sentences at random."""
    distinct = list(
        dict.fromkeys(text for judgment in judgments for text in (judgment.first, judgment.second) if text.strip())
    )
    if len(distinct) < count:
        sys.exit(f"the data hold {len(distinct)} distinct sentences, fewer than {count}")
    return [distinct[number] for number in np.random.default_rng(0).permutation(len(distinct))[:count]]


def drawn_same(judgments: Sequence[Judgment], count: int) -> tuple[list[str], set[tuple[int, int]]]:
    """Draw pairs that mean the same, no sentence in two of them; return the sentences and the pairs of positions."""
    sentences: dict[str, int] = {}
    pairs: set[tuple[int, int]] = set()
    same = [judgment for judgment in judgments if judgment.same and judgment.first.strip() != judgment.second.strip()]
    for number in np.random.default_rng(1).permutation(len(same)).tolist():
        judgment = same[number]
        if len(pairs) < count and judgment.first not in sentences and judgment.second not in sentences:
            pairs.add((len(sentences), len(sentences) + 1))
            sentences |= {judgment.first: len(sentences), judgment.second: len(sentences) + 1}
    return list(sentences), pairs


def pairs_of(count: int) -> int:
    """Return the number of pairs of ``count`` sentences."""
    return count * (count - 1) // 2


def bootstrap(seconds: Sequence[float]) -> Seconds:
    """Return the mean with its 95 % bootstrap interval."""
    values = np.asarray(seconds, np.float64)
    places = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(values[places].mean(axis=1), (0.025, 0.975))
    return Seconds(float(values.mean()), float(low), float(high))


def seconds_a_pair(reranker: Reranker, sentences: Sequence[str], *, batches: int, size: int) -> list[float]:
    """Return the seconds for one pair, one figure for each batch of random pairs."""
    chance = np.random.default_rng(2)
    figures: list[float] = []
    for number in range(batches + 1):
        first = chance.integers(len(sentences), size=size)
        second = (first + chance.integers(1, len(sentences), size=size)) % len(sentences)  # any other
        pairs = [(sentences[a], sentences[b]) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
        began = process_time()
        reranker.score(pairs)
        figures.append((process_time() - began) / size)
        print(f"\r  cross-encoder: batch {number} of {batches}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return figures[1:]  # the first one warms up


def score_all(reranker: Reranker, sentences: Sequence[str]) -> tuple[Pairs, NDArray[np.float32]]:
    """Score every pair once; the first sentence takes the place of the query."""
    places = list(itertools.combinations(range(len(sentences)), 2))
    return places, reranker.score([(sentences[a], sentences[b]) for a, b in places])


def indexed(sentences: Sequence[str], encoder: Encoder, folder: Path, k: int) -> tuple[float, float, Pairs]:
    """Return seconds to embed and index, seconds to find ``k`` neighbours of each, and the distinct pairs of these."""
    documents = [Document(str(number), text) for number, text in enumerate(sentences)]
    began = process_time()
    index: Index = build_index(documents, folder, encoder=encoder, reranker=None, chunking=None)
    embedded = process_time() - began
    began, pairs = process_time(), set[tuple[int, int]]()
    for start in range(0, len(documents), AT_ONCE):
        ids = [document.id for document in documents[start : start + AT_ONCE]]
        for id_, hits in zip(ids, index.neighbours(ids, k), strict=True):
            pairs.update((min(int(id_), int(hit.document.id)), max(int(id_), int(hit.document.id))) for hit in hits)
    return embedded, process_time() - began, sorted(pairs)


def cost(sentences: Sequence[str], encoder: Encoder, a_pair: Seconds, *, k: int, rounds: int) -> Cost:
    """Return the extrapolated cost of all pairs and the measured cost of the neighbours."""
    embedded: list[float] = []
    asked: list[float] = []
    near_pairs: Pairs = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as scratch:
            taken, searched, near_pairs = indexed(sentences, encoder, Path(scratch) / "index", k)
        embedded.append(taken)
        asked.append(searched)
        print(f"  {len(sentences)} sentences: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    vectors, neighbours = float(np.median(embedded)), float(np.median(asked))
    read = a_pair.times(len(near_pairs))
    both = Seconds(*(part + vectors + neighbours for part in (read.mean, read.low, read.high)))
    pairs = pairs_of(len(sentences))
    return Cost(len(sentences), pairs, a_pair.times(pairs), vectors, neighbours, len(near_pairs), both)


def agreement(
    judgments: Sequence[Judgment], encoder: Encoder, reranker: Reranker, *, count: int, k: int
) -> dict[str, Any]:
    """Compare the best ``count`` pairs of both among sentences of which ``count`` pairs mean the same."""
    sentences, same = drawn_same(judgments, count)
    pairs, logits = score_all(reranker, sentences)
    vectors = encoder.encode_documents(sentences)
    cosines = np.array([float(vectors[a] @ vectors[b]) for a, b in pairs])
    with tempfile.TemporaryDirectory() as scratch:
        _, _, near_pairs = indexed(sentences, encoder, Path(scratch) / "index", k)
    near = set(near_pairs)
    inside = np.where([pair in near for pair in pairs], logits, -np.inf)
    best = {
        "cross-encoder, all pairs": top(pairs, logits, len(same)),
        "bi-encoder": top(pairs, cosines, len(same)),
        "bi-encoder, then cross-encoder": top(pairs, inside, len(same)),
    }
    exact = best["cross-encoder, all pairs"]
    return {
        "sentences": len(sentences),
        "pairs": len(pairs),
        "same": len(same),
        "same_among_neighbours": len(same & near),
        "cross_encoders_best_among_neighbours": len(exact & near),
        "best": {
            name: {"same": len(best_pairs & same), "shared_with_all_pairs": len(best_pairs & exact)}
            for name, best_pairs in best.items()
        },
    }


def top(places: Pairs, scores: Sequence[float] | NDArray[Any], count: int) -> set[tuple[int, int]]:
    """Return the pairs with the highest scores."""
    return {places[row] for row in np.argsort(-np.asarray(scores), kind="stable")[:count].tolist()}


def numbers(text: str) -> list[int]:
    """Parse an argument such as 100,1000."""
    return [int(number) for number in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--sizes", type=numbers, default=[100, 300, 1000, 3000, 10_000])
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--batches", type=int, default=20, help="batches of pairs that the cross-encoder scores")
    parser.add_argument("--batch-pairs", type=int, default=512)
    parser.add_argument("--neighbours", type=int, default=10, help="neighbours of each sentence")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--same", type=int, default=100, help="pairs that mean the same, to compare what both find")
    parser.add_argument("--threads", type=int, default=1)
    parser.set_defaults(device="cpu")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    parser.add_argument("--plot", type=Path, help="SVG file for the plot")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output, arguments.plot])
    set_threads(arguments.threads)
    judgments, sizes = read_judgments(arguments.data), sorted(arguments.sizes)
    sentences = drawn_sentences(judgments, sizes[-1])
    reranker = CrossEncoderReranker(arguments.reranker, device=arguments.device)
    encoder = BiEncoder(arguments.encoder, device=arguments.device)
    figures = seconds_a_pair(reranker, sentences, batches=arguments.batches, size=arguments.batch_pairs)
    a_pair, few = bootstrap(figures), sentences[: sizes[0]]
    began = process_time()
    score_all(reranker, few)
    measured = process_time() - began
    checked = {"sentences": len(few), "seconds": measured, "extrapolated": asdict(a_pair.times(pairs_of(len(few))))}
    k, rounds = arguments.neighbours, arguments.rounds
    costs = [cost(sentences[:count], encoder, a_pair, k=k, rounds=rounds) for count in sizes]
    agreed = agreement(judgments, encoder, reranker, count=arguments.same, k=k)
    print("", cost_table([asdict(size_cost) for size_cost in costs]), "", agreement_table(agreed), sep="\n")
    report = header(arguments, how=HOW) | {
        "seconds_a_pair": asdict(a_pair),
        "batches": figures,
        "checked": checked,
        "costs": [asdict(size_cost) for size_cost in costs],
        "agreement": agreed,
    }
    write(arguments.output, report)
    if arguments.plot is not None:
        plot(costs, checked, arguments.plot)


if __name__ == "__main__":
    main()

"""What does feedback cost? Times the first stage with it and without it, one query at a time, at one size.

Usage: python benchmarks/feedback_speed.py DATA [--size 100000] [--cache FOLDER] [--output FILE.json]

DATA is the folder of the collections; the documents are their sentences, as in duplicates.py, and the queries those of
squad-dev. The first stage embeds the query, searches by vectors and by words, and fuses both. Every query goes to all
first stages in turn, in an order drawn for each. --cache keeps the vectors, which take most of an hour to make.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from bicross.index import Document, EmbeddedBatch, Index, VectorLayout, whole
from bicross.pipelines import read_judged
from bicross.retrieval import (
    ANALYZER,
    DEFAULT_ENCODER,
    BiEncoder,
    DenseRetriever,
    Feedback,
    HybridRetriever,
    Retriever,
    analyse,
)
from numpy.typing import NDArray
from parts.duplicates import collect_texts, embed_texts
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.rounds import in_turn, percentiles_ms, ratio, slices
from parts.tables.relevance import added_table

BATCH = 2048
CANDIDATES = 100
HOW = (
    "Seconds of `retrieve` for one query and 100 candidates, the embedding of the query included. Added is the median, "
    "over the queries, of the time with feedback divided by the time without, less 1."
)


def batches(texts: Sequence[str], vectors: NDArray[np.float32]) -> Iterator[EmbeddedBatch]:
    """Yield documents of one passage, with vectors and terms."""
    for start in range(0, len(texts), BATCH):
        block = [Document(f"d{start + n}", text) for n, text in enumerate(texts[start : start + BATCH])]
        terms = analyse([document.text for document in block])
        passages = [[whole(document)] for document in block]
        yield EmbeddedBatch(block, passages, np.array(vectors[start : start + BATCH]), terms=terms)


def measure(index: Index, encoder: BiEncoder, queries: Sequence[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Time the first stages."""
    retrievers: dict[str, Retriever] = {
        "vectors": DenseRetriever(index, encoder),
        "vectors with feedback": DenseRetriever(index, encoder, feedback=Feedback()),
        "hybrid": HybridRetriever(index, encoder),
        "hybrid with feedback": HybridRetriever(index, encoder, feedback=Feedback()),
    }
    calls = {name: _call(retriever) for name, retriever in retrievers.items()}
    given = slices(queries, rounds=arguments.rounds, each=arguments.queries)
    seconds = in_turn(calls, given, note="queries").seconds
    plain = {name: name.removesuffix(" with feedback") for name in seconds}
    return {
        name: {
            **percentiles_ms(taken),
            "added": ratio(taken, seconds[plain[name]]) - 1.0 if plain[name] != name else None,
        }
        for name, taken in seconds.items()
    }


def _call(retriever: Retriever) -> Any:  # noqa: ANN401 - what in_turn calls
    return lambda query: len(retriever.retrieve([query], CANDIDATES)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--queries", type=int, default=40, help="queries of a round, other ones each time")
    parser.add_argument("--cache", type=Path, help="folder that keeps the vectors for the next run")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output, arguments.cache])
    set_threads(arguments.threads)
    texts = collect_texts(arguments.data, arguments.size)
    queries = list(read_judged(arguments.data / "squad-dev").queries.values())
    encoder = BiEncoder(arguments.encoder, device=arguments.device)
    with tempfile.TemporaryDirectory() as temporary:
        vectors = embed_texts(texts, arguments.encoder, arguments.cache or Path(temporary))
        how = {"batches": batches(texts, vectors), "layout": VectorLayout("Flat"), "analyzer": ANALYZER}
        index = Index.create(Path(temporary) / "index", encoder.fingerprint, **how)
        figures = measure(index, encoder, queries, arguments)
    print(added_table(figures))
    write(arguments.output, header(arguments, how=HOW) | {"documents": arguments.size, "first_stages": figures})


if __name__ == "__main__":
    main()

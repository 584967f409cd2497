"""Where does the time of a build go? Runs each stage alone on the same documents, and the build that overlaps them.

Usage: python benchmarks/build_stages.py DATA [--documents 1000] [--output benchmarks/results/build-stages.json]

DATA is the folder of the collections; the documents are SciFact's. The stages are those of ``build_index``: read,
split (which counts tokens), tokenise for the reranker, make terms for BM25, embed, write. The whole build runs with its
stages in threads of their own. Beside it the share of the machine's fastest matrix product that embedding reaches.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from bicross.index import Document, EmbeddedBatch, Index, passage_text, read_documents, split_documents
from bicross.inference import load_tokenizer, resolve_model
from bicross.pipelines import build_index
from bicross.rerank import DEFAULT_RERANKER
from bicross.retrieval import ANALYZER, DEFAULT_ENCODER, Analyzer, BiEncoder
from parts.flops import Cost, Lengths, peak
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.tables.speed import build_stages_table

HOW = (
    "Every round runs each stage alone, one after the other, on all documents, and then the whole build; medians over "
    "the rounds. Processor time is of all threads. The share of peak is the FLOP of the passages' tokens by the time "
    "of embedding alone, over the fastest square matrix product of this run."
)
DTYPES = ("float32", "bfloat16")
SHARED = ("read", "split", "tokenise", "terms")
"""The stages that do not depend on the number format."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The seconds of the wall clock and of the processor that something took."""

    wall: float
    cpu: float


def timed(call: Callable[[], Any]) -> tuple[Taken, Any]:
    """Return what a call took, and its result."""
    wall, cpu = perf_counter(), process_time()
    result = call()
    return Taken(perf_counter() - wall, process_time() - cpu), result


class Stages:
    """The stages of a build, each of which can run alone."""

    def __init__(self, source: Path, documents: int) -> None:
        self._source, self._count = source, documents
        self.encoders = {dtype: BiEncoder(DEFAULT_ENCODER, device="cpu", dtype=dtype) for dtype in DTYPES}
        self._tokenizer, self._analyzer = load_tokenizer(resolve_model(DEFAULT_RERANKER)), Analyzer(ANALYZER)
        self.documents: list[Document] = list(self.read())
        self.passages = self.split()
        self.texts = [
            passage_text(document.title, passage.text)
            for document, its_passages in zip(self.documents, self.passages, strict=True)
            for passage in its_passages
        ]
        self._tokens, self._terms = self.tokenise(), self.terms()

    def read(self) -> list[Document]:
        """Read the documents."""
        return list(islice(read_documents(self._source), self._count))

    def split(self) -> list[Any]:
        """Split them into passages, which counts the tokens of the encoder."""
        encoder = self.encoders[DTYPES[0]]
        return split_documents(
            self.documents, count_tokens=encoder.count_tokens, max_tokens=encoder.max_tokens, overlap=32
        )

    def tokenise(self) -> list[Any]:
        """Make the token ids for the reranker."""
        return [ids.astype(np.uint16) for ids in self._tokenizer.encode(self.texts)]

    def terms(self) -> list[list[str]]:
        """Make the terms for BM25."""
        return self._analyzer(self.texts)

    def embed(self, dtype: str) -> Any:  # noqa: ANN401 - vectors
        """Embed the passages, a thousand at a time as a build does."""
        encoder = self.encoders[dtype]
        return np.concatenate(
            [encoder.encode_documents(self.texts[at : at + 1024]) for at in range(0, len(self.texts), 1024)]
        )

    def written(self, dtype: str, vectors: Any) -> None:  # noqa: ANN401 - vectors
        """Write what the other stages made to an index."""
        with tempfile.TemporaryDirectory() as folder:
            Index.create(
                Path(folder) / "index",
                self.encoders[dtype].fingerprint,
                batches=self._batches(vectors),
                tokenizer_fingerprint=self._tokenizer.fingerprint,
                analyzer=ANALYZER,
            )

    def whole(self, dtype: str) -> None:
        """Build an index as ``build_index`` does."""
        with tempfile.TemporaryDirectory() as folder:
            build_index(iter(self.read()), Path(folder) / "index", encoder=self.encoders[dtype])

    def _batches(self, vectors: Any) -> Iterator[EmbeddedBatch]:  # noqa: ANN401 - vectors
        yield EmbeddedBatch(self.documents, self.passages, vectors, self._tokens, self._terms)


def measure(stages: Stages, rounds: int) -> dict[str, dict[str, list[Taken]]]:
    """Return what each stage and the whole build took in each round, by number format."""
    taken: dict[str, dict[str, list[Taken]]] = {dtype: {} for dtype in DTYPES}
    for _ in range(rounds):
        shared = {name: timed(getattr(stages, name))[0] for name in SHARED}
        for dtype in DTYPES:
            embedding, vectors = timed(partial(stages.embed, dtype))
            alone = shared | {"embed": embedding, "write": timed(partial(stages.written, dtype, vectors))[0]}
            alone["the whole build"] = timed(partial(stages.whole, dtype))[0]
            for name, of_round in alone.items():
                taken[dtype].setdefault(name, []).append(of_round)
    return taken


def medians(rounds: Sequence[Taken]) -> dict[str, float]:
    """Return the medians of both times."""
    return {
        "wall_seconds": float(np.median([taken.wall for taken in rounds])),
        "cpu_seconds": float(np.median([taken.cpu for taken in rounds])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output])
    set_threads(arguments.threads)
    stages = Stages(arguments.data / "scifact", arguments.documents)
    folder = resolve_model(DEFAULT_ENCODER)
    lengths = Lengths(folder, stages.encoders[DTYPES[0]].max_tokens + 2).of(stages.texts)
    flop, peaks = Cost.of_folder(folder, head=False).flop(lengths), {dtype: peak(dtype, "cpu") for dtype in DTYPES}
    taken = measure(stages, arguments.rounds)
    report = header(arguments, how=HOW) | {
        "passages": len(stages.texts),
        "tokens": sum(lengths),
        "peaks": {dtype: asdict(measured) for dtype, measured in peaks.items()},
        "formats": {
            dtype: {
                "stages": {name: medians(rounds) for name, rounds in of_dtype.items()},
                "share_of_peak": peaks[dtype].share(
                    [flop] * arguments.rounds, [each.wall for each in of_dtype["embed"]]
                ),
            }
            for dtype, of_dtype in taken.items()
        },
    }
    print(build_stages_table(report))
    write(arguments.output, report)


if __name__ == "__main__":
    main()

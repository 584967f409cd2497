"""Do the early layers of a cross-encoder find documents? Measures nDCG@10, R@100 and speed by layer.

Usage: python benchmarks/early_layers.py FOLDER... [--output benchmarks/results/early-layers.json]

Each FOLDER is a BEIR folder. Every document and every test query is encoded alone, up to --max-length tokens. The
output of each layer, as the mean of the tokens or as the first token, is a vector, and search is exact. Beside the
cross-encoder stands a bi-encoder with as many layers, by default the one that the bundled reranker was trained from.
Takes about twenty minutes on two cores with three small collections. The question is from "Can Cross Encoders Produce
Useful Sentence Embeddings?" (arXiv 2502.03552).
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from bicross.index import Document, read_documents
from bicross.inference import resolve_model
from bicross.pipelines import Run
from bicross.pipelines.evaluation import Estimate, System
from bicross.pipelines.evaluation.evaluation import compare, measure_run
from bicross.pipelines.evaluation.result import Difference
from bicross.rerank import DEFAULT_RERANKER
from bicross.retrieval import DEFAULT_ENCODER, EarlyLayerEncoder
from numpy.typing import NDArray
from parts.judged import measured_part
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.rounds import in_turn, percentiles_ms, ratio
from parts.speed_texts import spread
from parts.tables.layers import MEASURES, layer_speed_table, layer_table
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer

Vectors = NDArray[np.float32]
FOUND = 100
BATCH = 8
HOW = (
    "Whole documents with their titles, exact search. Layer 0 is the token embeddings. The difference "
    "is in nDCG@10 to the last layer of the same model and pooling, with its 95 % bootstrap interval; * marks "
    "p < 0.05 in the paired randomisation test. Nothing corrects for the number of tests. Encoding is timed "
    "with EarlyLayerEncoder, all numbers of layers in turn, on a CPU in processor time."
)


@dataclass(frozen=True, slots=True)
class Layers:
    """A model that returns the output of each of its layers."""

    base: Any
    tokenizer: Any
    max_length: int

    @classmethod
    def of(cls, name: str, arguments: argparse.Namespace) -> "Layers":
        """Load a cross-encoder or a bi-encoder by its name."""
        folder = resolve_model(name)
        architectures = AutoConfig.from_pretrained(folder).architectures or [""]
        classifies = architectures[0].endswith("ForSequenceClassification")
        auto: Any = AutoModelForSequenceClassification if classifies else AutoModel
        model = auto.from_pretrained(folder, dtype=getattr(torch, arguments.dtype)).eval().to(arguments.device)
        return cls(model.base_model, AutoTokenizer.from_pretrained(folder), arguments.max_length)

    def encode(self, texts: Sequence[str], *, note: str = "") -> dict[str, Vectors]:
        """Return unit vectors by pooling, shape (layers + 1, texts, dimension), layer 0 first."""
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        parts: dict[str, list[Vectors]] = {"mean": [], "cls": []}
        for start in range(0, len(texts), BATCH):
            for pooling, part in self._batch([texts[row] for row in order[start : start + BATCH]]).items():
                parts[pooling].append(part)
            if note:
                print(f"\r  {note}: {min(start + BATCH, len(texts))} of {len(texts)}", end="", file=sys.stderr)
        if note:
            print(file=sys.stderr, flush=True)
        back = np.argsort(order)
        return {pooling: np.concatenate(blocks, axis=1)[:, back] for pooling, blocks in parts.items()}

    def _batch(self, texts: Sequence[str]) -> dict[str, Vectors]:
        settings = {"padding": True, "truncation": True, "max_length": self.max_length, "return_tensors": "pt"}
        encoded = self.tokenizer(list(texts), **settings).to(self.base.device)
        with torch.inference_mode():
            states = torch.stack(self.base(**encoded, output_hidden_states=True).hidden_states).float()
            mask = encoded["attention_mask"][None, :, :, None].float()
            pooled = {"mean": (states * mask).sum(2) / mask.sum(2), "cls": states[:, :, 0]}
        return {name: torch.nn.functional.normalize(x, dim=-1).cpu().numpy() for name, x in pooled.items()}


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one layer of a model on a collection."""

    collection: str
    model: str
    pooling: str
    layer: int
    queries: int
    means: Mapping[str, Estimate]
    difference: Difference | None


def documents_of(collection: Path) -> list[Document]:
    """Read the documents that have a text."""
    with tempfile.TemporaryDirectory() as scratch:
        return list(read_documents(collection, on_error="skip", errors_path=Path(scratch) / "errors.jsonl"))


def nearest(ids: Sequence[str], documents: Vectors, query_ids: Sequence[str], queries: Vectors) -> Run:
    """Return the best hundred documents of each query; ties keep the order of the documents."""
    scores = queries @ documents.T
    best = np.argsort(-scores, axis=1, kind="stable")[:, :FOUND]
    return {
        query_id: [(ids[row], float(line[row])) for row in rows]
        for query_id, line, rows in zip(query_ids, scores, best, strict=True)
    }


def by_layer(collection: Path, name: str, model: Layers, limit: int | None) -> list[Row]:
    """Measure every layer of a model on the test queries of a collection."""
    judged = measured_part(collection.name).read(collection.parent, limit)
    documents = documents_of(collection)
    ids, query_ids = [document.id for document in documents], list(judged.queries)
    encoded = model.encode([document.passage for document in documents], note=f"{collection.name}, {name}")
    asked = model.encode([judged.queries[query_id] for query_id in query_ids])
    rows: list[Row] = []
    for pooling in encoded:
        systems: list[System] = []
        for layer, (vectors, queries) in enumerate(zip(encoded[pooling], asked[pooling], strict=True)):
            run = nearest(ids, vectors, query_ids, queries)
            systems.append(measure_run(f"layer {layer}", run, judged.qrels, measures=MEASURES))
        for layer, system in enumerate(systems):
            last = system is systems[-1]
            difference = None if last else compare(systems[-1], system, judged.queries).differences[0]
            rows.append(Row(collection.name, name, pooling, layer, len(query_ids), system.means, difference))
    return rows


def speeds(model: str, texts: Sequence[str], queries: Sequence[str], arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure documents per second and the time of one query for each number of layers; ratios are to all layers."""
    settings = {"device": arguments.device, "max_length": arguments.max_length}
    total = int(AutoConfig.from_pretrained(resolve_model(model)).num_hidden_layers)
    encoders = {layers: EarlyLayerEncoder(model, layers=layers, **settings) for layers in range(1, total + 1)}
    many: dict[str, Callable[[list[str]], Vectors]] = {
        str(n): layer_encoder.encode_documents for n, layer_encoder in encoders.items()
    }
    single: dict[str, Callable[[str], Vectors]] = {
        str(n): (lambda query, encoder=layer_encoder: encoder.encode_queries([query]))
        for n, layer_encoder in encoders.items()
    }
    rounds, clock = arguments.rounds, process_time if arguments.device == "cpu" else perf_counter
    documents = in_turn(many, [[list(texts)]] * rounds, note=f"{model}, documents", clock=clock).seconds
    asked = in_turn(single, [list(queries)] * rounds, note=f"{model}, queries", clock=clock).seconds
    return {
        layers: {
            "documents_per_second": len(texts) / float(np.median(documents[layers])),
            "times_faster": ratio(documents[str(total)], documents[layers]),
            "one_query": percentiles_ms(asked[layers]),
            "one_query_times_faster": ratio(asked[str(total)], asked[layers]),
            "seconds": documents[layers],
        }
        for layers in many
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--reranker", default=DEFAULT_RERANKER, help="the cross-encoder")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER, help="the bi-encoder beside it")
    parser.add_argument("--queries", type=int, help="at most so many queries of each collection")
    parser.add_argument("--max-length", type=int, default=256, help="tokens that are encoded of a text")
    parser.add_argument(
        "--dtype", default="float32", choices=["float32", "bfloat16"], help="number format of the layers"
    )
    parser.add_argument("--only", choices=["layers", "speed"], help="leave the other out")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of timing")
    parser.add_argument("--documents", type=int, default=100, help="documents of the first collection for timing")
    parser.add_argument("--single", type=int, default=20, help="queries of the first collection for timing, one by one")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output])
    set_threads(arguments.threads)
    report = header(arguments, how=HOW)
    if arguments.only != "layers":
        first = arguments.folders[0].resolve()
        texts = spread([document.passage for document in documents_of(first)], arguments.documents)
        queries = spread(list(measured_part(first.name).read(first.parent).queries.values()), arguments.single)
        report["speed"] = speeds(arguments.reranker, texts, queries, arguments)
        print(f"\n{layer_speed_table(report['speed'])}", flush=True)
        write(arguments.output, report)
    if arguments.only != "speed":
        report["layers"] = []
        for collection, name in product(arguments.folders, (arguments.reranker, arguments.encoder)):
            rows = by_layer(collection.resolve(), name, Layers.of(name, arguments), arguments.queries)
            records = [asdict(row) for row in rows]
            print(f"\n{layer_table(records)}", flush=True)
            report["layers"] += records
            write(arguments.output, report)  # after each: the next one takes minutes


if __name__ == "__main__":
    main()

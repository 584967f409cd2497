"""How good and how fast is a search among vectors? Measures recall, latency, size and build time of index kinds.

Usage: python benchmarks/index_recall.py VECTORS [--sizes 10000,100000,1000000] [--output FILE.json] [--plot FILE.svg]

VECTORS is a folder that vectors.py made; hnswlib is measured where it is installed (pip install hnswlib). Each round of
timing goes through all kinds. Those of bicross are built with the functions of its ``Index``; up to 20,000 rows an
``Index`` is created too, to check that it chooses, tunes and finds the same.
"""

import argparse
import json
import os
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from bicross.errors import BicrossError
from bicross.index import Document, EmbeddedBatch, Index, ModelFingerprint, Passage, VectorLayout
from parts.indexes.kinds import COMPRESSED, KINDS, PEERS, Built, Collection, Vectors, build, kinds_for, threads
from parts.indexes.measures import Effort, K, Truth, figures, time_all
from parts.machine import cores, processor, versions
from parts.rounds import ratio
from parts.tables.indexes import plot, recall_table
from vectors import about, load, load_queries, rows_of

SMALLEST = 1000
HOW = (
    "Searches are timed on settings.threads threads, k = 100; builds, tuning and recall run on settings.build_threads. "
    "Each round times every kind and setting, in an order of its own; figures are medians over the rounds, and ratios "
    "medians of the ratios to Flat in the same round. A size is so many of the vectors, spread evenly over all."
)
THROUGH_INDEX = 20_000
"""Rows up to which an ``Index`` is created too."""


def through_index(
    collection: Collection, built: Built, queries: Vectors, memory_bytes: int | None
) -> dict[str, object]:
    """Check whether an ``Index`` of the same vectors chooses, tunes and finds the same."""
    rows, dimension = collection.vectors.shape
    sums = {"weights_sha256": "0" * 64, "tokenizer_sha256": "0" * 64}
    prompts = {"query_prompt": "", "document_prompt": ""}
    model = ModelFingerprint(
        "benchmark", "", **sums, dimension=dimension, pooling="mean", normalised=True, **prompts, max_length=256
    )
    layout = VectorLayout(target_recall=collection.layout.target_recall, memory_bytes=memory_bytes)
    documents = [Document(f"{row:08}", "text") for row in range(rows)]
    passages = [[Passage("text", 0, 4)]] * rows
    with tempfile.TemporaryDirectory() as scratch:
        batch = EmbeddedBatch(documents, passages, collection.vectors)
        index = Index.create(Path(scratch) / "index", model, batches=[batch], layout=layout)
        vectors = index.info().vectors
        rows_through_index = [[int(hit.document.id) for hit in hits] for hits in index.search(queries, K)]
    claimed = 1.0 if vectors.recall_at_100 is None else vectors.recall_at_100
    here = built.searches[built.chosen](queries, K, 1)
    settings = {name: getattr(vectors.settings, name) for name in vectors.settings.__slots__}
    return {
        "factory": vectors.factory,
        "claimed_recall_at_100": claimed,
        "settings": settings,
        "same_settings": {name: value for name, value in settings.items() if value is not None} == built.settings,
        "same_claim": abs(claimed - built.claimed) < 1e-9,
        "same_rows_found": float(
            np.mean([len(set(a) & set(b)) / K for a, b in zip(rows_through_index, here.tolist(), strict=True)])
        ),
    }


def build_all(collection: Collection, kinds: list[str], build_threads: int, left_out: dict[str, str]) -> list[Built]:
    """Build the indexes; add the reasons for missing ones to ``left_out``."""
    indexes: list[Built] = []
    factories: dict[str, str] = {}
    for kind in kinds:
        if kind == COMPRESSED and collection.factory(kind) == factories.get("auto"):
            left_out[kind] = "auto is that already"
            continue
        print(f"  {kind}: building", file=sys.stderr, flush=True)
        try:
            indexes.append(build(kind, collection, build_threads))
        except ImportError as error:
            left_out[kind] = f"{error}; to measure it: pip install {kind}"
        except (BicrossError, RuntimeError, MemoryError) as error:
            left_out[kind] = str(error)
        if kind in left_out:
            print(f"  {kind}: left out, {left_out[kind]}", file=sys.stderr, flush=True)
        elif kind not in PEERS:
            factories[kind] = collection.factory(kind)
    return indexes


def measure(vectors: Vectors, queries: Vectors, arguments: argparse.Namespace) -> dict[str, object]:
    """Measure everything at one size."""
    rows, dimension = vectors.shape
    print(f"{rows} vectors: exact search", file=sys.stderr, flush=True)
    with threads(arguments.build_threads):
        truth = Truth(vectors, queries)
        collection = Collection(vectors, VectorLayout(target_recall=arguments.target))
    kinds, left_out = kinds_for(rows, graphs_up_to=arguments.graphs_up_to, leave_out=arguments.leave_out)
    indexes = build_all(collection, kinds, arguments.build_threads, left_out)
    effort = Effort(arguments.rounds, arguments.single, arguments.batch, arguments.threads)
    times = time_all(indexes, queries, effort)
    print("  recall", file=sys.stderr, flush=True)
    limits = {"target": arguments.target, "on_threads": arguments.build_threads}
    results = [figures(built, truth, times, **limits) for built in indexes]
    flat = results[0]
    for result in results:
        by_round = {name: ratio(result["rounds"][name], flat["rounds"][name]) for name in flat["rounds"]}
        result["ratio_to_flat"] = by_round | {"bytes": result["stored_bytes"] / flat["stored_bytes"]}
    checks = {}
    if rows <= THROUGH_INDEX:
        memory = {"auto": None, COMPRESSED: 3 * rows * dimension}
        checked_kinds = [built for built in indexes if built.kind in memory]
        with threads(arguments.build_threads):
            checks = {
                built.kind: through_index(collection, built, queries, memory[built.kind]) for built in checked_kinds
            }
    return {
        "rows": rows,
        "dimension": dimension,
        "queries": len(queries),
        "kinds": results,
        "left_out": left_out,
        "through_index": checks,
        "peak_memory_bytes": peak_memory(),
    }


def peak_memory() -> int | None:
    """Return the peak memory of this process in bytes; None where the system does not say."""
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def parse() -> argparse.Namespace:
    def numbers(text: str) -> list[int]:
        return [int(number) for number in text.split(",")]

    def kinds(text: str) -> list[str]:
        names = [name.strip() for name in text.split(",")]
        lowered = {kind.lower(): kind for kind in KINDS[1:]} | {"hnsw": "HNSW32"}
        unknown = [name for name in names if name.lower() not in lowered]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(lowered)}")
        return [lowered[name.lower()] for name in names]

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vectors", type=Path, metavar="VECTORS")
    parser.add_argument("--sizes", type=numbers, default=[10_000, 100_000, 1_000_000], help="the first so many rows")
    parser.add_argument(
        "--graphs-up-to",
        type=int,
        default=100_000,
        metavar="ROWS",
        help="most rows for graphs, which take long to build",
    )
    parser.add_argument("--leave-out", type=kinds, default=[], metavar="KIND,...")
    parser.add_argument("--target", type=float, default=VectorLayout().target_recall, help="recall@100 to tune for")
    parser.add_argument("--threads", type=int, default=1, help="threads of every search that is timed")
    parser.add_argument("--build-threads", type=int, default=cores(), help="default: all cores")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--queries", type=int, default=1000, help="queries over which recall is averaged")
    parser.add_argument("--single", type=int, default=100, help="queries of a round that are asked one by one")
    parser.add_argument("--batch", type=int, default=256, help="queries of a round that are asked in one batch")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    parser.add_argument("--plot", type=Path, help="SVG file for a plot of recall against latency")
    arguments = parser.parse_args()
    if arguments.plot is not None and find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install matplotlib, or bicross with the extra bench")
    for path in (arguments.output, arguments.plot):
        if path is not None and not path.absolute().parent.is_dir():
            parser.error(f"there is no folder {path.parent}")
    return arguments


def main() -> None:
    arguments = parse()
    queries = load_queries(arguments.vectors)[: arguments.queries]
    hidden = ("vectors", "output", "plot")
    report: dict[str, object] = {
        "settings": {name: value for name, value in vars(arguments).items() if name not in hidden} | {"k": K},
        "machine": {"processor": processor(), "cores": cores(), "omp_num_threads": os.environ.get("OMP_NUM_THREADS")},
        "timing": HOW,
        "versions": versions(("bicross", "faiss-cpu", *PEERS, "numpy")),
        "vectors": about(arguments.vectors) or "unknown: the folder has no about.json",
        "sizes": [],
    }
    held = rows_of(arguments.vectors)
    for rows in sorted(arguments.sizes):
        if rows > held or rows < SMALLEST:
            print(
                f"{rows} rows: left out, {arguments.vectors} holds {held}, and {SMALLEST} are needed", file=sys.stderr
            )
            continue
        report["sizes"].append(measure(load(arguments.vectors, rows), queries, arguments))
        print(f"\n{rows:,} vectors, k = {K}\n\n{recall_table(report['sizes'][-1])}", flush=True)
        if arguments.output is not None:  # after each size: the next one may take long
            arguments.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if not report["sizes"]:
        sys.exit("no size could be measured")
    if arguments.plot is not None:
        plot(report["sizes"], arguments.plot)


if __name__ == "__main__":
    main()

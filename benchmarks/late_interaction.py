"""What does late interaction save, and cost? Sorts candidates by stored token vectors, and reranks the best of them.

Usage: python benchmarks/late_interaction.py DATA [--scratch FOLDER] [--scores FOLDER] [--output FILE.json]

DATA is the folder of the collections. Three parts. Quality: nDCG@10 on the test queries of five collections, first
stage as in a new index: the reranker on 100 candidates, on 10, the fast reranker on 100 with and without the reranker
on 10 after it. Speed: one query with 100 passages as long as MS MARCO's, and as SciFact's, against
sentence-transformers' CrossEncoder.predict. Building: processor time of an index with token vectors over one without.
No setting is chosen here. With --scratch and --scores indexes and scores are kept for the next run.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from bicross.index import Chunking, Index, read_documents
from bicross.models import FAST_RERANKER
from bicross.pipelines import SearchPipeline, build_index
from bicross.pipelines.evaluation import Estimate
from bicross.pipelines.evaluation.evaluation import compare
from bicross.pipelines.evaluation.result import Difference
from bicross.pipelines.indexing import precompute
from bicross.rerank import LateInteractionReranker
from bicross.retrieval import BiEncoder
from numpy.typing import NDArray
from parts.judged import measured_part
from parts.machine import set_threads
from parts.quality_bench import Bench, add_options, first_stage_of_new, measured
from parts.report_file import check_folders, header, write
from parts.rerank_variants import REFERENCE, Pairs, Score, Variant, load, variants
from parts.rounds import in_turn, percentiles_ms, ratio, slices
from parts.speed_texts import CANDIDATES, Workload, workloads
from parts.tables.late_interaction import building_table, late_quality_table, late_speed_table

COLLECTIONS = ("scifact", "nfcorpus", "cranfield", "cosqa", "squad-dev")
PARTS = ("speed", "building", "quality")
BEST = 10
"""Candidates that the reranker reads after the fast one, as by default."""
FULL, FIRST = "reranker on 100", "first stage"
COMPARED = ("float32", "bfloat16")
HOW = (
    "Quality: the first stage is hybrid with feedback, as in a new index. Differences are in nDCG@10, with their 95 % "
    "bootstrap interval; * marks p < 0.05 in the paired randomisation test. Speed: one query with 100 candidates, all "
    "in turn, in an order drawn for each query; token vectors are those of an index, and the time has the query's; "
    "ratios are medians over the queries. Building: processor time of a whole build with and without token vectors, in "
    "turn."
)


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one way to order the candidates of a collection."""

    collection: str
    way: str
    queries: int
    means: Mapping[str, Estimate]
    difference: Difference | None = None
    to_first_stage: Difference | None = None


def fast_index(bench: Bench, collection: Path, fast: LateInteractionReranker) -> Index:
    """Return the index of a collection with token vectors."""
    index = bench.index(collection, Chunking())
    precompute(index.path, fast_reranker=fast)
    index.refresh()
    return index


def ways(bench: Bench, index: Index, fast: LateInteractionReranker) -> dict[str, SearchPipeline]:
    """Return the pipelines to compare, the first stage first."""
    retriever = first_stage_of_new(index, bench.encoder)
    return {
        FULL: SearchPipeline(retriever, bench.reranker, rerank_k=CANDIDATES),
        f"reranker on {BEST}": SearchPipeline(retriever, bench.reranker, rerank_k=BEST),
        "fast reranker on 100": SearchPipeline(retriever, None, fast_reranker=fast),
        f"fast, then reranker on {BEST}": SearchPipeline(retriever, bench.reranker, fast_reranker=fast, rerank_k=BEST),
        "fast, then reranker on 100": SearchPipeline(
            retriever, bench.reranker, fast_reranker=fast, rerank_k=CANDIDATES
        ),
    }


def quality(bench: Bench, collection: Path, fast: LateInteractionReranker) -> dict[str, Any]:
    """Measure every way on one collection."""
    index, judged = (
        fast_index(bench, collection, fast),
        measured_part(collection.name).read(collection.parent, bench.options.queries),
    )
    pipelines = ways(bench, index, fast)
    first, full = measured(pipelines[FULL], judged)
    rows = [Row(collection.name, FIRST, len(judged.queries), first.means)]
    for way, pipeline in pipelines.items():
        system = full if way == FULL else measured(pipeline, judged)[-1]
        [gain, *_] = compare(first, system, judged.queries).differences
        [difference, *_] = compare(full, system, judged.queries).differences
        shown = None if way == FULL else difference
        rows.append(Row(collection.name, way, len(judged.queries), system.means, shown, gain))
    info = index.info()
    return {
        "collection": collection.name,
        "passages": info.passages,
        "token_vector_bytes": info.token_vector_bytes,
        "bytes_a_passage": info.token_vector_bytes / info.passages,
        "rows": [asdict(row) for row in rows],
    }


def fast_scores(dtype: Any, full: Score, workload: Workload, asked: int) -> dict[str, Score]:  # noqa: ANN401 - a dtype
    """Return the fast reranker alone and before the reranker; the passages' token vectors are made now."""
    fast = LateInteractionReranker(FAST_RERANKER, device="cpu", dtype=dtype)
    passages = sorted({passage for pairs in workload.pairs(asked) for _, passage in pairs})
    stored = dict(zip(passages, fast.token_vectors(passages), strict=True))

    def alone(pairs: Pairs) -> NDArray[np.float32]:
        return fast.score_token_vectors([(query, stored[passage]) for query, passage in pairs])

    def then_full(pairs: Pairs) -> NDArray[np.float32]:
        scores = alone(pairs)
        best = np.argsort(-scores, kind="stable")[:BEST].tolist()
        scores[best] = full([pairs[row] for row in best])
        return scores

    return {f"fast {dtype}": alone, f"fast {dtype}, then bicross {dtype} on {BEST}": then_full}


def speed(workload: Workload, *, rounds: int, queries: int, device: str) -> dict[str, Any]:
    """Measure one query with its candidates, against sentence-transformers in float32."""
    wanted: list[Variant[Score]] = [
        variant
        for variant in variants("bicross-rerank-mini", device)
        if variant.name == REFERENCE or (variant.ours and variant.dtype in COMPARED)
    ]
    calls, _ = load(wanted)
    for dtype in COMPARED:
        calls |= fast_scores(dtype, calls[f"bicross {dtype}"], workload, rounds * queries)
    asked = slices(workload.pairs(rounds * queries), rounds=rounds, each=queries)
    seconds = in_turn(calls, asked, note=workload.name).seconds
    return {
        "workload": workload.name,
        "variants": {
            name: percentiles_ms(taken) | {"times_faster": ratio(seconds[REFERENCE], taken), "seconds": taken}
            for name, taken in seconds.items()
        },
    }


def building(data: Path, *, documents: int, rounds: int) -> dict[str, Any]:
    """Measure the processor time of a build with and without token vectors, in turn."""
    given = list(islice(read_documents(data / "scifact"), documents))
    encoder, fast = BiEncoder(device="cpu"), LateInteractionReranker(FAST_RERANKER, device="cpu")

    def built(model: LateInteractionReranker | None) -> float:
        with tempfile.TemporaryDirectory() as folder:
            began = process_time()
            build_index(given, Path(folder) / "index", encoder=encoder, precompute=model or False)
            return process_time() - began

    calls: dict[str, Callable[[], float]] = {"without": partial(built, None), "with": partial(built, fast)}
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        for name in sorted(calls, reverse=bool(number % 2)):
            taken[name].append(calls[name]())
    return {"documents": len(given), "cpu_seconds": taken, "ratio": ratio(taken["with"], taken["without"])}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--speed-queries", type=int, default=3, help="queries of a round, other ones each time")
    parser.add_argument("--documents", type=int, default=300, help="documents of SciFact that are built")
    parser.add_argument("--only", choices=PARTS, action="append", help="measure this part, and keep the others")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output, arguments.scratch, arguments.scores])
    return arguments


def collections(arguments: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the figures of each collection."""
    bench, fast = Bench(arguments, folder), LateInteractionReranker(device="cpu", dtype=arguments.dtype)
    for name in COLLECTIONS:
        yield quality(bench, arguments.folders[0] / name, fast)


def begun(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the report to go on with: that of --output where only a part is measured, else a new one."""
    report: dict[str, Any] = header(arguments, how=HOW) | {"best": BEST}
    if arguments.only and arguments.output is not None and arguments.output.is_file():
        report = json.loads(arguments.output.read_text(encoding="utf-8")) | report
    return report


def main() -> None:
    arguments = parse()
    set_threads(arguments.threads)
    data, report, parts = arguments.folders[0], begun(arguments), arguments.only or PARTS
    if "speed" in parts:
        report["speed"] = []
        for workload in workloads(data):
            figures = speed(workload, rounds=arguments.rounds, queries=arguments.speed_queries, device=arguments.device)
            report["speed"].append(figures)
            print(f"\n{workload.name}\n\n{late_speed_table(figures)}", flush=True)
            write(arguments.output, report)
    if "building" in parts:
        report["building"] = building(data, documents=arguments.documents, rounds=arguments.rounds)
        print(f"\n{building_table(report['building'])}", flush=True)
        write(arguments.output, report)
    if "quality" in parts:
        report["quality"] = []
        with tempfile.TemporaryDirectory() as scratch:
            for figures in collections(arguments, arguments.scratch or Path(scratch)):
                report["quality"].append(figures)
                print(f"\n{late_quality_table([figures])}", flush=True)
                write(arguments.output, report)


if __name__ == "__main__":
    main()

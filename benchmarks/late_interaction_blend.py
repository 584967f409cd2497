"""Which weight should the fast reranker have? Measures weights by searches of whole collections, on no test query.

Usage: python benchmarks/late_interaction_blend.py DATA [--queries 200] [--scratch FOLDER] [--scores FOLDER] [--write]

DATA is the folder of the collections; the queries are those of TUNED_ON in parts/judged.py. For each weight nDCG@10 of
the fast reranker's order, and after the reranker read its best ten; means over the collections, with paired 95 %
bootstrap intervals. With --write the weight that is best with the reranker goes into the settings of the bundled model.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
from bicross.index import Chunking
from bicross.models import FAST_RERANKER
from bicross.pipelines import SearchPipeline
from bicross.pipelines.evaluation import per_query
from bicross.pipelines.indexing import precompute
from bicross.rerank import LateInteractionReranker
from bicross.rerank.late_interaction import read_late_interaction, write_late_interaction
from numpy.typing import NDArray
from parts.judged import NDCG, TUNED_ON, Part
from parts.quality_bench import Bench, add_options, first_stage_of_new, measured, opened
from parts.report_file import header, write
from parts.tables.late_interaction import blend_table

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6)
"""Without the first, the first stage, they are what is chosen from."""
BEST, DEPTH, DRAWS = 10, 100, 10_000
PARTS = tuple(TUNED_ON[name] for name in ("nfcorpus", "scifact", "cosqa", "squad-dev"))
HOW = (
    "Searches as in a new index; 100 candidates are sorted by the blend, and the reranker reads the best ten with its "
    "own blend. Means over the collections; intervals are of 10,000 bootstrap draws within each collection."
)
Floats = NDArray[np.float64]


class Weighed(LateInteractionReranker):
    """The fast reranker with another weight."""

    weight = 0.0

    @property
    def blend(self) -> float:
        """The weight to measure."""
        return self.weight


def values(bench: Bench, part: Part, fast: Weighed) -> dict[str, list[Floats]]:
    """Return nDCG@10 of every query by weight: of the fast reranker's order, and after the reranker."""
    data = bench.options.folders[0]
    index, judged = bench.index(data / part.collection, Chunking()), part.read(data, bench.options.queries)
    precompute(index.path, fast_reranker=fast)
    index.refresh()
    retriever = first_stage_of_new(index, bench.encoder)
    found: dict[str, list[Floats]] = {"alone": [], "then reranked": []}
    for fast.weight in WEIGHTS:
        pipeline = SearchPipeline(retriever, bench.reranker, fast_reranker=fast, retrieve_k=DEPTH, rerank_k=BEST)
        for name, system in zip(found, measured(pipeline, judged), strict=True):
            of_query = per_query([NDCG], judged.qrels, system.run)[NDCG]
            found[name].append(np.array([of_query[query] for query in judged.judged_ids]))
    return found


def difference(pairs: list[tuple[Floats, Floats]]) -> dict[str, float]:
    """Return the mean difference over collections, and the ends of its interval."""
    chance = np.random.default_rng(0)
    gains = [after - before for after, before in pairs]
    draws = np.mean([gain[chance.integers(0, len(gain), (DRAWS, len(gain)))].mean(axis=1) for gain in gains], axis=0)
    low, high = np.percentile(draws, [2.5, 97.5])
    return {"mean": float(np.mean([gain.mean() for gain in gains])), "low": float(low), "high": float(high)}


def rows_of(by_part: Mapping[str, Mapping[str, list[Floats]]]) -> list[dict[str, object]]:
    """Return the figures of each weight."""
    rows: list[dict[str, object]] = []
    for number, weight in enumerate(WEIGHTS):
        row: dict[str, object] = {"weight": weight}
        for name in ("alone", "then reranked"):
            pairs = [(of_part[name][number], of_part[name][0]) for of_part in by_part.values()]
            row[name] = float(np.mean([after.mean() for after, _ in pairs]))
            row[f"{name}, difference"] = difference(pairs)
        rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--write", action="store_true", help="write the best weight into the bundled model")
    arguments = parser.parse_args()
    with opened(parser, arguments) as bench:
        fast = Weighed(FAST_RERANKER, device="cpu", dtype=arguments.dtype)
        by_part = {part.collection: values(bench, part, fast) for part in PARTS}
    rows = rows_of(by_part)
    print(blend_table(rows))
    counts = {name: len(of_part["alone"][0]) for name, of_part in by_part.items()}
    write(arguments.output, header(arguments, how=HOW) | {"queries": counts, "rows": rows})
    if arguments.write:
        best = max(rows[1:], key=lambda row: row["then reranked"])["weight"]
        folder = Path(str(files("bicross.models"))) / FAST_RERANKER
        settings, projection = read_late_interaction(folder)
        write_late_interaction(folder, replace(settings, blend=best), projection)


if __name__ == "__main__":
    main()

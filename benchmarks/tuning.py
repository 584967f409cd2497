"""Does bicross tune choose well from few judged queries? Tunes on drawn queries, and measures the choice on the others.

Usage: python benchmarks/tuning.py FOLDER... --values FOLDER [--scores FOLDER] [--scratch FOLDER] [--output FILE.json]

Each FOLDER is a BEIR folder. nDCG@10 of every setting and query is computed once and kept in --values: for the settings
without a reranker on --queries queries, which is cheap, and for all settings on as many of --reranked queries as
--seconds allow. Queries are drawn --draws times; the setting that is chosen on them is compared with the default on the
queries that were not drawn.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from bicross.index import Chunking
from bicross.pipelines.search import IndexDefaults
from bicross.pipelines.tuning import Configuration
from bicross.pipelines.tuning.choice import Defaults, choose_and_hold_out
from bicross.pipelines.tuning.grid import default_configuration
from bicross.pipelines.tuning.regret import expected
from bicross.retrieval import NormalisedSum
from numpy.typing import NDArray
from parts.quality_bench import Bench, add_options, opened
from parts.report_file import check_folders, header, write
from parts.tables.relevance import tuning_table
from parts.tuning_values import Values, compute_values, read_queries, read_values, write_values

DRAWN = (20, 50, 120, 300)
DEFAULTS = {
    "vectors": None,
    "hybrid": IndexDefaults(fusion=NormalisedSum(), feedback=None),
    "a new index": IndexDefaults(),
}
"""What stays where the queries say little: vectors, as an index of before is searched; the hybrid; today's default."""
FIRST_STAGE_K = 100
"""Candidates of each retriever for the settings without a reranker."""
LEAST_LEFT = 0.25
"""Share of the queries that must be left to measure on."""
HOW = (
    "Queries are drawn without replacement, a setting is chosen on them, and its nDCG@10 less that of the default is "
    "measured on all queries that were not drawn; the mean over draws. The rule itself, how many standard errors it "
    "takes off and the check on held-out queries, was chosen among nine by the first stages of cranfield and squad-dev "
    "and by 80 queries of cranfield with the reranker, so these rows are not blind; squad-dev with the reranker is."
)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """What choosing on some queries gains on the others.

    Attributes:
        collection: The name of the collection.
        settings: "first stage" or "reranked".
        default: The name of the default, one of ``DEFAULTS``.
        queries: How many there are.
        drawn: How many of them the choice is made on.
        gains: By rule, the mean gain over the default on the other queries.
        error: The standard error of the gain of ``tune`` over draws.
        expected: The mean of the gain that ``tune`` says is expected.
        changed: The share of draws in which ``tune`` leaves the default.
        possible: The gain of the best setting on all queries, which nobody knows.
    """

    collection: str
    settings: str
    default: str
    queries: int
    drawn: int
    gains: Mapping[str, float]
    error: float
    expected: float
    changed: float
    possible: float


def rows_of(values: Values, *, blend: float, draws: int, seed: int = 0) -> Iterator[Row]:
    """Measure the rules on the values of one collection, for each default and number of queries."""
    ndcg, queries = values.ndcg, values.ndcg.shape[1]
    depth = max(setting.depth for setting in values.configurations)
    row_of = values.configurations.index
    for name, defaults in DEFAULTS.items():
        setting = default_configuration(depth or FIRST_STAGE_K, blend, defaults)
        alone = row_of(setting.alone)
        default = row_of(setting) if depth else alone
        rows = Defaults(default=default, alone=alone, plain=row_of(Configuration(None, 0, 1.0)))
        for drawn in DRAWN:
            if queries - drawn < LEAST_LEFT * queries:
                continue
            random, gains, claims, changed = np.random.default_rng(seed), list[dict[str, float]](), list[float](), 0
            for _ in range(draws):
                order = random.permutation(queries)
                on, others = ndcg[:, order[:drawn]], ndcg[:, order[drawn:]].mean(axis=1)
                chosen = chosen_rows(on, values, rows)
                gains.append({rule: float(others[row] - others[default]) for rule, row in chosen.items()})
                changed += chosen["tune"] != default
                claims.append(_expected_gain(on, chosen["tune"], default))
            means = {rule: float(np.mean([gain[rule] for gain in gains])) for rule in gains[0]}
            error = float(np.std([gain["tune"] for gain in gains]) / np.sqrt(draws))
            possible = float(ndcg.mean(axis=1).max() - ndcg[default].mean())
            kind = "reranked" if depth else "first stage"
            figures = (means, error, float(np.mean(claims)), changed / draws, possible)
            yield Row(values.collection, kind, name, queries, drawn, *figures)


def chosen_rows(ndcg: Floats, values: Values, defaults: Defaults) -> dict[str, int]:
    """Return the setting that each rule chooses, by the name of the rule."""
    costs = np.array([setting.cost for setting in values.configurations])
    alone = np.array([setting.depth == 0 for setting in values.configurations])
    choice = choose_and_hold_out(ndcg, costs, allowed=np.ones(len(costs), bool), alone=alone, defaults=defaults)
    means = ndcg.mean(axis=1)
    worse = ndcg[int(np.argmax(means))] - ndcg
    near = worse.mean(axis=1) <= worse.std(axis=1, ddof=1) / np.sqrt(ndcg.shape[1])
    cheapest = np.flatnonzero(near & (costs == costs[near].min()))
    return {
        "tune": choice.recommended,
        "best mean": int(np.argmax(means)),
        "cheapest within one standard error": int(cheapest[np.argmax(means[cheapest])]),
    }


def _expected_gain(ndcg: Floats, chosen: int, default: int) -> float:
    both = ndcg[[default, chosen]]
    return expected(both, allowed=np.ones(2, bool), chosen=1, default=0).gain


def all_values(bench: Bench, folder: Path) -> Iterator[Values]:
    """Read or compute the values of one collection, without and with the reranker."""
    options = bench.options
    for kind, limit in (("first", options.queries), ("reranked", options.reranked)):
        path = options.values / f"{folder.name}-{kind}.npz"
        if not path.exists() and limit != 0:
            reranker, k = (bench.reranker, options.depth) if kind == "reranked" else (None, FIRST_STAGE_K)
            index, judged = bench.index(folder, Chunking()), read_queries(folder, limit)
            seconds = options.seconds
            values = compute_values(index, judged, encoder=bench.encoder, reranker=reranker, k=k, seconds=seconds)
            write_values(path, values)
        if path.exists():
            yield read_values(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--values", type=Path, required=True, help="folder that keeps the values of settings")
    parser.add_argument("--reranked", type=int, default=400, help="queries with the reranker; 0 leaves it out")
    parser.add_argument("--depth", type=int, default=30, help="candidates of each retriever that are reranked")
    parser.add_argument("--seconds", type=float, default=1e6, help="time for scoring one collection")
    parser.add_argument("--draws", type=int, default=100, help="how often queries are drawn")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.values])
    arguments.values.mkdir(exist_ok=True)
    rows: list[Row] = []
    with opened(parser, arguments) as bench:
        for folder in arguments.folders:
            for values in all_values(bench, folder.resolve()):
                rows += rows_of(values, blend=bench.reranker.blend, draws=arguments.draws)
                print(f"\n{tuning_table([asdict(row) for row in rows])}", flush=True)
        report = header(arguments, how=HOW) | {"rows": [asdict(row) for row in rows]}
    write(arguments.output, report)


if __name__ == "__main__":
    main()

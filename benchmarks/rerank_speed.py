"""How fast is reranking? Compares bicross with sentence-transformers' CrossEncoder, ONNX Runtime and OpenVINO.

Usage: python benchmarks/rerank_speed.py DATA [--output benchmarks/results/rerank-speed.json]

DATA is the folder of the collections (squad-dev, medquad-qa, nfcorpus, cranfield, scifact). Two workloads, passages as
long as MS MARCO's, and SciFact's documents; for each, one query with 100 candidates (p50, p95) and 64 queries with 100
each (pairs per second). All rerankers score the same pairs with the same weights on the same threads, in turn and in
changing order. Beside speed: scores and orders against sentence-transformers in float32, and the share of the machine's
fastest matrix product. rerank_quality.py measures the effect on nDCG@10. The other engines come with the extra
"engines"; what is not installed is left out, and said.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from bicross.inference import resolve_model
from bicross.rerank import DEFAULT_RERANKER, CrossEncoderReranker
from parts.flops import Cost, Lengths, Peak, peak
from parts.machine import set_threads
from parts.other_engines import other_engines
from parts.report_file import check_folders, header, write
from parts.rerank_variants import DTYPES, REFERENCE, Pairs, Score, Scores, Variant, load, variants
from parts.rounds import Taken, in_turn, percentiles_ms, ratio, slices
from parts.speed_texts import CANDIDATES, Workload, workloads
from parts.tables.speed import rerank_speed_table
from rerank_quality import mean_tau

HOW = (
    "One query: every round has queries of its own, each goes to all rerankers one after the other, in an order drawn"
    " for each query; percentiles are over all of them, ratios are medians over the queries. Batch: medians over the "
    "rounds of tokens a second, peers on the first settings.peer_pairs pairs only. Tokens are those of the pairs, "
    "padding not counted. The share of peak is the FLOP of these tokens (linear layers and attention, all of the "
    "model, also where an engine leaves parts out) by time, over the fastest square matrix product of the same number"
    " format in this run."
)


@dataclass(frozen=True, slots=True)
class Contest:
    """The rerankers that could be loaded, the reference first, and what their figures are computed from."""

    variants: Sequence[Variant[Score]]
    score: dict[str, Score]
    cost: Cost
    lengths: Lengths
    peaks: dict[str, Peak]

    def share(self, variant: Variant[Score], asked: Sequence[Pairs], seconds: Sequence[float]) -> float | None:
        """Return the share of the peak of the variant's number format."""
        return self.peaks[variant.dtype].share(
            [self.cost.flop(self.lengths.of_pairs(query_pairs)) for query_pairs in asked], seconds
        )

    def tokens(self, pairs: Pairs) -> int:
        """Return the number of tokens of all pairs."""
        return sum(self.lengths.of_pairs(pairs))


def one_query(workload: Workload, contest: Contest, *, rounds: int, queries: int) -> dict[str, object]:
    """Measure latency, and how near the scores are to those of the reference."""
    asked = workload.pairs(rounds * queries)
    note = f"{workload.name}, one query"
    taken: Taken[Scores] = in_turn(contest.score, slices(asked, rounds=rounds, each=queries), note=note)
    reference, base = taken.results[REFERENCE], taken.seconds[REFERENCE]
    figures: dict[str, object] = {}
    for variant in contest.variants:
        seconds, scores = taken.seconds[variant.name], taken.results[variant.name]
        differences = [np.abs(a - b).max() for a, b in zip(scores, reference, strict=True)]
        figures[variant.name] = {
            **percentiles_ms(seconds),
            "times_faster": ratio(base, seconds),
            "share_of_peak": contest.share(variant, asked, seconds),
            "largest_score_difference": float(max(differences)),
            "kendall_tau": mean_tau(reference, scores),
            "seconds": seconds,
        }
    tokens = float(np.mean([contest.tokens(pairs) for pairs in asked]))
    return {"queries": len(asked), "mean_tokens": tokens, "variants": figures}


def batch(workload: Workload, contest: Contest, *, rounds: int, queries: int, peer_pairs: int) -> dict[str, object]:
    """Measure throughput with many queries at once."""
    everything = [pair for pairs in workload.pairs(queries) for pair in pairs]
    given = {v.name: everything if v.ours else everything[:peer_pairs] for v in contest.variants}
    tokens = {name: contest.tokens(pairs) for name, pairs in given.items()}

    def run(name: str, _: int) -> None:
        contest.score[name](given[name])

    numbers = [[number] for number in range(rounds)]
    calls = {name: partial(run, name) for name in given}
    taken: Taken[None] = in_turn(calls, numbers, note=f"{workload.name}, batch", warm_up=False)
    rates = {name: [tokens[name] / second for second in seconds] for name, seconds in taken.seconds.items()}
    figures: dict[str, object] = {}
    for variant in contest.variants:
        seconds, pairs = taken.seconds[variant.name], given[variant.name]
        figures[variant.name] = {
            "pairs": len(pairs),
            "pairs_per_second": len(pairs) / float(np.median(seconds)),
            "tokens_per_second": float(np.median(rates[variant.name])),
            "times_faster": ratio(rates[variant.name], rates[REFERENCE]),
            "share_of_peak": contest.share(variant, [pairs] * rounds, seconds),
            "seconds": seconds,
        }
    return {"queries": queries, "variants": figures}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of single queries")
    parser.add_argument("--queries", type=int, default=5, help="queries of a round, other ones each time")
    parser.add_argument("--batch-rounds", type=int, default=3)
    parser.add_argument("--batch-queries", type=int, default=64, help=f"each with {CANDIDATES} candidates")
    parser.add_argument("--peer-pairs", type=int, default=1600, help="pairs of a batch that peers score")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output])
    return arguments


def main() -> None:
    arguments = parse()
    set_threads(arguments.threads)
    folder = resolve_model(arguments.reranker)
    with tempfile.TemporaryDirectory() as scratch:
        others = other_engines(arguments.reranker, Path(scratch), threads=arguments.threads)
        sentence_transformers_and_ours = variants(arguments.reranker, arguments.device)
        all_variants = sorted([*sentence_transformers_and_ours, *others], key=lambda variant: variant.ours)
        score, reasons = load(all_variants)
    for name, reason in reasons.items():
        print(f"{name}: {reason}", file=sys.stderr)
    contest = Contest(
        variants=[variant for variant in all_variants if variant.name in score],
        score=score,
        cost=Cost.of_folder(folder, head=True),
        lengths=Lengths(folder, CrossEncoderReranker(folder, device="cpu").max_length),
        peaks={dtype: peak(dtype, arguments.device) for dtype in DTYPES},
    )
    report = header(arguments, how=HOW) | {
        "cost": asdict(contest.cost),
        "peaks": {dtype: asdict(measured) for dtype, measured in contest.peaks.items()},
        "not_measured": reasons,
        "workloads": [],
    }
    for workload in workloads(arguments.data):
        single = one_query(workload, contest, rounds=arguments.rounds, queries=arguments.queries)
        sizes = {"queries": arguments.batch_queries, "peer_pairs": arguments.peer_pairs}
        many = batch(workload, contest, rounds=arguments.batch_rounds, **sizes)
        figures = {"workload": workload.name, "source": workload.source, "one_query": single, "batch": many}
        report["workloads"].append(figures)
        title = f"{workload.name}, 1 query x {CANDIDATES}: {single['mean_tokens']:,.0f} tokens"
        print(f"\n{title}\n\n{rerank_speed_table(figures, reasons)}", flush=True)
        write(arguments.output, report)


if __name__ == "__main__":
    main()

"""tune: how an index is searched best with one reranker, learned from judged queries. Knows no screen and no plot."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...index import Index
from ...rerank import IdentifiedReranker, Reranker, is_identified
from ...retrieval import Encoder
from ..evaluation import Estimate, Judged, estimate_means
from ..models import open_retriever
from ..search import store
from .choice import SURE, Choice, choose, choose_and_hold_out
from .fits import calibrate, stop_rule
from .grid import Configuration, Grid, depths_up_to, evaluate_grid, recall_curve
from .latency import Latency, measure_latency
from .result import MIN_QUERIES, HeldOut, Tuning, TuningOptions
from .score_file import ScoresKey, read_scores, write_scores
from .scores import Scored, score_candidates

Floats = NDArray[np.float64]


def tune(
    index: Index,
    judged: Judged,
    *,
    encoder: Encoder,
    reranker: Reranker,
    options: TuningOptions | None = None,
) -> Tuning:
    """Find the stage one, the depth and the blend that rank best, and say how sure that is.

    Every candidate is read once; every depth, blend and weight of words is then evaluated on those scores. How one is
    chosen, and why it does no harm, stands in ``tuning_choice``. Raises ``ArgumentError`` where there are too few
    judged queries, and for a reranker without a fingerprint, whose settings nobody could tell from another's.
    """
    options, identity = options or TuningOptions(), _identity(reranker)
    queries = _queries(judged, options)
    key = ScoresKey.of(index, identity.fingerprint, options.retrieve_k, queries)
    scored, latencies = _scores(index, queries, encoder, reranker, key=key, options=options)
    grid = _grid(index, scored, judged)
    choice, shown = _choose(grid, latencies, options)
    recommended, held_out = grid.configurations[choice.recommended], _held_out(choice)
    tuning = Tuning(
        collection=judged.name,
        queries=len(queries),
        date=datetime.now(UTC).date().isoformat(),
        reranker=identity.model_fingerprint,
        retrieve_k=options.retrieve_k,
        recommended=recommended,
        shown=shown,
        reason=_reason(grid, choice, held_out, options),
        held_out=held_out,
        grid=grid,
        depths=_depth_curve(grid, shown),
        recall=recall_curve(scored, judged, shown.fusion),
        latencies=tuple(latencies),
        latency_budget_ms=options.latency_budget_ms,
        stop_rule=stop_rule(scored, shown, options.risk) if recommended.depth else None,
        calibrated=None if options.calibrate is None else calibrate(scored, judged, shown, options.calibrate),
        stored=options.store,
    )
    if options.store:
        store(index, tuning.tuned)
        # The commit made a generation of the same documents: the scores are of that one too.
        if options.scores is not None and index.generation == key.generation + 1:
            write_scores(options.scores, key.moved(index.generation), scored, latencies)
    return tuning


def _identity(reranker: Reranker) -> IdentifiedReranker:
    if not is_identified(reranker) or not reranker.fingerprint:
        raise ArgumentError("this reranker has no fingerprint: what is tuned for it could not be told from another's")
    return reranker


def _queries(judged: Judged, options: TuningOptions) -> dict[str, str]:
    """The texts of the judged queries, or of so many of them as are asked for."""
    ids = list(judged.judged_ids)
    if len(ids) < MIN_QUERIES:
        raise ArgumentError(
            f"{judged.name} has {len(ids)} queries with a relevant document, and tuning needs {MIN_QUERIES} at least; "
            "some hundred are a good number"
        )
    if options.queries is not None and options.queries < len(ids):
        drawn = np.random.default_rng(options.seed).choice(len(ids), options.queries, replace=False)
        chosen = set(drawn.tolist())
        ids = [query_id for place, query_id in enumerate(ids) if place in chosen]
    return {query_id: judged.queries[query_id] for query_id in ids}


def _scores(
    index: Index,
    queries: Mapping[str, str],
    encoder: Encoder,
    reranker: Reranker,
    *,
    key: ScoresKey,
    options: TuningOptions,
) -> tuple[Scored, list[Latency]]:
    """From the file where it has them, else from the models, and then into the file."""
    known = None if options.scores is None else read_scores(options.scores, key)
    scored, latencies = known or (None, [])
    if scored is not None and (latencies or not options.latency_queries):
        return scored, latencies
    k = options.retrieve_k
    if scored is None:
        scored = score_candidates(index, queries, encoder=encoder, reranker=reranker, k=k, progress=options.progress)
        if options.scores is not None:
            write_scores(options.scores, key, scored, [])  # what took longest is kept, whatever happens to the rest
    if options.latency_queries:
        retriever = open_retriever(index, encoder, first_stage="hybrid" if scored.hybrid else "dense")
        texts = list(queries.values())
        asked = texts[:: max(1, len(texts) // options.latency_queries)][: options.latency_queries]
        latencies = measure_latency(retriever, reranker, asked, retrieve_k=k, depths=[0, *depths_up_to(k)])
        if options.scores is not None:
            write_scores(options.scores, key, scored, latencies)
    return scored, latencies


def _grid(index: Index, scored: Scored, judged: Judged) -> Grid:
    grid = evaluate_grid(scored, judged)
    if not grid.ndcg.any():
        raise ArgumentError(
            f"of the relevant documents of {judged.name}, none comes near the top for any query: "
            f"are these the judgments of the collection in {index.path}?"
        )
    return grid


def _choose(grid: Grid, latencies: Sequence[Latency], options: TuningOptions) -> tuple[Choice, Configuration]:
    """The choice, and the best setting with the reranker, also where that is not recommended."""
    depths = np.array([one.depth for one in grid.configurations])
    alone = depths == 0
    allowed = np.ones(len(depths), bool)
    if options.latency_budget_ms is not None:
        fast = [one.depth for one in latencies if one.p95_ms <= options.latency_budget_ms]
        allowed = alone | np.isin(depths, fast)
    plain = grid.place(Configuration(None, 0, 1.0))
    choice = choose_and_hold_out(grid.ndcg, grid.costs, allowed=allowed, alone=alone, plain=plain, seed=options.seed)
    if not alone[choice.recommended]:
        return choice, grid.configurations[choice.recommended]
    reading = allowed & ~alone
    row = choose(grid.ndcg, grid.costs, reading if reading.any() else ~alone)
    return choice, grid.configurations[row]


def _held_out(choice: Choice) -> HeldOut:
    best, alone = choice.held_out_best, choice.held_out_alone
    columns = np.stack([choice.held_out_plain, alone, best, best - alone], axis=1)
    return HeldOut(*estimate_means(columns))


def _depth_curve(grid: Grid, shown: Configuration) -> tuple[tuple[int, Estimate], ...]:
    curve = [
        one
        for one in grid.configurations
        if one.fusion == shown.fusion and (one.depth == 0 or one.blend == shown.blend)
    ]
    values = np.stack([grid.ndcg[grid.place(one)] for one in curve], axis=1)
    return tuple(zip((one.depth for one in curve), estimate_means(values), strict=True))


def _reason(grid: Grid, choice: Choice, held_out: HeldOut, options: TuningOptions) -> str:
    recommended, gain = grid.configurations[choice.recommended], held_out.gain
    interval = f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
    budget = "" if options.latency_budget_ms is None else f" of those within {options.latency_budget_ms:g} ms"
    if recommended.depth:
        unsure = "" if gain.low > 0 else " 0 lies in that interval: more queries would say more."
        return (
            f"On queries that the choice did not see, the reranker changes nDCG@10 by {interval}.{unsure} "
            f"The depth is the smallest{budget} that is within one standard error of the best."
        )
    if grid.configurations[choice.best].depth == 0:
        return f"No setting with the reranker{budget} is better than stage one by more than one standard error."
    return (
        f"Stage one alone: on queries that the choice did not see, the reranker{budget} changes nDCG@10 by {interval}, "
        f"which is not more than {SURE} standard errors of that difference: it may be luck."
    )

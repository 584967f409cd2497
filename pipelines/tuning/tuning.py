"""Finds the best search settings for an index and a reranker, from judged queries."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import checked_instance
from ...index import Index
from ...rerank import IdentifiedReranker, Reranker, cutting_queries, is_identified
from ...retrieval import Encoder
from ..evaluation import Estimate, Judged, estimate_means
from ..models import open_retriever, require_encoder
from ..search import MAX_QUERY_CHARACTERS, long_query_error, store, too_long
from .choice import SURE, Choice, choose, choose_and_hold_out
from .fits import calibrate, first_stage_curve, stop_rule
from .grid import CUTOFF, Configuration, Grid, depths_up_to, evaluate_grid, recall_curve
from .latency import Latency, measure_latency
from .result import MIN_QUERIES, CrossValidated, Tuning, TuningOptions
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
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> Tuning:
    """Find the first stage, the depth and the blend that rank best, and how certain that is.

    Every candidate is scored once. Every depth, blend and lexical weight is then evaluated on those scores. The module
    ``choice`` describes how a setting is chosen, and why the choice does no harm.

    Args:
        index: The index to tune.
        judged: Queries and judgments; not those that you are going to report figures on.
        encoder: The encoder of the index.
        reranker: A reranker with a fingerprint, for which the settings hold.
        options: How to tune.
        on_progress: Called with how many queries are scored, of how many.

    Raises:
        ArgumentError: There are too few judged queries, or the reranker has no fingerprint.
        QueryError: A query is too long for the reranker, and ``long_queries`` is "error".
    """
    _check(index, judged, encoder)
    options, identity = _checked_options(options), _identity(reranker)
    queries, long = _without_long(_queries(judged, options), reranker, options)
    skips = options.long_queries == "skip"
    reranker = cutting_queries(reranker)  # nothing is too long any more, unless it is to be cut
    key = ScoresKey.of(index, identity.fingerprint, options.retrieve_k, queries)
    score = partial(score_candidates, encoder=encoder, reranker=reranker, k=options.retrieve_k)
    score = partial(score, index, queries, on_progress=on_progress)
    measure = partial(_latencies, index, list(queries.values()), encoder, reranker, options)
    scored, latencies = _scores(key, options, score, measure)
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
        stop_rule=stop_rule(scored, replace(shown, fusion=recommended.fusion), options.risk),
        first_stage_curve=first_stage_curve(scored, judged, recommended),
        calibrated=None if options.calibrate is None else calibrate(scored, judged, shown, options.calibrate),
        stored=options.store,
        queries_cut=() if skips else long,
        queries_skipped=long if skips else (),
    )
    if options.store:
        store(index, tuning.tuned)
        # The commit made a new generation with the same documents, so the scores hold for it.
        if options.scores is not None and index.generation == key.generation + 1:
            write_scores(options.scores, key.moved(index.generation), scored, latencies)
    return tuning


def _check(index: object, judged: object, encoder: object) -> None:
    checked_instance(index, Index, "index")
    checked_instance(judged, Judged, "judged")
    require_encoder(encoder)


def _checked_options(options: TuningOptions | None) -> TuningOptions:
    return TuningOptions() if options is None else checked_instance(options, TuningOptions, "options")


def _identity(reranker: Reranker) -> IdentifiedReranker:
    if not is_identified(reranker) or not reranker.fingerprint:
        raise ArgumentError(
            "the reranker has no fingerprint, so an index cannot store settings for it; use a CrossEncoderReranker"
        )
    return reranker


def _queries(judged: Judged, options: TuningOptions) -> dict[str, str]:
    """Return the texts of the judged queries, or of as many as the options ask for."""
    ids = list(judged.judged_ids)
    if len(ids) < MIN_QUERIES:
        raise ArgumentError(
            f"{judged.name} has {len(ids)} queries with a relevant document; tuning needs at least {MIN_QUERIES}, and "
            "some hundreds are better"
        )
    if options.queries is not None and options.queries < len(ids):
        drawn = np.random.default_rng(options.seed).choice(len(ids), options.queries, replace=False)
        chosen = set(drawn.tolist())
        ids = [query_id for number, query_id in enumerate(ids) if number in chosen]
    return {query_id: judged.queries[query_id] for query_id in ids}


def _without_long(
    queries: dict[str, str], reranker: Reranker, options: TuningOptions
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the queries to tune on, no longer than a search takes, and the ids of those that are too long."""
    ids = list(queries)
    reasons = too_long(list(queries.values()), reranker)
    if reasons and options.long_queries == "error":
        place, reason = next(iter(reasons.items()))
        raise long_query_error(f"query {ids[place]!r}", queries[ids[place]], reason)
    long = tuple(ids[place] for place in reasons)
    if options.long_queries == "skip":
        return {query_id: text for query_id, text in queries.items() if query_id not in long}, long
    return {query_id: text[:MAX_QUERY_CHARACTERS] for query_id, text in queries.items()}, long


def _scores(
    key: ScoresKey,
    options: TuningOptions,
    score: Callable[[], Scored],
    measure: Callable[[Scored], list[Latency]],
) -> tuple[Scored, list[Latency]]:
    """Return scores and latencies from the file if it has them; else compute them and write them to the file."""
    saved = None if options.scores is None else read_scores(options.scores, key)
    scored, latencies = saved or (None, [])
    if scored is not None and (latencies or not options.latency_queries):
        return scored, latencies
    if scored is None:
        scored = score()
        if options.scores is not None:
            write_scores(options.scores, key, scored, [])  # scoring takes longest: keep it even if a later step fails
    if options.latency_queries:
        latencies = measure(scored)
        if options.scores is not None:
            write_scores(options.scores, key, scored, latencies)
    return scored, latencies


def _latencies(
    index: Index, texts: Sequence[str], encoder: Encoder, reranker: Reranker, options: TuningOptions, scored: Scored
) -> list[Latency]:
    retriever = open_retriever(index, encoder, first_stage="hybrid" if scored.hybrid else "dense")
    step = max(1, len(texts) // options.latency_queries)
    k = options.retrieve_k
    queries = texts[::step][: options.latency_queries]
    return measure_latency(retriever, reranker, queries, retrieve_k=k, depths=[0, *depths_up_to(k)])


def _grid(index: Index, scored: Scored, judged: Judged) -> Grid:
    grid = evaluate_grid(scored, judged)
    if not grid.ndcg.any():
        raise ArgumentError(
            f"no setting brings a relevant document of {judged.name} among the first {CUTOFF} of any query; "
            f"check that these are judgments for the collection in {index.path}"
        )
    return grid


def _choose(grid: Grid, latencies: Sequence[Latency], options: TuningOptions) -> tuple[Choice, Configuration]:
    """Return the choice, and the best setting that reranks, whether or not it is recommended."""
    depths = np.array([setting.depth for setting in grid.configurations])
    alone = depths == 0
    allowed = np.ones(len(depths), bool)
    if options.latency_budget_ms is not None:
        fast = [latency.depth for latency in latencies if latency.p95_ms <= options.latency_budget_ms]
        allowed = alone | np.isin(depths, fast)
    plain = grid.place(Configuration(None, 0, 1.0))
    choice = choose_and_hold_out(grid.ndcg, grid.costs, allowed=allowed, alone=alone, plain=plain, seed=options.seed)
    if not alone[choice.recommended]:
        return choice, grid.configurations[choice.recommended]
    reading = allowed & ~alone
    row = choose(grid.ndcg, grid.costs, reading if reading.any() else ~alone)
    return choice, grid.configurations[row]


def _held_out(choice: Choice) -> CrossValidated:
    best, alone = choice.held_out_best, choice.held_out_alone
    columns = np.stack([choice.held_out_plain, alone, best, best - alone], axis=1)
    return CrossValidated(*estimate_means(columns))


def _depth_curve(grid: Grid, shown: Configuration) -> tuple[tuple[int, Estimate], ...]:
    curve = [
        configuration
        for configuration in grid.configurations
        if configuration.fusion == shown.fusion and (configuration.depth == 0 or configuration.blend == shown.blend)
    ]
    values = np.stack([grid.ndcg[grid.place(configuration)] for configuration in curve], axis=1)
    return tuple(zip((configuration.depth for configuration in curve), estimate_means(values), strict=True))


def _reason(grid: Grid, choice: Choice, held_out: CrossValidated, options: TuningOptions) -> str:
    recommended, gain = grid.configurations[choice.recommended], held_out.gain
    interval = f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f})"
    budget = "" if options.latency_budget_ms is None else f" of those within {options.latency_budget_ms:g} ms"
    if recommended.depth:
        unsure = "" if gain.low > 0 else " The interval contains 0: use more queries for a clearer answer."
        return (
            f"On queries that the choice did not see, the reranker changes nDCG@10 by {interval}.{unsure} "
            f"The depth is the smallest{budget} within one standard error of the best."
        )
    if grid.configurations[choice.best].depth == 0:
        return f"No setting with the reranker{budget} is better than the first stage by more than one standard error."
    return (
        f"First stage alone: on queries that the choice did not see, the reranker{budget} changes nDCG@10 by "
        f"{interval}, which is at most {SURE} standard errors of that difference and may be chance."
    )

"""Finds the best search settings for an index and a reranker, from judged queries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ...errors.arguments import checked_instance
from ...index import Index
from ...rerank import IdentifiedReranker, Reranker, cutting_queries, is_identified
from ...retrieval import Encoder
from ..choices import FirstStage
from ..evaluation import Estimate, Judged, estimate_means
from ..models import open_retriever, require_encoder
from ..search import MAX_QUERY_CHARACTERS, index_defaults, long_query_error, store, too_long
from .choice import Choice, Defaults, choose, choose_and_hold_out
from .first_stages import FirstStageSetting
from .fits import calibrate, first_stage_curve, fit_stop_rule_of
from .grid import (
    CUTOFF,
    Configuration,
    Grid,
    default_configuration,
    depths_up_to,
    evaluate_grid,
    recall_curve,
)
from .latency import Latency, measure_latency
from .regret import Expected, expected
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
    reranker = cutting_queries(reranker)  # nothing is too long any more, unless it is to be cut
    key, k = ScoresKey.of(index, identity.fingerprint, options.retrieve_k, queries), options.retrieve_k
    score = partial(score_candidates, index, queries, encoder=encoder, reranker=reranker, k=k, on_progress=on_progress)
    default = default_configuration(k, reranker.blend, index_defaults(index))
    measure = partial(_latencies, index, list(queries.values()), encoder, reranker, options, default)
    scored, latencies = _scores(key, options, default.first_stage, score, measure)
    grid = _grid(index, scored, judged, default)
    chosen = _choose(grid, latencies, default, options)
    tuning = Tuning(
        collection=judged.name,
        queries=len(queries),
        date=datetime.now(UTC).date().isoformat(),
        reranker=identity.model_fingerprint,
        retrieve_k=k,
        recommended=chosen.recommended,
        shown=chosen.shown,
        default=chosen.default,
        expected=chosen.expected,
        reason=_reason(chosen, options),
        held_out=chosen.held_out,
        grid=grid,
        depths=_depth_curve(grid, chosen.shown),
        recall=recall_curve(scored, judged, chosen.shown.first_stage),
        latencies=tuple(latencies),
        latency_budget_ms=options.latency_budget_ms,
        stop_rule=fit_stop_rule_of(scored, replace(chosen.recommended, blend=chosen.shown.blend), options.risk),
        first_stage_curve=first_stage_curve(scored, judged, chosen.recommended),
        calibrated=None if options.calibrate is None else calibrate(scored, judged, chosen.shown, options.calibrate),
        stored=options.store,
        queries_cut=() if options.long_queries == "skip" else long,
        queries_skipped=long if options.long_queries == "skip" else (),
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
        row, reason = next(iter(reasons.items()))
        raise long_query_error(f"query {ids[row]!r}", queries[ids[row]], reason)
    long = tuple(ids[row] for row in reasons)
    if options.long_queries == "skip":
        return {query_id: text for query_id, text in queries.items() if query_id not in long}, long
    return {query_id: text[:MAX_QUERY_CHARACTERS] for query_id, text in queries.items()}, long


def _scores(
    key: ScoresKey,
    options: TuningOptions,
    needed: FirstStageSetting,
    score: Callable[[], Scored],
    measure: Callable[[], list[Latency]],
) -> tuple[Scored, list[Latency]]:
    """Return scores and latencies from the file if it has them; else compute them and write them to the file."""
    saved = None if options.scores is None else read_scores(options.scores, key)
    if saved is not None and not saved[0].has(needed):
        saved = None  # of version 1, which lacks what the default of this index needs
    scored, latencies = saved or (None, [])
    if scored is not None and (latencies or not options.latency_queries):
        return scored, latencies
    if scored is None:
        scored = score()
        if options.scores is not None:
            write_scores(options.scores, key, scored, [])  # scoring takes longest: keep it even if a later step fails
    if options.latency_queries:
        latencies = measure()
        if options.scores is not None:
            write_scores(options.scores, key, scored, latencies)
    return scored, latencies


def _latencies(
    index: Index,
    texts: Sequence[str],
    encoder: Encoder,
    reranker: Reranker,
    options: TuningOptions,
    default: Configuration,
) -> list[Latency]:
    """Measure searches with the slowest first stage that is tried, which is the default where the index has terms."""
    first_stage: FirstStage = "hybrid" if index.analyzer else "dense"
    retriever = open_retriever(
        index, encoder, first_stage=first_stage, fusion=default.fusion, feedback=default.feedback
    )
    step = max(1, len(texts) // options.latency_queries)
    k = options.retrieve_k
    queries = texts[::step][: options.latency_queries]
    return measure_latency(retriever, reranker, queries, retrieve_k=k, depths=[0, *depths_up_to(k)])


def _grid(index: Index, scored: Scored, judged: Judged, default: Configuration) -> Grid:
    grid = evaluate_grid(scored, judged, default=default)
    if not grid.ndcg.any():
        raise ArgumentError(
            f"no setting brings a relevant document of {judged.name} among the first {CUTOFF} of any query; "
            f"check that these are judgments for the collection in {index.path}"
        )
    return grid


def _allowed(grid: Grid, latencies: Sequence[Latency], options: TuningOptions) -> NDArray[np.bool_]:
    """Tell of each setting whether it is within the latency budget; the first stage alone always is."""
    depths = np.array([setting.depth for setting in grid.configurations])
    if options.latency_budget_ms is None:
        return np.ones(len(depths), bool)
    fast = [latency.depth for latency in latencies if latency.p95_ms <= options.latency_budget_ms]
    return (depths == 0) | np.isin(depths, fast)


def _affordable(grid: Grid, allowed: NDArray[np.bool_], default: Configuration) -> Configuration:
    """Return the default, or what is nearest to it within the budget: a smaller depth, at last the first stage."""
    if allowed[grid.place(default)]:
        return default
    pairs = zip(grid.configurations, allowed.tolist(), strict=True)
    same = [setting for setting, is_allowed in pairs if is_allowed and setting == replace(default, depth=setting.depth)]
    depth = max((setting.depth for setting in same if setting.depth), default=0)
    return replace(default, depth=depth) if depth else default.alone


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What was chosen on a grid; the fields are those of ``Tuning``."""

    recommended: Configuration
    shown: Configuration
    default: Configuration
    expected: Expected
    held_out: CrossValidated


def _choose(grid: Grid, latencies: Sequence[Latency], default: Configuration, options: TuningOptions) -> _Chosen:
    allowed = _allowed(grid, latencies, options)
    alone = np.array([setting.depth == 0 for setting in grid.configurations])
    affordable = _affordable(grid, allowed, default)
    row = grid.place(affordable)
    rows = Defaults(
        default=row,
        alone=grid.place(default.alone),
        plain=grid.place(Configuration(None, 0, 1.0)),
    )
    choice = choose_and_hold_out(grid.ndcg, grid.costs, allowed=allowed, alone=alone, defaults=rows, seed=options.seed)
    shown = choice.recommended
    if alone[shown]:  # the best setting that reranks, for who asks for it all the same
        reranking = allowed & ~alone if (allowed & ~alone).any() else ~alone
        shown = choose(grid.ndcg, grid.costs, allowed=reranking, default=row if reranking[row] else grid.place(default))
    return _Chosen(
        recommended=grid.configurations[choice.recommended],
        shown=grid.configurations[shown],
        default=affordable,
        expected=expected(grid.ndcg, allowed=allowed, chosen=choice.recommended, default=row),
        held_out=_held_out(choice, grid.ndcg[row]),
    )


def _held_out(choice: Choice, of_default: Floats) -> CrossValidated:
    plain, alone, best = choice.held_out_plain, choice.held_out_alone, choice.held_out
    columns = np.stack([plain, alone, best, best - alone, of_default, best - of_default], axis=1)
    return CrossValidated(*estimate_means(columns))


def _depth_curve(grid: Grid, shown: Configuration) -> tuple[tuple[int, Estimate], ...]:
    curve = [
        configuration
        for configuration in grid.configurations
        if configuration.first_stage == shown.first_stage
        and (configuration.depth == 0 or configuration.blend == shown.blend)
    ]
    values = np.stack([grid.ndcg[grid.place(configuration)] for configuration in curve], axis=1)
    return tuple(zip((configuration.depth for configuration in curve), estimate_means(values), strict=True))


def _reason(chosen: _Chosen, options: TuningOptions) -> str:
    expectation = chosen.expected
    budget = "" if options.latency_budget_ms is None else f" within {options.latency_budget_ms:g} ms"
    below = f"is expected to be {expectation.regret:.4f} below the best setting{budget}, whichever that is"
    if chosen.recommended == chosen.default:
        return (
            f"The default stays: no setting{budget} is better on the same queries by more than luck gives the best of "
            f"so many, or the choice does not pay on queries that it did not see. It {below}. More queries say more."
        )
    return (
        f"Of all settings{budget} this one is surest to be better than the default, query by query: by an expected "
        f"{expectation.gain:+.4f} nDCG@10. It {below}; the default is by {expectation.regret_of_default:.4f}."
    )

"""Chooses the best setting on the scores of a tuning, and says how certain that is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ...errors import ArgumentError
from ..evaluation import Estimate, Judged, estimate_means
from .choice import Choice, Defaults, choose, choose_and_hold_out
from .fits import calibrate, first_stage_curve, fit_stop_rule_of
from .grid import CUTOFF, Configuration, Grid, evaluate_grid, recall_curve
from .latency import Latency
from .preparation import Prepared
from .regret import Expected, expected
from .result import CrossValidated, Tuning, TuningOptions
from .scores import Scored

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a tuning chooses from.

    Attributes:
        scored: The scores of the candidates.
        latencies: By depth; empty where none were measured.
        place: What was searched, for messages.
    """

    scored: Scored
    latencies: Sequence[Latency]
    place: str


def conclude(prepared: Prepared, judged: Judged, measured: Measured, *, default: Configuration) -> Tuning:
    """Choose the best setting.

    Args:
        prepared: What the tuning is made with.
        judged: The judgments.
        measured: What was measured.
        default: The setting of a search that nothing was tuned for.
    """
    options, scored, latencies = prepared.options, measured.scored, measured.latencies
    grid = _grid(measured, judged, default)
    chosen = _choose(grid, latencies, default, options)
    skips = options.long_queries == "skip"
    return Tuning(
        collection=judged.name,
        queries=len(prepared.queries),
        date=datetime.now(UTC).date().isoformat(),
        reranker=prepared.identity.model_fingerprint,
        retrieve_k=options.retrieve_k,
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
        queries_cut=() if skips else prepared.long,
        queries_skipped=prepared.long if skips else (),
    )


def _grid(measured: Measured, judged: Judged, default: Configuration) -> Grid:
    grid = evaluate_grid(measured.scored, judged, default=default)
    if not grid.ndcg.any():
        raise ArgumentError(
            f"no setting brings a relevant document of {judged.name} among the first {CUTOFF} of any query; "
            f"check that these are judgments for the collection in {measured.place}"
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

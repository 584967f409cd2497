"""Model cards of trained rerankers and bi-encoders, and what a terminal or ``--json`` shows of a training."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

from ...errors.counts import counted
from ...training import QUALITY, Evaluated, TrainingRecord, TrainingSettings
from ...training.rerankers import LateInteractionMethod
from .lists import TrainingLists
from .reranker_evaluation import ALONE, BLEND, FIRST_STAGE, MEASURE

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from ...training.encoders import TrainedEncoder

_TEMPLATE = "card.md.jinja"
_PACKAGES = ("bicross", "torch", "transformers", "sentence-transformers", "accelerate")
_LOSSES_SHOWN = 20
_USAGE = (
    "It scores pairs of a query and a passage; higher is more relevant. Load it with sentence-transformers' "
    '`CrossEncoder`, or with bicross: `SearchPipeline.open(index, reranker="this-folder")`'
)
_FAST_USAGE = (
    "It scores a query and a passage by vectors of their tokens; higher is more relevant. It needs the encoder that it "
    'was trained on. Open it with bicross: `LateInteractionReranker("this-folder")`'
)
_NOT_MEASURED = "Nothing was measured: no queries were held out."


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that is needed to train a model again: base model, data, settings, objective and command line."""

    base: str
    data: "DataclassInstance"
    settings: TrainingSettings
    objective: "DataclassInstance"
    command: str = ""


def reranker_card(record: TrainingRecord, *, recipe: Recipe, lists: TrainingLists) -> str:
    """Return the model card of a reranker, in Markdown."""
    passages = sum(len(item.passages) for item in lists.training)
    late = isinstance(recipe.objective, LateInteractionMethod)
    settings = "late_interaction.json" if late else "bicross.json"
    blend = "" if record.best is None else f", with the blend {record.best.get(BLEND, 1.0):g} of `{settings}`"
    usage = _FAST_USAGE if late else _USAGE
    return render_card(
        record,
        recipe,
        library_name="bicross" if late else "sentence-transformers",
        kind="late-interaction reranker" if late else "reranker",
        pipeline_tag="text-ranking",
        tags=("late-interaction" if late else "cross-encoder", "reranker", "bicross"),
        usage=f"{usage}{blend}.",
        quality=_reranker_quality(record.best, len(lists.held_out)),
        evaluation_names=("step", MEASURE, "alone", "blend"),
        evaluations=[
            (
                step_shown(evaluation, record),
                f"{evaluation[QUALITY]:.4f}",
                f"{evaluation[ALONE]:.4f}",
                f"{evaluation[BLEND]:g}",
            )
            for evaluation in record.evaluations
        ],
        saved=f"This folder holds the model of step {record.best_step:,}.",
        lists=f"{counted(len(lists.training), 'list')} with {counted(passages, 'passage')}; "
        f"{_queries(len(lists.held_out))} held out.",
        objective_name="method",
    )


def encoder_card(trained: "TrainedEncoder", *, recipe: Recipe) -> str:
    """Return the model card of a bi-encoder, in Markdown."""
    record = trained.record
    return render_card(
        record,
        recipe,
        kind="bi-encoder",
        pipeline_tag="sentence-similarity",
        tags=("sentence-transformers", "bicross"),
        usage="It embeds queries and passages; the higher their cosine, the better they match. Load it with "
        "sentence-transformers' `SentenceTransformer`, or with bicross: "
        '`build_index(documents, path, encoder="this-folder")`.',
        quality=_encoder_quality(trained),
        evaluation_names=("step", MEASURE),
        evaluations=[
            (step_shown(evaluation, record), f"{evaluation[QUALITY]:.4f}") for evaluation in record.evaluations
        ],
        saved=f"This folder holds {_saved_weights(trained)}.",
        lists=f"{_queries(trained.rows)} with passages; {_queries(trained.held_out)} held out.",
        objective_name="objective",
    )


def reranker_record(output: str, queries: Mapping[str, int], record: TrainingRecord) -> dict[str, object]:
    """Return what ``--json`` prints of a reranker; ``queries`` has the numbers of lists and held-out queries."""
    return {
        "output": output,
        **queries,
        "steps": record.steps,
        "best_step": record.best_step,
        "held_out": None if record.best is None else dict(record.best),
        "evaluations": [dict(evaluation) for evaluation in record.evaluations],
    }


def encoder_record(output: str, trained: "TrainedEncoder") -> dict[str, object]:
    """Return what ``--json`` prints of a bi-encoder."""
    record = asdict(trained.record)
    del record["losses"]
    return {
        "output": output,
        "rows": trained.rows,
        "held_out": trained.held_out,
        "before": trained.before,
        "after": trained.after,
        **record,
    }


def reranker_summary(output: str, queries: int, record: TrainingRecord) -> tuple[str, ...]:
    """Return the lines that a terminal shows of a reranker."""
    return _reranker_quality(record.best, queries), f"Saved the model of step {record.best_step:,} in {output}"


def encoder_summary(output: str, trained: "TrainedEncoder") -> tuple[str, ...]:
    """Return the lines that a terminal shows of a bi-encoder."""
    return _encoder_quality(trained), f"Saved {_saved_weights(trained)} in {output}"


def render_card(record: TrainingRecord, recipe: Recipe, **parts: object) -> str:
    """Return a model card in Markdown; ``parts`` are the other names in its template."""
    from jinja2 import Environment, StrictUndefined

    template = resources.files(__package__ or "").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    # Cards are Markdown: escaping for HTML would spoil them.
    environment = Environment(autoescape=False, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(template).render(
        base=recipe.base,
        data=_settings_rows(asdict(recipe.data)),
        settings=_settings_rows(asdict(recipe.settings)),
        objective=_settings_rows(asdict(recipe.objective)),
        command=recipe.command,
        steps=f"{record.steps:,}",
        best_step=f"{record.best_step:,}",
        losses=_loss_rows(record.losses),
        versions=[(package, version(package)) for package in _PACKAGES],
        **parts,
    )


def _settings_rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values, without those that are None or empty."""
    return [(name.replace("_", " "), _shown(value)) for name, value in values.items() if value not in (None, ())]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, cast("tuple[object, ...]", value)))
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return ", ".join(f"{name.replace('_', ' ')} {item}" for name, item in items)
    return str(value)


def _loss_rows(losses: Sequence[tuple[int, float]]) -> list[tuple[str, str]]:
    """About twenty losses, evenly spaced, the last one among them."""
    every = max(1, len(losses) // _LOSSES_SHOWN)
    return [(f"{step:,}", f"{loss:.4f}") for step, loss in losses[::-1][::every][::-1]]


def _queries(count: int, kind: str = "") -> str:
    return counted(count, f"{kind}query", f"{kind}queries")


def step_shown(evaluation: Evaluated, record: TrainingRecord) -> str:
    """Return the step of an evaluation, marked where its weights were saved."""
    return f"{int(evaluation['step']):,}" + (" (saved)" if evaluation["step"] == record.best_step else "")


def _reranker_quality(best: Evaluated | None, queries: int) -> str:
    if best is None:
        return _NOT_MEASURED
    return (
        f"{MEASURE} on {_queries(queries, 'held-out ')}: first stage {best[FIRST_STAGE]:.4f}, reranker alone "
        f"{best[ALONE]:.4f}, blend of both ({best[BLEND]:g}) {best[QUALITY]:.4f}. "
        "The blend and the step were chosen on these queries: expect a little less on others."
    )


def _encoder_quality(trained: "TrainedEncoder") -> str:
    if trained.before is None or trained.after is None:
        return _NOT_MEASURED
    advice = (
        "The model did not improve: keep the original one."
        if trained.after <= trained.before
        else "The step was chosen on these queries: expect a little less on others."
    )
    return (
        f"{MEASURE} on {_queries(trained.held_out, 'held-out ')}, searched among the passages of all of them: "
        f"{trained.before:.4f} before training, {trained.after:.4f} after. {advice}"
    )


def _saved_weights(trained: "TrainedEncoder") -> str:
    step = f"step {trained.record.best_step:,}"
    if trained.average == 1:
        return f"the model of {step}"
    return f"{trained.average:g} x the weights of {step} + {1 - trained.average:g} x the original weights"

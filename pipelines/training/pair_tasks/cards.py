"""The model card of a model of pairs, and what a terminal or ``--json`` shows of its training."""

from ....errors.counts import counted
from ....training import Evaluated, TrainingRecord
from ....training.pairs import MEASURES, PairMethod, PairTask
from ..cards import Recipe, render_card, step_shown
from .data import JudgedPairs

_USES: dict[PairTask, str] = {
    "similarity": "It says how similar two texts are, from 0 to 1: `PairScorer(folder).score(pairs)`.",
    "paraphrase": "It says how probable it is that two texts mean the same: `PairScorer(folder).score(pairs)`.",
    "entailment": "It says what follows of a first text for a second one: `PairScorer(folder).classify(pairs)`.",
}
_TITLES = {"spearman": "Spearman", "pearson": "Pearson", "accuracy": "accuracy", "f1": "F1"}


def pair_card(record: TrainingRecord, *, recipe: Recipe, pairs: JudgedPairs, method: PairMethod) -> str:
    """Return the model card, in Markdown."""
    names = MEASURES[method.task]
    labels = f" Its labels are {', '.join(method.labels)}." if method.labels else ""
    return render_card(
        record,
        recipe,
        kind=f"model of {method.task}",
        pipeline_tag="text-classification" if method.labels else "text-ranking",
        tags=("cross-encoder", method.task, "bicross"),
        usage=f"{_USES[method.task]}{labels} CrossEncoder of sentence-transformers loads it as well.",
        quality=quality_line(record.best, pairs, method),
        evaluation_names=("step", *(_TITLES[name] for name in names)),
        evaluations=[
            (step_shown(evaluation, record), *(f"{evaluation[name]:.4f}" for name in names))
            for evaluation in record.evaluations
        ],
        saved=f"This folder holds the model of step {record.best_step:,}.",
        lists=f"{counted(len(pairs.training), 'pair')}; {counted(len(pairs.held_out), 'pair')} held out.",
        objective_name="method",
    )


def quality_line(best: Evaluated | None, pairs: JudgedPairs, method: PairMethod) -> str:
    """Return the quality of the saved weights on the held-out pairs, as a sentence."""
    if best is None:
        return "Nothing was measured: no pairs were held out."
    values = ", ".join(f"{_TITLES[name]} {best[name]:.4f}" for name in MEASURES[method.task])
    return (
        f"On {counted(len(pairs.held_out), 'held-out pair')}: {values}. The step was chosen on these pairs: expect a "
        "little less on others."
    )

"""The model card of a reranker that was trained here, and what a terminal shows of it. Knows no model."""

from collections.abc import Mapping, Sequence

from ...training import QUALITY, Evaluated, TrainingRecord
from .lists import TrainingLists
from .model_card import how_it_was_trained, joined, table
from .reranker_evaluation import ALONE, BLEND, FIRST_STAGE, MEASURE

_HEADER = """---
library_name: sentence-transformers
pipeline_tag: text-ranking
tags: [cross-encoder, reranker, bicross]
---"""


def reranker_card(
    record: TrainingRecord, described: Mapping[str, object], *, lists: TrainingLists, command: str
) -> str:
    """Markdown for ``README.md``: all that is needed to train the model again, and how good it was.

    ``described`` has the base model, and by name the settings of data, training and method.
    """
    best = record.best
    passages = sum(len(item.passages) for item in lists.training)
    parts = [
        _HEADER,
        f"# A reranker trained by bicross from {described['base']}",
        "It scores pairs of a query and a passage, higher is more relevant. "
        "sentence-transformers' `CrossEncoder` loads it, and so does bicross: "
        '`SearchPipeline.open(index, reranker="this-folder")`'
        + ("." if best is None else f", with the blend {best.get(BLEND, 1.0):g} of `bicross.json`."),
        "## How good it is",
        _quality(best, len(lists.held_out)),
        table(("step", MEASURE, "alone", "blend"), _curve(record.evaluations, record.best_step)),
    ]
    learned = (
        f"{len(lists.training):,} lists with {passages:,} passages. {len(lists.held_out):,} queries were kept out."
    )
    return joined([*parts, *how_it_was_trained(record, described, command, learned=learned, method="method")])


def reranker_record(output: str, queries: Mapping[str, int], record: TrainingRecord) -> dict[str, object]:
    """What ``--json`` prints; ``queries`` has the numbers of lists and of queries kept out."""
    return {
        "output": output,
        **queries,
        "steps": record.steps,
        "best_step": record.best_step,
        "held_out": None if record.best is None else dict(record.best),
        "evaluations": [dict(found) for found in record.evaluations],
    }


def reranker_summary(output: str, queries: int, record: TrainingRecord) -> tuple[str, ...]:
    """A few lines on how it went."""
    return _quality(record.best, queries), f"The model of step {record.best_step:,} is in {output}"


def _quality(best: Evaluated | None, queries: int) -> str:
    if best is None:
        return "Nothing was measured: no queries were kept out of training."
    return (
        f"On {queries:,} queries that were kept out of training, {MEASURE} is {best[FIRST_STAGE]:.4f} by stage one, "
        f"{best[ALONE]:.4f} by the reranker alone, and {best[QUALITY]:.4f} with both at the blend {best[BLEND]:g}. "
        "Blend and weights were chosen on these queries: expect a little less on others."
    )


def _curve(evaluations: Sequence[Evaluated], kept: int) -> list[tuple[str, ...]]:
    return [
        (
            f"{int(found['step']):,}" + (" (kept)" if found["step"] == kept else ""),
            f"{found[QUALITY]:.4f}",
            f"{found[ALONE]:.4f}",
            f"{found[BLEND]:g}",
        )
        for found in evaluations
    ]

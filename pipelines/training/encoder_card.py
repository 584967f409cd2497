"""The model card of a bi-encoder that was trained here, and what a terminal shows of it. Knows no model."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...training.encoders import TrainedEncoder

from ...training import QUALITY
from .model_card import how_it_was_trained, joined, table
from .reranker_evaluation import MEASURE


def encoder_card(trained: "TrainedEncoder", described: Mapping[str, object], *, command: str) -> str:
    """Markdown for ``README.md``: all that is needed to train the model again, and how good it was.

    ``described`` has the base model, and by name the settings of data, training and objective.
    """
    record = trained.record
    parts = [
        "---\nlibrary_name: sentence-transformers\npipeline_tag: sentence-similarity\n"
        "tags: [sentence-transformers, bicross]\n---",
        f"# A bi-encoder trained by bicross from {described['base']}",
        "It turns queries and passages into vectors, whose cosine is the higher the better they match. "
        "sentence-transformers' `SentenceTransformer` loads it, and so does bicross: "
        '`build_index(documents, path, encoder="this-folder")`.',
        "## How good it is",
        _quality(trained),
        table(
            ("step", MEASURE),
            [
                (
                    f"{int(found['step']):,}" + (" (kept)" if found["step"] == record.best_step else ""),
                    f"{found[QUALITY]:.4f}",
                )
                for found in record.evaluations
            ],
        ),
        f"{_written(trained)} is what this folder holds.",
    ]
    learned = f"{trained.rows:,} queries with passages. {trained.held_out:,} queries were kept out."
    return joined([*parts, *how_it_was_trained(record, described, command, learned=learned, method="objective")])


def encoder_record(output: str, trained: "TrainedEncoder") -> dict[str, object]:
    """What ``--json`` prints."""
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


def encoder_summary(output: str, trained: "TrainedEncoder") -> tuple[str, ...]:
    """A few lines on how it went."""
    return _quality(trained), f"{_written(trained)} is in {output}"


def _written(trained: "TrainedEncoder") -> str:
    step = f"step {trained.record.best_step:,}"
    if trained.average == 1:
        return f"The model of {step}"
    return f"The mean of the model of {step}, which counts {trained.average:g}, and of the one before training"


def _quality(trained: "TrainedEncoder") -> str:
    if trained.before is None or trained.after is None:
        return "Nothing was measured: no queries were kept out of training."
    advice = (
        "It did not gain: keep the model that it was made of."
        if trained.after <= trained.before
        else "The weights were chosen on these queries: expect a little less on others."
    )
    return (
        f"On {trained.held_out:,} queries that were kept out of training, searched among all of their passages, "
        f"{MEASURE} was {trained.before:.4f} before, and is {trained.after:.4f}. {advice}"
    )

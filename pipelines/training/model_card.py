"""What the cards of all models have: tables in Markdown of settings, losses and versions. Knows no model."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import cast

from ...training import TrainingRecord

_PACKAGES = ("bicross", "torch", "transformers", "sentence-transformers", "accelerate")
_LOSSES_SHOWN = 20


def how_it_was_trained(
    record: TrainingRecord, described: Mapping[str, object], command: str, *, learned: str, method: str
) -> list[str]:
    """The last parts of a card: ``learned`` says what was learned from, ``method`` is a name in ``described``."""
    return [
        "## What it was trained on",
        learned,
        table(("data", ""), settings_rows(described["data"])),
        "## How",
        table((method, ""), settings_rows(described[method])),
        table(("settings", ""), settings_rows(described["settings"])),
        f"{record.steps:,} steps were done; the weights are those of step {record.best_step:,}.",
        table(("step", "loss"), loss_rows(record.losses)),
        table(("package", "version"), version_rows()),
        f"```sh\n{command}\n```" if command else "",
    ]


def joined(parts: Iterable[str]) -> str:
    """A card of those that are not empty."""
    return "\n\n".join(part for part in parts if part) + "\n"


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown; empty where there are no rows."""
    lines = [names, ["---"] * len(names), *rows]
    if len(lines) == 2:
        return ""
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def settings_rows(values: object) -> list[tuple[str, ...]]:
    """Settings by name, those that are None or empty left out."""
    shown = cast("Mapping[str, object]", values)
    return [(name.replace("_", " "), _shown(value)) for name, value in shown.items() if value not in (None, ())]


def _shown(value: object) -> str:
    return ", ".join(map(str, cast("tuple[object, ...]", value))) if isinstance(value, tuple) else str(value)


def loss_rows(losses: Sequence[tuple[int, float]]) -> list[tuple[str, ...]]:
    """A few, evenly over the training, with the last."""
    every = max(1, len(losses) // _LOSSES_SHOWN)
    return [(f"{step:,}", f"{loss:.4f}") for step, loss in losses[::-1][::every][::-1]]


def version_rows() -> list[tuple[str, ...]]:
    """The packages that a model was trained with."""
    return [(package, version(package)) for package in _PACKAGES]

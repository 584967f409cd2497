"""Tables in Markdown and files of figures, for the benchmarks of speed. Knows nothing of what they measure."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.machine import describe, versions

PACKAGES = (
    "bicross",
    "torch",
    "sentence-transformers",
    "transformers",
    "tokenizers",
    "faiss-cpu",
    "onnxruntime",
    "numpy",
)
HIDDEN = ("data", "folders", "vectors", "output", "cache", "scratch", "onnx", "plot", "plots", "scores")
"""Settings that name folders of the machine."""


def markdown(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table; None is an empty cell, and numbers below ten have two digits after the point."""
    lines = [columns, ["---"] * len(columns), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def percent(share: float | None) -> str | None:
    """For a cell."""
    return None if share is None else f"{100 * share:.0f} %"


def header(arguments: argparse.Namespace, *, how: str) -> dict[str, Any]:
    """What every report begins with."""
    settings = {name: value for name, value in vars(arguments).items() if name not in HIDDEN}
    return {
        "settings": settings,
        "machine": describe(arguments.device),
        "versions": versions(PACKAGES),
        "how": how,
    }


def write(path: Path | None, report: Mapping[str, object]) -> None:
    """As JSON, where a path is given."""
    if path is not None:
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def check_folders(parser: argparse.ArgumentParser, paths: Sequence[Path | None]) -> None:
    """Before hours of measuring: that what is to be written can be."""
    for path in paths:
        if path is not None and not path.absolute().parent.is_dir():
            parser.error(f"there is no folder {path.parent}")

"""The JSON file that a benchmark writes: what every report begins with."""

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
    "openvino",
    "numpy",
)
HIDDEN = ("only", "data", "folders", "vectors", "output", "cache", "scratch", "plot", "plots", "scores", "values")
"""Settings that name folders of the machine; they stay out of the report."""


def header(arguments: argparse.Namespace, *, how: str) -> dict[str, Any]:
    """Return the settings, the machine, the versions and a description of the method."""
    settings = {name: value for name, value in vars(arguments).items() if name not in HIDDEN}
    return {
        "settings": settings,
        "machine": describe(arguments.device),
        "versions": versions(PACKAGES),
        "how": how,
    }


def write(path: Path | None, report: Mapping[str, object]) -> None:
    """Write the report as JSON; do nothing without a path."""
    if path is not None:
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def measured_before(path: Path | None, head: Mapping[str, object]) -> list[dict[str, Any]]:
    """Return the collections of a report with the same settings, versions and method; none where there is no such file.

    Args:
        path: The report.
        head: What ``header`` returns for this run.
    """
    if path is None or not path.is_file():
        return []
    report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    is_same = all(report.get(name) == head[name] for name in ("settings", "versions", "how"))
    return report["collections"] if is_same else []


def check_folders(parser: argparse.ArgumentParser, paths: Sequence[Path | None]) -> None:
    """End with an error if a file to be written has no folder, before hours of measuring."""
    for path in paths:
        if path is not None and not path.absolute().parent.is_dir():
            parser.error(f"there is no folder {path.parent}")

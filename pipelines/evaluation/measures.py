"""Measures a run against judgments, query by query, with ir-measures.

This is the only module that uses ir-measures, which is a part of the extra ``evaluate``.
"""

import ast
import importlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import ArgumentError, EvaluationError
from ...errors.arguments import checked_texts
from .judgments import Qrels
from .runs import Run

DEFAULT_MEASURES = ("nDCG@10", "RR@10", "R@10", "R@100", "AP@100")


def per_query(measures: Sequence[str], qrels: Qrels, run: Run) -> dict[str, dict[str, float]]:
    """Measure every judged query.

    Documents count in the order of the run, whatever their scores. A judged query without results counts 0, as in
    ir-measures. Queries without judgments are skipped.

    Args:
        measures: Names of ir-measures.
        qrels: Grades by query id and document id.
        run: The ranking.

    Returns:
        Values by measure, as it is named in ``measures``, and by query id.

    Raises:
        ArgumentError: ir-measures does not know a measure, or cannot calculate it here.
    """
    parsed = {measure: _parse(measure) for measure in measures}
    judged = {query_id: _measurable(grades) for query_id, grades in qrels.items() if grades}
    ranked = {query_id: _by_rank(run[query_id], query_id) for query_id in judged if run.get(query_id)}
    values: dict[str, dict[str, float]] = {str(measure): {} for measure in parsed.values()}
    if judged:
        for metric in _library().iter_calc(list(set(parsed.values())), judged, ranked):
            values[str(metric.measure)][metric.query_id] = _finite(metric)
    by_name = {measure: values[str(parsed_measure)] for measure, parsed_measure in parsed.items()}
    return {measure: {query_id: by_query[query_id] for query_id in judged} for measure, by_query in by_name.items()}


def canonical(measures: Sequence[str]) -> tuple[str, ...]:
    """Return the names that ir-measures gives to measures, each once: MRR@10 is RR@10.

    Raises:
        ArgumentError: A measure is unknown.
    """
    if not checked_texts(measures, "measures"):
        raise ArgumentError("name a measure, such as nDCG@10")
    return tuple(dict.fromkeys(str(_parse(measure)) for measure in measures))


def cutoff(measure: str) -> int | None:
    """Return the last rank that a measure takes into account; None where it takes all."""
    return _parse(measure).params.get("cutoff")


def _parse(name: str) -> Any:  # noqa: ANN401 - ir-measures' own
    """Parse the name of a measure, such as ``nDCG@10`` or ``P(rel=2)@5``.

    The parser of ir-measures uses parts of ``ast`` that newer Pythons lack.
    """
    library = _library()
    try:
        node, at, arguments = ast.parse(name.strip(), mode="eval").body, None, dict[str, Any]()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            node, at = node.left, ast.literal_eval(node.right)
        if isinstance(node, ast.Call) and not node.args:
            arguments = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
            node = node.func
        measure = library.measures.registry[ast.unparse(node)](**arguments)
        measure = measure if at is None else measure @ at
        measure.validate_params()
        supported = library.DefaultPipeline.supports(measure)
    except (AssertionError, KeyError, SyntaxError, TypeError, ValueError) as error:
        names = ", ".join(sorted(library.measures.registry, key=str.lower))
        reason = f" ({error})" if isinstance(error, AssertionError) else ""
        raise ArgumentError(f"no measure {name!r}{reason}; as in nDCG@10, with the names {names}") from None
    if not supported:
        raise ArgumentError(f"ir-measures knows {name!r}, but calculates it with a package that is not installed")
    return measure


def _measurable(grades: Mapping[str, int]) -> dict[str, int]:
    """Return the grades; all-negative grades become 0, because pytrec_eval returns garbage or hangs on them."""
    if max(grades.values(), default=0) < 0:
        return dict.fromkeys(grades, 0)
    return dict(grades)


def _by_rank(documents: Sequence[tuple[str, float]], query_id: str) -> dict[str, float]:
    """Replace scores by descending ranks, because measures break ties differently."""
    scores = {document_id: float(len(documents) - rank) for rank, (document_id, _) in enumerate(documents)}
    if len(scores) < len(documents):
        raise ArgumentError(f"the run has a document twice for query {query_id!r}")
    return scores


def _finite(metric: Any) -> float:  # noqa: ANN401 - ir-measures' own
    value = float(metric.value)
    if not math.isfinite(value):
        raise ArgumentError(f"{metric.measure} has no value for query {metric.query_id!r}: choose another measure")
    return value


def _library() -> Any:  # noqa: ANN401 - a module
    try:
        return importlib.import_module("ir_measures")
    except ImportError as error:
        raise EvaluationError("measures are ir-measures': pip install 'bicross[evaluate]'") from error

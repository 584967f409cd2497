"""evaluate: how well a pipeline ranks, before and after reranking, and how sure that is. Knows no file and no model."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console
from rich.progress import track

from ...errors import ArgumentError
from ...index import Index
from ..search import SearchPipeline, check_query, query_slices
from .judgments import Qrels
from .measures import DEFAULT_MEASURES, canonical, cutoff, per_query
from .runs import Run
from .significance import TIE, Estimate, Floats, Outcomes, estimate_means, outcomes, randomisation_test

STAGE_ONE, RERANKED = "stage one", "reranked"
CHANGES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class System:
    """What was measured of one ranking: values by measure and query, and their means with 95% intervals.

    ``missing`` judged queries have no result in ``run`` and count 0.
    """

    name: str
    values: Mapping[str, Mapping[str, float]]
    means: Mapping[str, Estimate]
    missing: int
    run: Run = field(repr=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much a system is better in one measure: the mean over queries with its 95% interval, and p.

    ``p_value`` is that of the paired randomisation test; nothing corrects it for how many tests there are.
    """

    measure: str
    mean: float
    low: float
    high: float
    p_value: float
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class QueryChange:
    """A query whose first measure another system raises or lowers, from ``before`` to ``after``."""

    query_id: str
    query: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A system against a baseline: by measure, and the queries that changed most, at most ten of each."""

    baseline: str
    system: str
    differences: tuple[Difference, ...]
    improved: tuple[QueryChange, ...]
    hurt: tuple[QueryChange, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """What went into the figures.

    ``judged`` of the ``queries`` are measured. Of these, ``without_relevant`` have no relevant document and count 0, as
    in trec_eval. ``unknown_documents`` were judged and are not in the index; in ``unknown_relevant`` judgments they are
    relevant, which lowers recall and stays in the ideal ranking. Both are None where there is no index to ask. For
    ``cut`` queries the list ended at ``retrieve_k``.
    """

    queries: int
    judged: int
    without_judgments: int
    without_relevant: int
    unknown_documents: int | None = None
    unknown_relevant: int | None = None
    retrieve_k: int | None = None
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Made by ``evaluate`` and ``evaluate_runs``.

    ``comparisons`` are of the system that it is about, the reranked order where there is one, against each other one.
    ``deeper`` measures look further down than ``retrieve_k``, where the lists end.
    """

    measures: tuple[str, ...]
    systems: tuple[System, ...]
    comparisons: tuple[Comparison, ...]
    counts: Counts
    deeper: tuple[str, ...] = ()

    def system(self, name: str) -> System:
        """The system of that name, such as "stage one" or "reranked"."""
        for system in self.systems:
            if system.name == name:
                return system
        raise ArgumentError(
            f"no system {name!r} was evaluated, only {', '.join(system.name for system in self.systems)}"
        )


def evaluate(
    pipeline: SearchPipeline,
    queries: Mapping[str, str],
    qrels: Qrels,
    *,
    measures: Sequence[str] = DEFAULT_MEASURES,
    runs: Mapping[str, Run] | None = None,
    progress: bool = False,
) -> Evaluation:
    """Measure stage one and the final order of a pipeline in one pass over the judged queries.

    ``queries`` are texts by id; those without judgments are counted and not searched. Both orders have the pipeline's
    ``retrieve_k`` documents. ``runs`` are other systems', by name, to compare the final order with. Without a reranker
    there is stage one alone. What the pipeline returned is measured in its order. A stop rule (``rerank_k="auto"``) is
    asked for the best ``retrieve_k``, and so reads deeper than for a few. Raises ``ArgumentError`` for a
    measure that is unknown and a judged query that has no text, ``QueryError`` for one that cannot be searched.
    """
    names, qrels = canonical(measures), _with_grades(qrels)  # a mistake here should not first cost a search
    for query_id in qrels:
        if query_id not in queries:
            raise ArgumentError(f"query {query_id!r} is judged and has no text")
        check_query(queries[query_id], repr(query_id))
    if pipeline.options.min_relevance is not None:
        raise ArgumentError(
            f"min_relevance={pipeline.options.min_relevance} cuts the lists that are to be measured: leave it out"
        )
    if taken := {STAGE_ONE, RERANKED} & set(runs or ()):
        raise ArgumentError(f"a run cannot be called {min(taken)!r}: that is the pipeline's own")
    found = _search(pipeline, {query_id: queries[query_id] for query_id in qrels}, shown=progress)
    final = STAGE_ONE if pipeline.reranker is None else RERANKED
    retrieve_k = pipeline.options.candidates
    unknown_documents, unknown_relevant = _unknown(pipeline, qrels)
    counts = Counts(
        len(queries),
        len(qrels),
        len(queries.keys() - qrels.keys()),
        _without_relevant(qrels),
        unknown_documents,
        unknown_relevant,
        retrieve_k,
        sum(len(results) == retrieve_k for results in found[STAGE_ONE].values()),
    )
    systems = [measure_run(name, run, qrels, measures=names) for name, run in {**found, **(runs or {})}.items()]
    deeper = tuple(name for name in names if counts.cut and _deeper(name, retrieve_k))
    return Evaluation(names, tuple(systems), _compare_all(systems, final, queries), counts, deeper)


def evaluate_runs(
    runs: Mapping[str, Run],
    qrels: Qrels,
    *,
    queries: Mapping[str, str] | None = None,
    measures: Sequence[str] = DEFAULT_MEASURES,
) -> Evaluation:
    """Measure runs alone, by name, and compare the last one with each of the others. ``queries`` are texts, to show."""
    if not runs:
        raise ArgumentError("name a run")
    names, qrels, texts = canonical(measures), _with_grades(qrels), queries or {}
    systems = [measure_run(name, run, qrels, measures=names) for name, run in runs.items()]
    known = texts.keys() | qrels.keys()
    counts = Counts(len(known), len(qrels), len(known - qrels.keys()), _without_relevant(qrels))
    return Evaluation(names, tuple(systems), _compare_all(systems, systems[-1].name, texts), counts)


def measure_run(name: str, run: Run, qrels: Qrels, *, measures: Sequence[str] = DEFAULT_MEASURES) -> System:
    """The values and means of one run. Raises ``ArgumentError`` where nothing is judged."""
    qrels = _with_grades(qrels)
    values = per_query(measures, qrels, run)
    means = estimate_means(np.stack([_column(values[measure], list(qrels)) for measure in measures], axis=1))
    missing = sum(not run.get(query_id) for query_id in qrels)
    return System(name, values, dict(zip(measures, means, strict=True)), missing, run)


def compare(baseline: System, system: System, queries: Mapping[str, str]) -> Comparison:
    """What changes from one system to another, in the measures of both; ``queries`` are texts, to show."""
    measures, ids = list(baseline.values), list(next(iter(baseline.values.values())))
    columns = [_column(system.values[name], ids) - _column(baseline.values[name], ids) for name in measures]
    estimates = estimate_means(np.stack(columns, axis=1))
    differences = [
        Difference(name, known.mean, known.low, known.high, randomisation_test(column), outcomes(column))
        for name, known, column in zip(measures, estimates, columns, strict=True)
    ]
    before, after = baseline.values[measures[0]], system.values[measures[0]]

    def most(gains: Floats) -> tuple[QueryChange, ...]:
        order: list[int] = np.argsort(-gains, kind="stable").tolist()
        changed = [ids[place] for place in order[:CHANGES_SHOWN] if gains[place] > TIE]
        return tuple(QueryChange(id_, queries.get(id_, ""), before[id_], after[id_]) for id_ in changed)

    return Comparison(baseline.name, system.name, tuple(differences), most(columns[0]), most(-columns[0]))


def _search(pipeline: SearchPipeline, queries: Mapping[str, str], *, shown: bool) -> dict[str, Run]:
    """Both orders of what the pipeline returns for each query, or stage one's alone."""
    ids, top_k = list(queries), pipeline.options.candidates
    stage_one: dict[str, list[tuple[str, float]]] = {}
    reranked: dict[str, list[tuple[str, float]]] = {}
    for some in _blocks(ids, shown=shown):
        texts = [queries[query_id] for query_id in some]
        for query_id, results in zip(some, pipeline.search_batch(texts, top_k=top_k), strict=True):
            reranked[query_id] = [(result.document.id, result.score) for result in results]
            retrieved = sorted(results, key=lambda result: result.retrieval_rank)
            stage_one[query_id] = [(result.document.id, result.retrieval_score) for result in retrieved]
        if pipeline.options.adaptive:  # neighbours have taken the places of some that stage one found
            for query_id, hits in zip(some, pipeline.retriever.retrieve(texts, top_k), strict=True):
                stage_one[query_id] = [(hit.document.id, hit.score) for hit in hits]
    return {STAGE_ONE: stage_one} if pipeline.reranker is None else {STAGE_ONE: stage_one, RERANKED: reranked}


def _blocks(ids: Sequence[str], *, shown: bool) -> Iterator[Sequence[str]]:
    slices = list(query_slices(ids))
    yield from track(slices, "Searching", console=Console(stderr=True), disable=not shown)


def _compare_all(systems: Sequence[System], final: str, queries: Mapping[str, str]) -> tuple[Comparison, ...]:
    [about] = [system for system in systems if system.name == final]
    return tuple(compare(other, about, queries) for other in systems if other is not about)


def _column(values: Mapping[str, float], ids: Sequence[str]) -> Floats:
    return np.array([values[query_id] for query_id in ids], np.float64)


def _unknown(pipeline: SearchPipeline, qrels: Qrels) -> tuple[int | None, int | None]:
    """Judged documents that the index does not hold, and in how many judgments they are relevant."""
    index = getattr(pipeline.retriever, "index", None)
    if not isinstance(index, Index):
        return None, None
    judged = list({document_id for grades in qrels.values() for document_id in grades})
    unknown: set[str] = set()
    for start in range(0, len(judged), 1000):
        some = judged[start : start + 1000]
        unknown.update(id_ for id_, document in zip(some, index.get(some), strict=True) if document is None)
    relevant = sum(grade > 0 for grades in qrels.values() for id_, grade in grades.items() if id_ in unknown)
    return len(unknown), relevant


def _with_grades(qrels: Qrels) -> Qrels:
    judged = {query_id: grades for query_id, grades in qrels.items() if grades}
    if not judged:
        raise ArgumentError("there are no judgments to measure by")
    return judged


def _without_relevant(qrels: Qrels) -> int:
    return sum(max(grades.values()) <= 0 for grades in qrels.values())


def _deeper(measure: str, retrieve_k: int) -> bool:
    depth = cutoff(measure)
    return depth is None or depth > retrieve_k

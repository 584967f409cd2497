"""Measures how well a pipeline ranks before and after reranking, with confidence intervals and tests."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ...errors import ArgumentError
from ...errors.arguments import checked_instance, checked_mapping
from ...index import Index
from ..search import SearchPipeline, check_query, long_query_error, query_slices
from .arguments import checked_qrels, checked_run, checked_runs
from .judgments import Qrels
from .measures import DEFAULT_MEASURES, canonical, cutoff, per_query
from .result import Comparison, Counts, Difference, Evaluation, QueryChange, System
from .runs import Run
from .significance import TIE, Floats, estimate_means, outcomes, randomisation_test

FIRST_STAGE, RERANKED = "first stage", "reranked"
CHANGES_SHOWN = 10


def evaluate(
    pipeline: SearchPipeline,
    queries: Mapping[str, str],
    qrels: Qrels,
    *,
    measures: Sequence[str] = DEFAULT_MEASURES,
    runs: Mapping[str, Run] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> Evaluation:
    """Measure the first stage and the final order of a pipeline in one pass over the judged queries.

    Both orders have the pipeline's ``retrieve_k`` documents. Without a reranker there is the first stage alone. A stop
    rule (``rerank_k="auto"``) is asked for the best ``retrieve_k`` documents, so it scores more candidates than in a
    search for a few.

    Args:
        pipeline: The pipeline, without ``min_relevance``.
        queries: Texts by id. Those without judgments are counted and not searched.
        qrels: Grades by query id and document id.
        measures: Names of ir-measures. Lists are measured in their order, whatever the scores.
        runs: Rankings of other systems by name, to compare the final order with.
        on_progress: Called with how many queries are searched, of how many.

    Raises:
        ArgumentError: A measure is unknown, a judged query has no text, or a run has a name of the pipeline's own.
        QueryError: A query cannot be searched. One that is too long for the reranker is cut or left out where the
            pipeline's ``long_queries`` says so; ``counts`` has their ids.

    Example:
        >>> evaluate(pipeline, judged.queries, judged.qrels).system("reranked").means["nDCG@10"].mean
    """
    checked_instance(pipeline, SearchPipeline, "pipeline")
    queries = checked_mapping(queries, "queries", "texts by query id")
    runs = {} if runs is None else checked_runs(runs)
    names, qrels = canonical(measures), _with_grades(qrels)  # before the search, which takes long
    _check_texts(pipeline, queries, qrels)
    if pipeline.options.min_relevance is not None:
        raise ArgumentError(
            f"min_relevance={pipeline.options.min_relevance} shortens the lists to measure; evaluate without it"
        )
    if taken := {FIRST_STAGE, RERANKED} & set(runs):
        raise ArgumentError(f"a run cannot be called {min(taken)!r}: that is a name of the pipeline's own; rename it")
    pipeline = pipeline.pinned()  # all queries are answered from one generation
    long = _long_queries(pipeline, {query_id: queries[query_id] for query_id in qrels})
    skips = pipeline.options.long_queries == "skip"
    if long and skips:
        qrels = _with_grades({query_id: grades for query_id, grades in qrels.items() if query_id not in long})
    own_runs = _search(pipeline, {query_id: queries[query_id] for query_id in qrels}, on_progress)
    final = FIRST_STAGE if pipeline.reranker is None else RERANKED
    retrieve_k = pipeline.options.candidates
    unknown_documents, unknown_relevant = _unknown(pipeline, qrels)
    counts = Counts(
        len(queries),
        len(qrels),
        len(queries.keys() - qrels.keys() - set(long)),
        _without_relevant(qrels),
        unknown_documents,
        unknown_relevant,
        retrieve_k,
        sum(len(results) == retrieve_k for results in own_runs[FIRST_STAGE].values()),
        () if skips else long,
        long if skips else (),
    )
    systems = [measure_run(name, run, qrels, measures=names) for name, run in {**own_runs, **runs}.items()]
    deeper = tuple(name for name in names if counts.cut and _deeper(name, retrieve_k))
    return Evaluation(names, tuple(systems), _compare_all(systems, final, queries), counts, deeper)


def evaluate_runs(
    runs: Mapping[str, Run],
    qrels: Qrels,
    *,
    queries: Mapping[str, str] | None = None,
    measures: Sequence[str] = DEFAULT_MEASURES,
) -> Evaluation:
    """Measure runs, and compare the last one with each of the others.

    Args:
        runs: Rankings by name.
        qrels: Grades by query id and document id.
        queries: Texts by id, to show the queries that changed most.
        measures: Names of ir-measures.
    """
    runs = checked_runs(runs)
    if not runs:
        raise ArgumentError("there is no run to measure; name one")
    texts: Mapping[str, str] = {} if queries is None else checked_mapping(queries, "queries", "texts by query id")
    names, qrels = canonical(measures), _with_grades(qrels)
    systems = [measure_run(name, run, qrels, measures=names) for name, run in runs.items()]
    ids = texts.keys() | qrels.keys()
    counts = Counts(len(ids), len(qrels), len(ids - qrels.keys()), _without_relevant(qrels))
    return Evaluation(names, tuple(systems), _compare_all(systems, systems[-1].name, texts), counts)


def measure_run(name: str, run: Run, qrels: Qrels, *, measures: Sequence[str] = DEFAULT_MEASURES) -> System:
    """Return the values and means of one run.

    Raises:
        ArgumentError: No query is judged.
    """
    qrels, run = _with_grades(qrels), checked_run(run)
    values = per_query(measures, qrels, run)
    means = estimate_means(np.stack([_column(values[measure], list(qrels)) for measure in measures], axis=1))
    missing = sum(not run.get(query_id) for query_id in qrels)
    return System(name, values, dict(zip(measures, means, strict=True)), missing, run)


def compare(baseline: System, system: System, queries: Mapping[str, str]) -> Comparison:
    """Compare two systems in the measures of both; ``queries`` are texts by id."""
    measures, ids = list(baseline.values), list(next(iter(baseline.values.values())))
    columns = [_column(system.values[name], ids) - _column(baseline.values[name], ids) for name in measures]
    estimates = estimate_means(np.stack(columns, axis=1))
    differences = [
        Difference(name, estimate.mean, estimate.low, estimate.high, randomisation_test(column), outcomes(column))
        for name, estimate, column in zip(measures, estimates, columns, strict=True)
    ]
    before, after = baseline.values[measures[0]], system.values[measures[0]]

    def most(gains: Floats) -> tuple[QueryChange, ...]:
        order: list[int] = np.argsort(-gains, kind="stable").tolist()
        changed = [ids[row] for row in order[:CHANGES_SHOWN] if gains[row] > TIE]
        return tuple(QueryChange(id_, queries.get(id_, ""), before[id_], after[id_]) for id_ in changed)

    return Comparison(baseline.name, system.name, tuple(differences), most(columns[0]), most(-columns[0]))


def _check_texts(pipeline: SearchPipeline, queries: Mapping[str, str], qrels: Qrels) -> None:
    any_length = pipeline.options.long_queries != "error"
    for query_id in qrels:
        if query_id not in queries:
            raise ArgumentError(f"query {query_id!r} is judged and has no text; add it to the queries")
        check_query(queries[query_id], repr(query_id), any_length=any_length)


def _long_queries(pipeline: SearchPipeline, queries: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of queries that are too long, or raise ``QueryError`` if the pipeline refuses those."""
    ids = list(queries)
    reasons = pipeline.too_long([queries[query_id] for query_id in ids])
    if reasons and pipeline.options.long_queries == "error":
        row, reason = next(iter(reasons.items()))
        raise long_query_error(f"query {ids[row]!r}", queries[ids[row]], reason)
    return tuple(ids[row] for row in reasons)


def _search(
    pipeline: SearchPipeline, queries: Mapping[str, str], on_progress: Callable[[int, int], None]
) -> dict[str, Run]:
    """Return the results of each query in both orders, or in that of the first stage if there is no reranker."""
    ids, top_k = list(queries), pipeline.options.candidates
    first_stage: dict[str, list[tuple[str, float]]] = {}
    reranked: dict[str, list[tuple[str, float]]] = {}
    done = 0
    for batch in query_slices(ids):
        texts = [queries[query_id] for query_id in batch]
        for query_id, results in zip(batch, pipeline.search_batch(texts, top_k=top_k), strict=True):
            reranked[query_id] = [(result.document.id, result.score) for result in results]
            retrieved = sorted(results, key=lambda result: result.retrieval_rank)
            first_stage[query_id] = [(result.document.id, result.retrieval_score) for result in retrieved]
        if pipeline.options.adaptive:  # neighbours replaced some of the candidates of the first stage
            for query_id, hits in zip(batch, pipeline.retriever.retrieve(texts, top_k), strict=True):
                first_stage[query_id] = [(hit.document.id, hit.score) for hit in hits]
        done += len(batch)
        on_progress(done, len(ids))
    return {FIRST_STAGE: first_stage} if pipeline.reranker is None else {FIRST_STAGE: first_stage, RERANKED: reranked}


def _compare_all(systems: Sequence[System], final: str, queries: Mapping[str, str]) -> tuple[Comparison, ...]:
    [about] = [system for system in systems if system.name == final]
    return tuple(compare(other, about, queries) for other in systems if other is not about)


def _column(values: Mapping[str, float], ids: Sequence[str]) -> Floats:
    return np.array([values[query_id] for query_id in ids], np.float64)


def _unknown(pipeline: SearchPipeline, qrels: Qrels) -> tuple[int | None, int | None]:
    """Count the judged documents that the index does not have, and the judgments that call one of them relevant."""
    index = getattr(pipeline.retriever, "index", None)
    if not isinstance(index, Index):
        return None, None
    judged = list({document_id for grades in qrels.values() for document_id in grades})
    unknown: set[str] = set()
    for start in range(0, len(judged), 1000):
        batch = judged[start : start + 1000]
        unknown.update(id_ for id_, document in zip(batch, index.get(batch), strict=True) if document is None)
    relevant = sum(grade > 0 for grades in qrels.values() for id_, grade in grades.items() if id_ in unknown)
    return len(unknown), relevant


def _with_grades(qrels: Qrels) -> Qrels:
    qrels = checked_qrels(qrels)
    judged = {query_id: grades for query_id, grades in qrels.items() if grades}
    if not judged:
        raise ArgumentError("no query has a judgment; give qrels with at least one")
    return judged


def _without_relevant(qrels: Qrels) -> int:
    return sum(max(grades.values()) <= 0 for grades in qrels.values())


def _deeper(measure: str, retrieve_k: int) -> bool:
    depth = cutoff(measure)
    return depth is None or depth > retrieve_k

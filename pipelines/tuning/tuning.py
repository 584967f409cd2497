"""Finds the best search settings for an index and a reranker, or for any retriever, from judged queries."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from ...errors import ArgumentError
from ...errors.arguments import checked_instance
from ...index import Hit, Index
from ...rerank import Reranker, cutting_queries
from ...retrieval import Encoder, Retriever
from ..choices import FirstStage
from ..evaluation import Judged
from ..models import open_retriever, require_encoder
from ..search import checked_retriever, index_defaults, store, tokenizer_fingerprint
from .conclusion import Measured, conclude
from .first_stages import FirstStageSetting
from .grid import Configuration, default_configuration, depths_up_to
from .latency import Latency, measure_latency
from .preparation import prepared
from .result import Tuning, TuningOptions
from .score_file import ScoresKey, read_scores, write_scores
from .scores import Scored, score_candidates, score_retrieved


def tune(
    index: Index,
    judged: Judged,
    *,
    encoder: Encoder,
    reranker: Reranker,
    options: TuningOptions | None = None,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> Tuning:
    """Find the first stage, the depth and the blend that rank best, and how certain that is.

    Every candidate is scored once. Every depth, blend and lexical weight is then evaluated on those scores. The module
    ``choice`` describes how a setting is chosen, and why the choice does no harm.

    Args:
        index: The index to tune.
        judged: Queries and judgments; not those that you are going to report figures on.
        encoder: The encoder of the index.
        reranker: A reranker with a fingerprint, for which the settings hold.
        options: How to tune.
        on_progress: Called with how many queries are scored, of how many.

    Raises:
        ArgumentError: There are too few judged queries, or the reranker has no fingerprint.
        IndexReadOnly: The index was opened by a URL, and what is found is to be stored in it.
        QueryError: A query is too long for the reranker, and ``long_queries`` is "error".
    """
    checked_instance(index, Index, "index")
    checked_instance(judged, Judged, "judged")
    require_encoder(encoder)
    given = prepared(judged, reranker, options)
    options, queries = given.options, given.queries
    if options.store:
        index.require_changeable()
    reranker = cutting_queries(reranker)  # nothing is too long any more, unless it is to be cut
    key, k = ScoresKey.of(index, given.identity.fingerprint, options.retrieve_k, queries), options.retrieve_k
    score = partial(score_candidates, index, queries, encoder=encoder, reranker=reranker, k=k, on_progress=on_progress)
    default = default_configuration(k, reranker.blend, index_defaults(index))
    measure = partial(_latencies, index, list(queries.values()), encoder, reranker, options, default)
    scored, latencies = _scores(key, options, default.first_stage, score, measure)
    tuning = conclude(given, judged, Measured(scored, latencies, str(index.path)), default=default)
    if options.store:
        store(index, tuning.tuned)
        # The commit made a new generation with the same documents, so the scores hold for it.
        if options.scores is not None and index.generation == key.generation + 1:
            write_scores(options.scores, key.moved(index.generation), scored, latencies)
    return tuning


def tune_retriever(
    retriever: Retriever,
    judged: Judged,
    *,
    reranker: Reranker,
    options: TuningOptions | None = None,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> Tuning:
    """Find the depth and the blend that rank best over the first stage that a retriever is; see ``tune``.

    There is no index to store the result in. ``tuning.tuned.complete(SearchOptions())`` are the options of a pipeline
    over this retriever and reranker, and ``tuning.tuned.to_dict()`` is JSON to keep.

    Args:
        retriever: The first stage, for one over a store of another project.
        judged: Queries and judgments; not those that you are going to report figures on.
        reranker: A reranker with a fingerprint, for which the settings hold.
        options: How to tune; ``store`` has no effect, and ``scores`` must be None.
        on_progress: Called with how many queries are scored, of how many.

    Raises:
        ArgumentError: There are too few judged queries, the reranker has no fingerprint, or ``scores`` is given.
        QueryError: A query is too long for the reranker, and ``long_queries`` is "error".

    Example:
        >>> tuning = tune_retriever(retriever, judged, reranker=reranker)
        >>> pipeline = SearchPipeline(retriever, reranker, options=tuning.tuned.complete(SearchOptions()))
    """
    checked_retriever(retriever)
    checked_instance(judged, Judged, "judged")
    given = prepared(judged, reranker, options)
    given = replace(given, options=replace(given.options, store=False))
    options, k, texts = given.options, given.options.retrieve_k, list(given.queries.values())
    if options.scores is not None:
        raise ArgumentError(
            f"scores={str(options.scores)!r} keeps what holds for a generation of an index; leave it out"
        )
    reranker = cutting_queries(reranker)
    scored = score_retrieved(
        partial(_by_score_alone, retriever),
        given.queries,
        reranker=reranker,
        k=k,
        tokenizer=tokenizer_fingerprint(retriever),
        on_progress=on_progress,
    )
    latencies = _latencies_of(retriever, texts, reranker, options) if options.latency_queries else []
    measured = Measured(scored, latencies, f"this {type(retriever).__name__}")
    return conclude(given, judged, measured, default=default_configuration(k, reranker.blend))


def _by_score_alone(retriever: Retriever, queries: Sequence[str], k: int) -> list[list[Hit]]:
    """Retrieve hits without the scores of the parts of a retriever, whose order is not to be changed."""
    return [
        [replace(hit, dense_score=None, lexical_score=None, lexical_limit=None) for hit in hits]
        for hits in retriever.retrieve(queries, k)
    ]


def _scores(
    key: ScoresKey,
    options: TuningOptions,
    needed: FirstStageSetting,
    score: Callable[[], Scored],
    measure: Callable[[], list[Latency]],
) -> tuple[Scored, list[Latency]]:
    """Return scores and latencies from the file if it has them; else compute them and write them to the file."""
    saved = None if options.scores is None else read_scores(options.scores, key)
    if saved is not None and not saved[0].has(needed):
        saved = None  # of version 1, which lacks what the default of this index needs
    scored, latencies = saved or (None, [])
    if scored is not None and (latencies or not options.latency_queries):
        return scored, latencies
    if scored is None:
        scored = score()
        if options.scores is not None:
            write_scores(options.scores, key, scored, [])  # scoring takes longest: keep it even if a later step fails
    if options.latency_queries:
        latencies = measure()
        if options.scores is not None:
            write_scores(options.scores, key, scored, latencies)
    return scored, latencies


def _latencies(
    index: Index,
    texts: Sequence[str],
    encoder: Encoder,
    reranker: Reranker,
    options: TuningOptions,
    default: Configuration,
) -> list[Latency]:
    """Measure searches with the slowest first stage that is tried, which is the default where the index has terms."""
    first_stage: FirstStage = "hybrid" if index.analyzer else "dense"
    retriever = open_retriever(
        index, encoder, first_stage=first_stage, fusion=default.fusion, feedback=default.feedback
    )
    return _latencies_of(retriever, texts, reranker, options)


def _latencies_of(
    retriever: Retriever, texts: Sequence[str], reranker: Reranker, options: TuningOptions
) -> list[Latency]:
    step = max(1, len(texts) // options.latency_queries)
    k = options.retrieve_k
    queries = texts[::step][: options.latency_queries]
    return measure_latency(retriever, reranker, queries, retrieve_k=k, depths=[0, *depths_up_to(k)])

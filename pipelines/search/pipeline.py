"""SearchPipeline: the first stage retrieves candidates, the second stage reranks them."""

import copy
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Self, Unpack, cast

from ...errors import ArgumentError, PipelineClosed
from ...errors.arguments import checked_flag, checked_instance, checked_number
from ...index import Index, Predicate
from ...inference import Dtype
from ...rerank import DEFAULT_RERANKER, Reranker, TokenVectorReranker
from ...retrieval import Encoder, Retriever, has_index, pinned
from .given_parts import check_parts
from .long_queries import too_long
from .opening import Stages, StagesFromIndex, newest_generation
from .options import OptionValues, RerankK, SearchOptions, check_deadline
from .queries import check_queries, query_slices
from .scoring import ScoreCache, SearchResult, StopRule, fit_stop_rule, scores_of_stages
from .searcher import Searcher
from .settings import Settings, settings_of_parts
from .timings import Timings


class SearchPipeline:
    """Chains a retriever and a reranker. Any number of threads may search.

    Args:
        retriever: The first stage, which finds candidates.
        reranker: The second stage, which scores each candidate with the query; None searches with the first alone.
        fast_reranker: Sorts all candidates by late interaction before the reranker reads the best; None does not.
        options: How to search; None takes the defaults. ``Settings`` bring what was tuned too.
        cache: Remembers the logits of pairs that are scored again.
        clock: Returns seconds.
        **values: Fields of ``SearchOptions``, such as ``retrieve_k=100``, in place of those of ``options``.

    Raises:
        ArgumentError: A value cannot be, or the parts do not fit each other.

    Example:
        >>> with SearchPipeline.open("my-index", retrieve_k=100, rerank_k=100, top_k=10) as pipeline:
        ...     results = pipeline.search("how do vaccines work?")
    """

    def __init__(
        self,
        retriever: Retriever,
        reranker: Reranker | None,
        *,
        fast_reranker: TokenVectorReranker | None = None,
        options: SearchOptions | Settings | None = None,
        cache: ScoreCache | None = None,
        clock: Callable[[], float] = time.perf_counter,
        **values: Unpack[OptionValues],
    ) -> None:
        check_parts(retriever, reranker, options, cache, fast_reranker)
        settings = settings_of_parts(options, values, reranker, fast_reranker)
        stages = Stages(retriever, reranker, settings, fast_reranker)
        self._searcher: Searcher | None = Searcher(stages, cache=cache, clock=clock)
        self._stages_of: StagesFromIndex | None = None
        self._changing = threading.Lock()
        self._clock, self.cache = clock, cache

    @classmethod
    def open(  # noqa: PLR0913 - the one call that most programs make: each argument has a default
        cls,
        path: str | Path | Index,
        *,
        encoder: str | Path | Encoder | None = None,
        reranker: str | Path | Reranker | None = DEFAULT_RERANKER,
        fast_reranker: str | Path | TokenVectorReranker | None = None,
        device: str | None = None,
        dtype: Dtype = "float32",
        options: SearchOptions | None = None,
        cache_mb: float | None = None,
        **values: Unpack[OptionValues],
    ) -> "SearchPipeline":
        """Open an index with its models, and with what ``bicross tune`` stored in it for this reranker.

        Where tuning found the reranker not worth using, only searches that ask for it use it: ``SearchOptions.rerank``.

        Args:
            path: The folder of the index, its URL in a store, or the index if it is open already.
            encoder: A model or its name; None is the one that built the index, if it is here. It is never downloaded.
            reranker: A model or its name; None searches with the first stage alone.
            fast_reranker: The model of the token vectors in the index, or its name; None is the one that it names.
            device: Where models given by name run, such as "cpu" or "cuda:1"; None is the fastest there is.
            dtype: What models given by name calculate in.
            options: How to search. What it leaves open is as tuned, else the default.
            cache_mb: Million bytes that remember the scores of pairs.
            **values: Fields of ``SearchOptions``, such as ``first_stage="hybrid"``, in place of those of ``options``.

        Raises:
            IndexModelMismatch: The encoder is not the model that built the index.
            IndexCorrupt: The index is damaged, or keeps search settings that cannot be used.
        """
        if not isinstance(cast("object", options), SearchOptions | None):
            raise ArgumentError(f"options must be SearchOptions, not {type(options).__name__}: {options!r:.80}")
        given = replace(options or SearchOptions(), **values)
        cache = None if cache_mb is None else ScoreCache.of_megabytes(cache_mb)
        stages_of = StagesFromIndex(
            given, encoder=encoder, reranker=reranker, fast_reranker=fast_reranker, device=device, dtype=dtype
        )
        stages = stages_of(path if isinstance(path, Index) else Index.open(path))
        fast = stages.fast_reranker
        pipeline = cls(stages.retriever, stages.reranker, fast_reranker=fast, options=stages.settings, cache=cache)
        pipeline._stages_of = stages_of
        return pipeline

    @property
    def retriever(self) -> Retriever:
        """The first stage.

        Raises:
            PipelineClosed: The pipeline was closed; every search raises this too.
        """
        return self._require_open().retriever

    @property
    def reranker(self) -> Reranker | None:
        """The second stage; None where there is none, or where tuning switched it off and nobody asked for it."""
        searcher = self._require_open()
        return searcher.reranker if searcher.settings.reranks else None

    @property
    def fast_reranker(self) -> TokenVectorReranker | None:
        """What sorts the candidates before the second stage reads the best of them; None leaves their order."""
        return self._require_open().stages.fast_reranker

    @property
    def options(self) -> SearchOptions:
        """The complete options; only the blend may be left open, and the reranker may recommend it."""
        return self._require_open().settings.options

    @property
    def settings(self) -> Settings:
        """The options and where each comes from: given, tuned, or a default. As text they are one line."""
        return self._require_open().settings

    @property
    def blend(self) -> float:
        """Weight of the reranker's score against that of the first stage, from 0 to 1."""
        return self._require_open().settings.blend

    @property
    def generation(self) -> int | None:
        """The generation of the index that is searched; None for a retriever without an index."""
        retriever = self._require_open().retriever
        return retriever.index.generation if has_index(retriever) else None

    def refresh(self) -> bool:
        """Move to the newest generation of the index.

        Values that were left open are again as tuned. Running searches finish as they began. On an error all stays.

        Returns:
            Whether there was a newer generation.

        Raises:
            ArgumentError: The retriever has no index.
            IndexModelMismatch: The index was replaced by one of another model.
        """
        with self._changing:
            searcher = self._require_open()
            index = newest_generation(searcher.retriever)
            if index.generation == searcher.generation:
                return False
            if self._stages_of is not None:
                stages = self._stages_of(index)
            else:
                assert has_index(searcher.retriever)
                stages = replace(searcher.stages, retriever=searcher.retriever.over(index))
            self._searcher = Searcher(stages, cache=self.cache, clock=self._clock)
            return True

    def pinned(self) -> "SearchPipeline":
        """Return the same pipeline over the generation of this moment, on which all its searches stay.

        It shares index, models and cache. A retriever of one's own needs a method ``pinned`` for that.
        """
        searcher, other = self._require_open(), copy.copy(self)
        stages = replace(searcher.stages, retriever=pinned(searcher.retriever))
        other._searcher = Searcher(stages, cache=self.cache, clock=self._clock)
        return other

    def close(self) -> None:
        """Close the index and release the models and the cache. Searches under way finish; closing twice is fine."""
        with self._changing:
            self._searcher = self._stages_of = self.cache = None

    def __enter__(self) -> Self:
        self._require_open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def search(  # noqa: PLR0913 - each argument has a default
        self,
        query: str,
        *,
        top_k: int | None = None,
        retrieve_k: int | None = None,
        rerank_k: RerankK | None = None,
        where: Predicate | None = None,
        deadline_ms: float | None = None,
        min_relevance: float | None = None,
        allow_partial: bool = False,
    ) -> list[SearchResult]:
        """Return the best documents for one query; see ``search_batch``."""
        [results] = self.search_batch(
            [query],
            top_k=top_k,
            retrieve_k=retrieve_k,
            rerank_k=rerank_k,
            where=where,
            deadline_ms=deadline_ms,
            min_relevance=min_relevance,
            allow_partial=allow_partial,
        )
        return results

    def search_batch(  # noqa: PLR0913 - each argument has a default
        self,
        queries: Sequence[str],
        *,
        top_k: int | None = None,
        retrieve_k: int | None = None,
        rerank_k: RerankK | None = None,
        where: Predicate | None = None,
        deadline_ms: float | None = None,
        min_relevance: float | None = None,
        timings: Timings | None = None,
        allow_partial: bool = False,
    ) -> list[list[SearchResult]]:
        """Return the best documents for each query, best first; equal scores keep the order of the first stage.

        Args:
            queries: Texts.
            top_k: In place of the pipeline's own. Where no ``retrieve_k`` was given, that is raised to it.
            retrieve_k: The same; where it alone is given, and is smaller than the other two k, these follow it.
            rerank_k: As ``top_k``. The search reranks, also where tuning switched the reranker off.
            where: Restricts the search to documents whose metadata match: ``"year >= 2020 and source == 'pubmed'"``, or
                an Arrow compute expression.
            deadline_ms: Milliseconds after the start of the call at which reranking ends; the first stage is never cut
                short. Candidates that were not reranked follow in its order; all queries get about the same depth.
            min_relevance: In place of the pipeline's own; results of less are left out before ``top_k`` are taken.
            timings: What this call took is added to it.
            allow_partial: Whether to answer without shards of the index that do not answer; ``coverage`` says which.

        Raises:
            QueryError: A query is blank or not text, or it is too long and ``long_queries`` is "error".
            ArgumentError: A cutoff cannot be.
            ShardsUnavailable: A shard does not answer; with ``allow_partial`` only where nothing shows the coverage.
        """
        searcher = self._require_open()
        settings = searcher.settings.replaced(
            retrieve_k=retrieve_k, rerank_k=rerank_k, top_k=top_k, min_relevance=min_relevance
        )
        check_deadline(deadline_ms)
        check_queries(queries, any_length=settings.options.long_queries != "error")
        if timings is not None:
            checked_instance(timings, Timings, "timings")
        searcher.check(settings)
        checked_flag(allow_partial, "allow_partial")
        return searcher.search(
            queries, settings, where=where, deadline_ms=deadline_ms, timings=timings, allow_partial=allow_partial
        )

    def too_long(self, queries: Sequence[str]) -> dict[int, str]:
        """Find the queries that are too long for a search: what is wrong with each, by its place in ``queries``."""
        searcher = self._require_open()
        return too_long(queries, searcher.reranker if searcher.settings.options.depth else None)

    def fit_stop_rule(self, queries: Sequence[str], *, risk: float = 0.05) -> StopRule:
        """Fit a rule for ``rerank_k="auto"`` of a pipeline like this one.

        Args:
            queries: Like those to come; a hundred or more are a good number. All candidates of each are scored.
            risk: The share of the best ``top_k`` that a search may miss, averaged over queries.
        """
        check_queries(queries)
        checked_number(risk, "risk", 0.0, 1.0)
        if self._require_open().reranker is None:
            raise ArgumentError("a pipeline without a reranker scores nothing: there is no rule to fit")
        if (options := self.options).cascade:
            raise ArgumentError("a rule is fitted to logits of the whole reranker: use a pipeline without a cascade")
        whole = partial(self.search_batch, top_k=options.candidates, rerank_k=options.candidates, min_relevance=0.0)
        answers = (results for chunk in query_slices(queries) for results in whole(chunk))  # one slice is held
        return fit_stop_rule(*scores_of_stages(answers), risk=risk, k=options.results, blend=self.blend)

    def _require_open(self) -> Searcher:
        if (searcher := self._searcher) is None:
            raise PipelineClosed("this pipeline was closed; open another one to search")
        return searcher

"""AnswerPipeline: retrieves passages, reranks them, and reads the answer out of the best."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self, Unpack, cast

from ...errors import ArgumentError
from ...errors.arguments import checked_instance, described
from ...index import Index, Predicate
from ...inference import Dtype, has_members
from ...models import DEFAULT_READER
from ...rerank import DEFAULT_RERANKER, Reranker
from ...rerank.readers import ExtractiveReader, Reader
from ...retrieval import Encoder, Retriever
from ..search import SearchOptions, SearchPipeline, SearchResult, Settings, Timings
from .aggregation import aggregated
from .answer import Answer, AnswerSource
from .answer_options import AnswerOptions, AnswerValues
from .passages import PassageSearch, require_every_passage


class AnswerPipeline:
    """Finds answers in the documents of an index. Any number of threads may ask.

    The first stage retrieves passages, the reranker orders them, and a reader looks for the answer in the best ones.
    Answers that are equal but for case, articles and punctuation become one, with all its sources.

    Args:
        retriever: The first stage.
        reranker: The second stage; None takes the order of the first.
        reader: Finds answers in passages.
        search: How to search; what it leaves open is the default.
        options: What is read, and which answers are given; None takes the defaults.
        **values: Fields of ``AnswerOptions``, such as ``read_k=10``, in place of those of ``options``.

    Raises:
        ArgumentError: A value cannot be, or the parts do not fit each other.

    Example:
        >>> with AnswerPipeline.open("my-index") as pipeline:
        ...     for answer in pipeline.answer("who discovered penicillin?"):
        ...         print(answer.text, answer.confidence, answer.document.title)
    """

    def __init__(
        self,
        retriever: Retriever,
        reranker: Reranker | None,
        reader: Reader,
        *,
        search: SearchOptions | None = None,
        options: AnswerOptions | None = None,
        **values: Unpack[AnswerValues],
    ) -> None:
        self.options = _options(options, values)
        self.reader = _checked_reader(reader)
        self._over(SearchPipeline(retriever, reranker, options=_search_options(search)))

    @classmethod
    def open(  # noqa: PLR0913 - the one call that most programs make: each argument has a default
        cls,
        path: str | Path | Index,
        *,
        encoder: str | Path | Encoder | None = None,
        reranker: str | Path | Reranker | None = DEFAULT_RERANKER,
        reader: str | Path | Reader = DEFAULT_READER,
        device: str | None = None,
        dtype: Dtype = "float32",
        search: SearchOptions | None = None,
        options: AnswerOptions | None = None,
        **values: Unpack[AnswerValues],
    ) -> "AnswerPipeline":
        """Open an index with its models, and with what ``bicross tune`` stored in it for this reranker.

        Args:
            path: The folder of the index, its URL in a store, or the index if it is open already.
            encoder: A model or its name. None is the one that built the index, if it is on this machine.
            reranker: A model or its name; None takes the order of the first stage.
            reader: A model or its name.
            device: Where models given by name run; None is the fastest there is.
            dtype: What models given by name calculate in.
            search: How to search, such as ``SearchOptions(first_stage="hybrid")``.
            options: What is read, and which answers are given.
            **values: Fields of ``AnswerOptions``, in place of those of ``options``.

        Raises:
            IndexModelMismatch: The encoder is not the model that built the index.
            IndexCorrupt: The index is damaged, or keeps search settings that cannot be used.
            ModelError: The reader is a model of another kind.
        """
        pipeline = cls.__new__(cls)
        pipeline.options = _options(options, values)
        index = path if isinstance(path, Index) else Index.open(path)  # before models are loaded
        if isinstance(reader, str | Path):
            reader = ExtractiveReader(reader, device=device, dtype=dtype)
        pipeline.reader = _checked_reader(reader)
        pipeline._over(
            SearchPipeline.open(
                index,
                encoder=encoder,
                reranker=reranker,
                device=device,
                dtype=dtype,
                options=_search_options(search),
            )
        )
        return pipeline

    def _over(self, search: SearchPipeline) -> None:
        self.options.passages_of(search.options.candidates)  # raises if it cannot be
        self._search = PassageSearch(search)

    @property
    def generation(self) -> int | None:
        """The generation of the index; None for a retriever without an index."""
        return self._search.documents.generation

    @property
    def settings(self) -> Settings:
        """The options of the search, and whether each was given, tuned or a default. As text they are one line."""
        return replace(self._search.documents.settings, task={})

    def refresh(self) -> bool:
        """Move to the newest generation of the index; return whether there was one."""
        return self._search.refresh()

    def close(self) -> None:
        """Close the index and release the models. Closing twice is fine."""
        self._search.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(
        self,
        question: str,
        *,
        where: Predicate | None = None,
        deadline_ms: float | None = None,
        **values: Unpack[AnswerValues],
    ) -> list[Answer]:
        """Return the answers to one question, best first; see ``answer_batch``."""
        [answers] = self.answer_batch([question], where=where, deadline_ms=deadline_ms, **values)
        return answers

    def answer_batch(
        self,
        questions: Sequence[str],
        *,
        where: Predicate | None = None,
        deadline_ms: float | None = None,
        timings: Timings | None = None,
        **values: Unpack[AnswerValues],
    ) -> list[list[Answer]]:
        """Return the answers to each question, best first; an empty list means that there is no answer.

        Args:
            questions: The questions.
            where: Restricts the search to documents whose metadata match, as for ``SearchPipeline.search_batch``.
            deadline_ms: Milliseconds after which reranking ends, as for ``SearchPipeline.search_batch``. Reading comes
                after it.
            timings: What the search took is added to it.
            **values: Fields of ``AnswerOptions`` for this call, in place of those of the pipeline.

        Raises:
            QueryError: A question is blank or not text, or it is too long.
            ArgumentError: A value cannot be.
        """
        options = replace(self.options, **values) if values else self.options
        search = self._search.passages.pinned()
        read_k = options.passages_of(search.options.candidates)
        ranked = search.search_batch(questions, top_k=read_k, where=where, deadline_ms=deadline_ms, timings=timings)
        sources = self._read(questions, ranked, options)
        least = self.reader.no_answer_below if options.min_confidence is None else options.min_confidence
        return [
            aggregated(of_question, top_k=options.top_k, min_confidence=least, generation=search.generation)
            for of_question in sources
        ]

    def _read(
        self, questions: Sequence[str], ranked: Sequence[Sequence[SearchResult]], options: AnswerOptions
    ) -> list[list[AnswerSource]]:
        """What the reader finds for each question, in all of its passages at once."""
        results = [(row, result) for row, of_question in enumerate(ranked) for result in of_question]
        spans = self.reader.read(
            [(questions[row], result.passage.text) for row, result in results],
            spans=options.spans,
            max_answer_tokens=options.max_answer_tokens,
        )
        sources: list[list[AnswerSource]] = [[] for _ in questions]
        for (row, result), of_passage in zip(results, spans, strict=True):
            confidences = self.reader.calibration.apply([span.score for span in of_passage]).tolist()
            begin = result.passage.start
            sources[row] += [
                AnswerSource(
                    document=result.document,
                    passage=result.passage,
                    start=begin + span.start,
                    end=begin + span.end,
                    confidence=confidence,
                    score=span.score,
                    search_rank=result.rank,
                )
                for span, confidence in zip(of_passage, confidences, strict=True)
            ]
        return sources


def _options(options: AnswerOptions | None, values: AnswerValues) -> AnswerOptions:
    if not isinstance(cast("object", options), AnswerOptions | None):
        raise ArgumentError(f"options must be AnswerOptions, not {described(options)}")
    return replace(options or AnswerOptions(), **values)


def _search_options(search: SearchOptions | None) -> SearchOptions:
    """Return the options of the search below, which must leave the number of its results open."""
    options = SearchOptions() if search is None else checked_instance(search, SearchOptions, "search")
    if options.top_k is not None:
        raise ArgumentError(f"search has top_k={options.top_k}: give read_k, the number of passages to read")
    require_every_passage(options, "answers come from every passage that is retrieved")
    return replace(options, late_interaction=False)


def _checked_reader(reader: Reader) -> Reader:
    if not has_members(reader, Reader):
        raise ArgumentError(
            f"reader must be a model with read, calibration and no_answer_below, such as ExtractiveReader, not "
            f"{described(reader)}"
        )
    return reader

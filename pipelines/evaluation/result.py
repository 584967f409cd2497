"""The results of an evaluation: systems, their measures, and their differences."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...errors import ArgumentError
from .runs import Run
from .significance import Estimate, Outcomes


@dataclass(frozen=True, slots=True)
class System:
    """The measures of one ranking.

    Attributes:
        name: Such as "first stage", "reranked", or the name of a run.
        values: By measure, then by query id.
        means: By measure, with 95% confidence intervals.
        missing: How many judged queries have no result in ``run``; they count 0.
        run: The ranking itself.
    """

    name: str
    values: Mapping[str, Mapping[str, float]]
    means: Mapping[str, Estimate]
    missing: int
    run: Run = field(repr=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between a system and a baseline in one measure.

    Attributes:
        measure: Its name.
        mean: The mean difference over queries.
        low: The lower end of its 95% confidence interval.
        high: The upper end.
        p_value: Of the paired randomisation test, not corrected for the number of tests.
        outcomes: For how many queries the system is better, equal and worse.
    """

    measure: str
    mean: float
    low: float
    high: float
    p_value: float
    outcomes: Outcomes


@dataclass(frozen=True, slots=True)
class QueryChange:
    """A query for which the first measure differs: ``before`` is the baseline's value, ``after`` the system's."""

    query_id: str
    query: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A system against a baseline: the difference by measure, and at most ten most improved and most hurt queries."""

    baseline: str
    system: str
    differences: tuple[Difference, ...]
    improved: tuple[QueryChange, ...]
    hurt: tuple[QueryChange, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many queries and judgments went into the figures.

    Attributes:
        queries: All queries.
        judged: Those with judgments, which are measured.
        without_judgments: Those without, which are left out.
        without_relevant: Judged queries without a relevant document; they count 0, as in trec_eval.
        unknown_documents: Judged documents that the index does not have. None without an index.
        unknown_relevant: Judgments that call such a document relevant. They lower recall and stay in the ideal ranking.
        retrieve_k: Where the lists of the pipeline end.
        cut: Queries whose list ended there.
        queries_cut: The ids of queries that are too long for the reranker, which scored their beginnings.
        queries_skipped: The ids of such queries where they are left out instead.
    """

    queries: int
    judged: int
    without_judgments: int
    without_relevant: int
    unknown_documents: int | None = None
    unknown_relevant: int | None = None
    retrieve_k: int | None = None
    cut: int = 0
    queries_cut: tuple[str, ...] = ()
    queries_skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of ``evaluate`` and ``evaluate_runs``.

    Attributes:
        measures: Their names, as ir-measures writes them.
        systems: The measured rankings.
        comparisons: The final order of the pipeline, or the last run, against each other system.
        counts: What went into the figures.
        deeper: Measures that look further down than ``retrieve_k``, where the lists end.
    """

    measures: tuple[str, ...]
    systems: tuple[System, ...]
    comparisons: tuple[Comparison, ...]
    counts: Counts
    deeper: tuple[str, ...] = ()

    def system(self, name: str) -> System:
        """Return the system of that name, such as "first stage" or "reranked"."""
        for system in self.systems:
            if system.name == name:
                return system
        raise ArgumentError(
            f"no system {name!r} was evaluated; choose from {', '.join(system.name for system in self.systems)}"
        )

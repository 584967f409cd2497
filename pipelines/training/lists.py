"""Training lists and held-out lists: how they are made, and the file that keeps them for a run that is resumed.

They are not made again when a training is resumed, because the order of candidates may depend on the threads.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...index import LeftOut, SourceReport
from ...training import (
    CHECKPOINTS,
    RankingList,
    TrainingSettings,
    main_process_first,
    require_new_output,
    require_same_run,
    require_training_packages,
    training_device,
    write_atomically,
)
from ..models import open_reranker
from .data import read_training_data, relevant_texts
from .first_stage import FirstStageSettings, open_first_stage
from .hard_negatives import HardNegativeOptions, hard_negative_lists, judged_candidates
from .options import DataOptions, source_report
from .pseudo_lists import PseudoQueryOptions, pseudo_query_lists_from

LISTS, MADE_OF, SOURCE = "lists.jsonl", "data.json", "source.json"


@dataclass(frozen=True, slots=True)
class TrainingLists:
    """The lists that a model is trained on, and those that it is evaluated on.

    Attributes:
        training: Those that it is trained on.
        held_out: Those that it is evaluated on.
        source: What was read and left out of the documents; None for an index and for a file of pairs, of which
            nothing is ever left out.
    """

    training: tuple[RankingList, ...]
    held_out: tuple[RankingList, ...]
    source: SourceReport | None = None


def make_lists(data: DataOptions, first_stage: FirstStageSettings, *, seed: int, for_reranker: bool) -> TrainingLists:
    """Make the lists of judged queries or of pseudo-queries.

    Args:
        data: Where they come from.
        first_stage: How candidates are found.
        seed: Random seed.
        for_reranker: Held-out lists have the candidates that a search would rerank, and pseudo-queries prior scores;
            those for an encoder have the relevant passages too.
    """
    make = _from_pseudo_queries if data.pseudo_queries else _from_judgments
    return make(data, first_stage, seed, for_reranker=for_reranker)


def _from_judgments(
    data: DataOptions, first_stage: FirstStageSettings, seed: int, *, for_reranker: bool
) -> TrainingLists:
    training_data = read_training_data(
        data.source,
        split=data.split,
        dev_split=data.dev_split,
        held_out=data.held_out,
        limit=data.limit,
        seed=seed,
    )
    if data.skip_errors and data.source.is_dir():
        training_data = replace(training_data, documents=data.documents())
    texts = relevant_texts(training_data)
    report = source_report(training_data.documents, data)
    reranker = open_reranker(data.filter_with, device=first_stage.device)
    options = HardNegativeOptions(depth=data.depth, margin=data.margin, filter_with=reranker)
    with open_first_stage(training_data.documents, first_stage) as retriever:
        training = hard_negative_lists(training_data.training, texts, retriever, options)
        if for_reranker:
            held_out = judged_candidates(training_data.held_out, retriever, data.depth)
        else:
            unfiltered = HardNegativeOptions(depth=data.depth)
            held_out = hard_negative_lists(training_data.held_out, texts, retriever, unfiltered)
    return TrainingLists(tuple(training), tuple(held_out), report)


def _from_pseudo_queries(
    data: DataOptions, first_stage: FirstStageSettings, seed: int, *, for_reranker: bool
) -> TrainingLists:
    options = PseudoQueryOptions(
        limit=data.limit,
        negatives=data.depth,
        reranker=open_reranker(data.filter_with, device=first_stage.device),
        held_out=data.held_out,
        seed=seed,
    )
    training, held_out, report = pseudo_query_lists_from(data, first_stage, options, priors=for_reranker)
    return TrainingLists(tuple(training), tuple(held_out), report)


def lists_of_run(
    settings: TrainingSettings, made_of: Mapping[str, object], make: Callable[[], TrainingLists]
) -> TrainingLists:
    """Check that a training can run, and return its lists, as ``load_or_make_lists`` finds or makes them.

    Raises:
        ArgumentError: The device or the output folder cannot be used, or the run had other lists.
        TrainingError: A package is missing, or the lists cannot be written.
    """
    require_training_packages()
    training_device(settings)  # fail now, and not after the lists are made
    require_new_output(settings.output)
    with main_process_first():
        return load_or_make_lists(settings.output / CHECKPOINTS, made_of, make)


def load_or_make_lists(folder: Path, made_of: Mapping[str, object], make: Callable[[], TrainingLists]) -> TrainingLists:
    """Read the lists that an unfinished run wrote into a folder; if there are none, make and write them.

    Args:
        folder: The folder of the run's checkpoints.
        made_of: What the lists depend on.
        make: Makes the lists.

    Raises:
        ArgumentError: The lists in the folder were made of something else.
    """
    description = {name: None if value is None else str(value) for name, value in made_of.items()}
    if (folder / LISTS).is_file():
        require_same_run(folder / MADE_OF, description)
        return replace(read_lists(folder / LISTS), source=_read_report(folder / SOURCE))
    lists = make()
    (folder / MADE_OF).unlink(missing_ok=True)  # a run was stopped before it had written its lists
    require_same_run(folder / MADE_OF, description)
    write_atomically(folder / SOURCE, json.dumps(lists.source and asdict(lists.source)) + "\n")
    write_lists(folder / LISTS, lists)
    return lists


def write_lists(path: Path, lists: TrainingLists) -> None:
    """Write lists atomically as JSON Lines; the first line has the distinct passages."""
    numbers: dict[str, int] = {}
    rows = [_row(item, numbers) for item in lists.training]
    rows += [_row(item, numbers) | {"missing": item.missing} for item in lists.held_out]
    write_atomically(path, "".join(json.dumps(row) + "\n" for row in [list(numbers), *rows]))


def read_lists(path: Path) -> TrainingLists:
    """Read what ``write_lists`` wrote; held-out lists are those with the key "missing"."""
    with path.open(encoding="utf-8") as lines:
        passages: list[str] = json.loads(next(lines))
        rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return TrainingLists(
        tuple(_list(row, passages) for row in rows if "missing" not in row),
        tuple(_list(row, passages) for row in rows if "missing" in row),
    )


def _read_report(path: Path) -> SourceReport | None:
    """Read what ``load_or_make_lists`` wrote about the documents; runs of before wrote nothing."""
    report: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    if report is None:
        return None
    left_out = tuple(LeftOut(entry["kind"], entry["count"], tuple(entry["examples"])) for entry in report["left_out"])
    values: dict[str, Any] = report | {"left_out": left_out, "notes": tuple(report["notes"])}
    return SourceReport(**values)


def _row(item: RankingList, numbers: dict[str, int]) -> dict[str, Any]:
    passages = [numbers.setdefault(passage, len(numbers)) for passage in item.passages]
    return {"query": item.query, "passages": passages, "labels": item.labels, "prior": item.prior}


def _list(row: dict[str, Any], passages: Sequence[str]) -> RankingList:
    numbers: list[int] = row["passages"]
    texts = tuple(passages[number] for number in numbers)
    return RankingList(row["query"], texts, tuple(row["labels"]), tuple(row["prior"]), tuple(row.get("missing", ())))

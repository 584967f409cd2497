"""Lists to train on and queries to measure on, and the file that keeps them for a run that goes on. Knows no model.

Hard negatives are not retrieved again when a training goes on: candidates may come in another order on another number
of threads.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...training import RankingList, require_same_run, write_atomically
from .reranker_evaluation import HeldOutQuery

LISTS, MADE_OF = "lists.jsonl", "data.json"


@dataclass(frozen=True, slots=True)
class TrainingLists:
    """What a reranker is trained on, and what it is measured on."""

    training: tuple[RankingList, ...]
    held_out: tuple[HeldOutQuery, ...]


def load_or_make_lists(folder: Path, made_of: Mapping[str, object], make: Callable[[], TrainingLists]) -> TrainingLists:
    """The lists as they were written into ``folder`` when the run began, else what ``make`` makes, written there.

    Raises ``ArgumentError`` where those that are there were made of something else.
    """
    description = {name: None if value is None else str(value) for name, value in made_of.items()}
    if (folder / LISTS).is_file():
        require_same_run(folder / MADE_OF, description)
        return read_lists(folder / LISTS)
    lists = make()
    (folder / MADE_OF).unlink(missing_ok=True)  # of a run that was cut off before its lists were there
    require_same_run(folder / MADE_OF, description)
    write_lists(folder / LISTS, lists)
    return lists


def write_lists(path: Path, lists: TrainingLists) -> None:
    """Write a file that is whole or not there: JSON lines, of which the first has the distinct passages."""
    numbers: dict[str, int] = {}
    rows = [_row(item, numbers) for item in lists.training]
    rows += [_row(query.candidates, numbers) | {"missing": query.missing} for query in lists.held_out]
    write_atomically(path, "".join(json.dumps(row) + "\n" for row in [list(numbers), *rows]))


def read_lists(path: Path) -> TrainingLists:
    """What ``write_lists`` wrote."""
    with path.open(encoding="utf-8") as lines:
        passages: list[str] = json.loads(next(lines))
        rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return TrainingLists(
        tuple(_list(row, passages) for row in rows if "missing" not in row),
        tuple(HeldOutQuery(_list(row, passages), tuple(row["missing"])) for row in rows if "missing" in row),
    )


def _row(item: RankingList, numbers: dict[str, int]) -> dict[str, Any]:
    passages = [numbers.setdefault(passage, len(numbers)) for passage in item.passages]
    return {"query": item.query, "passages": passages, "labels": item.labels, "prior": item.prior}


def _list(row: dict[str, Any], passages: Sequence[str]) -> RankingList:
    numbers: list[int] = row["passages"]
    chosen = tuple(passages[number] for number in numbers)
    return RankingList(row["query"], chosen, tuple(row["labels"]), tuple(row["prior"]))

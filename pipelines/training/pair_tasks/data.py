"""Reads judged pairs for training: what a label means, and which pairs are held out."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ....errors import ArgumentError, TrainingError
from ....training.pairs import JudgedPair, PairTask
from ..pair_files import PairColumns, TextPair, text_pairs

LABEL_COLUMNS: dict[PairTask, tuple[str, ...]] = {
    "similarity": ("score", "similarity", "similarity_score", "relatedness", "relatedness_score", "label"),
    "paraphrase": ("label", "paraphrase", "is_paraphrase", "is_duplicate", "quality"),
    "entailment": ("label", "gold_label", "entailment", "entailment_label", "entailment_judgment"),
}
"""The names by which the column of labels is known."""
_YES_OR_NO = {"0": 0.0, "1": 1.0, "false": 0.0, "true": 1.0, "no": 0.0, "yes": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairData:
    """Where judged pairs come from.

    Args:
        source: A file of JSON Lines, JSON, CSV or TSV.
        task: What is learned.
        dev: A file for evaluation; None holds out a share of ``source``.
        held_out: That share.
        limit: Maximum number of training pairs, drawn at random.
        first_column: The column of the first text; None finds it by its name.
        second_column: The column of the second text.
        label_column: The column of the label.
        range: For similarity, the lowest and the highest label there can be; labels are scaled from them to 0 and 1.
        labels: For entailment, the labels; where the file has numbers, label 0 is the first. None takes those of the
            file, in alphabetical order.

    Raises:
        ArgumentError: A value is out of its range.
    """

    source: Path
    task: PairTask = "similarity"
    dev: Path | None = None
    held_out: float = 0.1
    limit: int | None = None
    first_column: str | None = None
    second_column: str | None = None
    label_column: str | None = None
    range: tuple[float, float] = (0.0, 1.0)
    labels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.held_out < 1:
            raise ArgumentError(f"held_out is a share of the pairs, from 0 to below 1, not {self.held_out!r}")
        if self.limit is not None and self.limit < 2:
            raise ArgumentError(f"limit must be at least 2, not {self.limit!r}")
        low, high = self.range
        if not low < high:
            raise ArgumentError(f"range must be the lowest and the highest label, as in 0:5, not {low:g}:{high:g}")

        if self.labels is not None and self.task != "entailment":
            raise ArgumentError(f"labels are for entailment, not for {self.task}: leave {', '.join(self.labels)} out")
        if self.range != (0.0, 1.0) and self.task != "similarity":
            raise ArgumentError(f"range is for similarity, not for {self.task}: leave {low:g}:{high:g} out")
        self.columns  # noqa: B018 - it refuses names that do not fit

    @property
    def columns(self) -> PairColumns:
        """The columns that are read."""
        return PairColumns(self.first_column, self.second_column, self.label_column, LABEL_COLUMNS[self.task])


@dataclass(frozen=True, slots=True)
class JudgedPairs:
    """Pairs for training, pairs for evaluation, and for entailment the labels in the order of their numbers."""

    training: tuple[JudgedPair, ...]
    held_out: tuple[JudgedPair, ...]
    labels: tuple[str, ...] = ()


def read_judged_pairs(data: PairData, *, seed: int = 0) -> JudgedPairs:
    """Read judged pairs.

    Pairs of the same two texts are held out together, in whatever order their texts are.

    Args:
        data: Where they come from.
        seed: Random seed.

    Raises:
        ArgumentError: There is no pair, or none is left to train on.
        EvaluationError: A file does not exist or is damaged.
        TrainingError: A row cannot be read, or its label means nothing; it names file and line.
    """
    rows, labels = list(text_pairs(data.source, data.columns)), ()
    if not rows:
        raise ArgumentError(f"{data.source} holds no pairs: is it the right file, and is it complete?")
    if data.task == "entailment":
        labels = data.labels or tuple(sorted({_name(pair, data.source) for pair in rows}))
        target = _label(labels, numbers=data.labels is not None)
    else:
        target = _number(data.range) if data.task == "similarity" else _yes_or_no
    training = [_with_target(pair, data.source, target) for pair in rows]
    dev = None
    if data.dev is not None:
        dev = [_with_target(pair, data.dev, target) for pair in text_pairs(data.dev, data.columns)]
    return _split(data, training, dev, seed, labels)


def _with_target(pair: TextPair, path: Path, target: Callable[[object], float]) -> JudgedPair:
    try:
        return JudgedPair(pair.first, pair.second, target(pair.label))
    except ValueError as error:
        raise TrainingError(str(error), source=str(path), line=pair.line) from None


def _split(
    data: PairData,
    training: list[JudgedPair],
    dev: list[JudgedPair] | None,
    seed: int,
    labels: tuple[str, ...] = (),
) -> JudgedPairs:
    rng = random.Random(seed)
    if dev is None:
        texts = sorted({_texts(pair) for pair in training})
        rng.shuffle(texts)
        kept_out = set(texts[: min(len(texts) - 1, max(1, round(data.held_out * len(texts))))] if data.held_out else ())
        dev = [pair for pair in training if _texts(pair) in kept_out]
    else:
        kept_out = {_texts(pair) for pair in dev}
    left = [pair for pair in training if _texts(pair) not in kept_out]
    rng.shuffle(left)
    if not left:
        raise ArgumentError(f"no pair of {data.source} is left to train on: {len(training)} of them are held out")
    return JudgedPairs(tuple(left[: data.limit]), tuple(dev), labels)


def _texts(pair: JudgedPair) -> tuple[str, ...]:
    return tuple(sorted((pair.first, pair.second)))


def _number(scale: tuple[float, float]) -> Callable[[object], float]:
    low, high = scale

    def target(value: object) -> float:
        try:
            number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
        except ValueError:
            number = None
        if number is None:
            raise ValueError(f"the label {value!r:.60} is not a number")
        if not low <= number <= high:
            reason = f"the label {value!r:.60} is not from {low:g} to {high:g}"
            raise ValueError(f"{reason}: say with range (--range) what labels can be")
        return (number - low) / (high - low)

    return target


def _yes_or_no(value: object) -> float:
    number = _YES_OR_NO.get(str(value).strip().lower())
    if number is None:
        raise ValueError(f"the label {value!r:.60} is neither 1 nor 0, nor yes or no")
    return number


def _name(pair: TextPair, path: Path) -> str:
    if not isinstance(pair.label, str) or not pair.label.strip():
        reason = (
            f"the label {pair.label!r:.60} is not a name: say with labels (--labels) what numbers mean, or write names"
        )
        raise TrainingError(reason, source=str(path), line=pair.line)
    if pair.label.strip().lstrip("-").isdigit():
        reason = f"the label {pair.label!r:.60} is a number: say with labels (--labels) what it means"
        raise TrainingError(reason, source=str(path), line=pair.line)
    return pair.label.strip()


def _label(labels: Iterable[str], *, numbers: bool) -> Callable[[object], float]:
    names = list(labels)
    numbered = {name: float(number) for number, name in enumerate(names)}
    number_of = {**{str(number): float(number) for number in range(len(names))}, **numbered} if numbers else numbered

    def target(value: object) -> float:
        number = number_of.get(str(value).strip())
        if number is None:
            raise ValueError(
                f"the label {value!r:.60} is none of {', '.join(names)}: leave the row out, or name it too"
            )
        return number

    return target

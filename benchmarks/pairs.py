"""How well do models compare two texts? Measures similarity, paraphrase and entailment, trained and not.

Usage: python benchmarks/pairs.py DATA --models FOLDER [--only NAME ...] [--output benchmarks/results/pairs.json]

DATA holds the sentence pairs stsb, sick and mrpc. The script runs the commands of COMMANDS. Their models and outputs go
into FOLDER, and are made only where they are not there yet. A training that was stopped goes on. With --only, the
others are left out; "encoder" is the encoder alone. The trainings take 40 minutes on one core, measuring ten.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from bicross.inference import ModelFiles, resolve_model
from bicross.pipelines.training.pair_tasks import PairData, read_judged_pairs
from bicross.rerank import DEFAULT_SIMILARITY, PairScorer
from bicross.training.pairs import JudgedPair, PairMethod, PairTask, measured
from numpy.typing import NDArray
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.tables.pairs import pairs_table, trainings_table

HOW = (
    "float32. The saved step, the threshold of paraphrase and the weight of the cosine (on STS-B, in tenths) are "
    "chosen on the part dev, and nothing on test. F1 is that of the paraphrases. Both orders: the mean of the outputs "
    "for (first, second) and (second, first)."
)
COMMANDS = {
    "stsb": (
        "bicross train pairs DATA/stsb/train.jsonl --dev DATA/stsb/dev.jsonl --range 0:5 --label-column score"
        " --epochs 1.5 --evaluate-every 135 -o MODELS/stsb"
    ),
    "sick-entailment": (
        "bicross train pairs DATA/sick/train.jsonl --dev DATA/sick/dev.jsonl --task entailment"
        " --label-column entailment --epochs 4 --evaluate-every 70 -o MODELS/sick-entailment"
    ),
    "mrpc": (
        "bicross train pairs DATA/mrpc/train.jsonl --dev DATA/mrpc/dev.jsonl --task paraphrase --label-column label"
        " --epochs 1 --evaluate-every 56 -o MODELS/mrpc"
    ),
}
"""How each model is trained. The lengths of stsb and mrpc are what time there was for; with 1.25 epochs the accuracy of
entailment on dev was still 0.65, with more it was 0.85."""
JUDGED: dict[str, tuple[PairTask, str, tuple[float, float]]] = {
    "stsb": ("similarity", "score", (0.0, 5.0)),
    "sick": ("similarity", "relatedness", (1.0, 5.0)),
    "mrpc": ("paraphrase", "label", (0.0, 1.0)),
    "sick entailment": ("entailment", "entailment", (0.0, 1.0)),
}
"""What people judged: the task, the field, and its lowest and highest value. The first word names the collection."""
TARGETS = {"stsb": {"spearman": 0.86}, "mrpc": {"accuracy": 0.74, "f1": 0.82}, "sick entailment": {"accuracy": 0.83}}
PUBLISHED = {"stsb": 0.8203}
"""Spearman's correlation of the encoder alone, as its authors published it."""
PARTS = ("dev", "test")
Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Row:
    """What one system reaches on the parts dev and test of a collection, by measure."""

    pairs: str
    system: str
    count: int
    dev: Mapping[str, float]
    test: Mapping[str, float]
    published: float | None = None
    targets: Mapping[str, float] | None = None


def row_of(
    name: str, system: str, parts: Mapping[str, Sequence[JudgedPair]], logits: Sequence[Logits], method: PairMethod
) -> Row:
    """Measure the outputs of a system."""
    dev, test = (measured(pairs, part, method) for pairs, part in zip(parts.values(), logits, strict=True))
    return Row(name, system, len(parts["test"]), dev, test, targets=TARGETS.get(name))


def train(name: str, data: Path, models: Path, device: str) -> None:
    """Run the command of a model that is not there yet."""
    if (models / name / "training.json").is_file():
        return
    words = COMMANDS[name].replace("DATA/", f"{data}/").replace("MODELS/", f"{models}/").split()
    program = "from bicross.pipelines.commands import main; main()"
    subprocess.run([sys.executable, "-c", program, *words[1:], "--device", device], check=True)


def judged(data: Path, name: str) -> dict[str, list[JudgedPair]]:
    """Read the pairs of the parts dev and test."""
    task, column, scale = JUDGED[name]
    folder = data / name.split()[0]
    return {
        part: list(
            read_judged_pairs(
                PairData(source=folder / f"{part}.jsonl", task=task, held_out=0.0, label_column=column, range=scale)
            ).training
        )
        for part in PARTS
    }


class Outputs:
    """The raw outputs of models for the parts of a collection, kept in a folder by the checksum of their weights.

    Args:
        folder: Where outputs are kept.
        name: What people judged, a key of ``JUDGED``.
        data: The folder of the collections.
        device: Where models run.
    """

    def __init__(self, folder: Path, name: str, data: Path, device: str) -> None:
        self.name, self.parts = name, judged(data, name)
        self._folder, self._device = folder / "outputs", device

    def of(self, model: str | Path, *, swapped: bool = False) -> list[Logits]:
        """Return the outputs for each part, with the texts of each pair in the other order if ``swapped``."""
        self._folder.mkdir(exist_ok=True)
        weights = ModelFiles.of(model, resolve_model(model)).weights_sha256
        made: list[Logits] = []
        for part, pairs in self.parts.items():
            file = (
                self._folder / f"{self.name.replace(' ', '-')}-{part}-{weights[:16]}{'-swapped' if swapped else ''}.npy"
            )
            if not file.exists():
                texts = [(pair.second, pair.first) if swapped else (pair.first, pair.second) for pair in pairs]
                np.save(file, PairScorer(model, device=self._device).logits(texts))
            made.append(np.load(file))
        return made

    def trained(self, model: Path, words: str) -> dict[str, list[Logits]]:
        """Return the outputs of a trained model, with one order and with both."""
        forward, backward = self.of(model), self.of(model, swapped=True)
        both = [
            (output + swapped_output) / np.float32(2) for output, swapped_output in zip(forward, backward, strict=True)
        ]
        return {words: forward, f"{words}, both orders": both}


def best_threshold(pairs: Sequence[JudgedPair], logits: Logits) -> np.float32:
    """Return the output from which on most pairs are rightly called paraphrases or not; of several, the least."""
    order = np.argsort(logits, kind="stable")
    values, labels = logits[order], np.array([pair.target for pair in pairs])[order]
    right = np.concatenate([[0], np.cumsum(labels == 0)]) + np.concatenate([np.cumsum(labels[::-1] == 1)[::-1], [0]])
    starts = [number for number in range(len(values)) if number == 0 or values[number] > values[number - 1]]
    best = max(starts, key=lambda number: (right[number], -number))
    # below the pair itself, so that it counts as a paraphrase
    return np.nextafter(values[best], np.float32(-np.inf))


def rows_of(outputs: Outputs, systems: Mapping[str, Sequence[Logits]]) -> list[Row]:
    """Measure systems with one output; paraphrase with the threshold that is most accurate on dev."""
    rows: list[Row] = []
    method = PairMethod(task=JUDGED[outputs.name][0])
    for system, logits in systems.items():
        threshold = best_threshold(outputs.parts["dev"], logits[0]) if method.task == "paraphrase" else np.float32(0)
        shifted = [part - threshold for part in logits]
        rows.append(row_of(outputs.name, system, outputs.parts, shifted, method))
    return rows


def rows_of_encoder(data: Path, models: Path, device: str) -> list[Row]:
    """Measure the cosine of the encoder on all that has one output."""
    rows: list[Row] = []
    for name in ("stsb", "sick", "mrpc"):
        outputs = Outputs(models, name, data, device)
        [row] = rows_of(outputs, {DEFAULT_SIMILARITY: outputs.of(DEFAULT_SIMILARITY)})
        rows.append(replace(row, published=PUBLISHED.get(name), targets=None))
    return rows


def mixed(cosines: Logits, logits: Logits, weight: float) -> Logits:
    """Return the logit of ``weight`` times the cosine and the rest of a model's similarity."""
    similarity = 1 / (1 + np.exp(-logits.astype(np.float64)))
    mean = np.clip(weight * cosines + (1 - weight) * similarity, 1e-6, 1 - 1e-6)
    return np.log(mean / (1 - mean)).astype(np.float32)


def best_weight(pairs: Sequence[JudgedPair], cosines: Logits, logits: Logits) -> float:
    """Return the weight of the cosine, in tenths, whose mix has the highest correlation; of several, the least."""
    method = PairMethod(task="similarity")
    weights = [tenths / 10 for tenths in range(11)]
    return max(weights, key=lambda weight: measured(pairs, mixed(cosines, logits, weight), method)["quality"])


def rows_of_similarity(data: Path, models: Path, device: str) -> list[Row]:
    """Measure what was trained on STS-B there, and on SICK, whose training pairs it did not see."""
    rows: list[Row] = []
    weight: float | None = None
    for name in ("stsb", "sick"):
        outputs = Outputs(models, name, data, device)
        systems = outputs.trained(models / "stsb", "trained on STS-B")
        cosines, both = outputs.of(DEFAULT_SIMILARITY), list(systems.values())[-1]
        if weight is None:  # chosen on STS-B's dev, for both
            weight = best_weight(outputs.parts["dev"], cosines[0], both[0])
        mix = [mixed(*part, weight) for part in zip(cosines, both, strict=True)]
        systems[f"{weight:g} x cosine + {1 - weight:g} x trained, both orders"] = mix
        rows += rows_of(outputs, systems)
    return rows


def rows_of_paraphrase(data: Path, models: Path, device: str) -> list[Row]:
    """Measure what was trained on MRPC."""
    outputs = Outputs(models, "mrpc", data, device)
    return rows_of(outputs, outputs.trained(models / "mrpc", "trained on MRPC"))


def rows_of_entailment(data: Path, models: Path, device: str) -> list[Row]:
    """Measure accuracy on SICK. The labels of a file are in alphabetical order; those of the model by their names."""
    folder, outputs = models / "sick-entailment", Outputs(models, "sick entailment", data, device)
    names = PairScorer(folder, device=device).labels
    labels = tuple(sorted(names))
    logits = [part[:, [names.index(label) for label in labels]] for part in outputs.of(folder)]
    method = PairMethod(task="entailment", labels=labels)
    return [row_of("sick entailment", "trained on SICK", outputs.parts, logits, method)]


MEASURE = {
    "encoder": rows_of_encoder,
    "stsb": rows_of_similarity,
    "sick-entailment": rows_of_entailment,
    "mrpc": rows_of_paraphrase,
}
"""What is measured with each model."""


def training_records(models: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return how each model was trained, and what it reached on dev."""
    records: list[dict[str, Any]] = []
    for name in names:
        written = json.loads((models / name / "training.json").read_text(encoding="utf-8"))
        kept = {key: written[key] for key in ("task", "model", "pairs", "epochs", "learning_rate", "lists_per_step")}
        record = {key: written["record"][key] for key in ("steps", "best_step", "evaluations")}
        records.append({"name": name, "command": COMMANDS[name], **kept, **record})
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--models", dest="scratch", type=Path, required=True, help="the folder of the trained models")
    parser.add_argument("--only", nargs="+", choices=MEASURE, help="train and measure these")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output])
    set_threads(arguments.threads)
    data, models, device = arguments.data, arguments.scratch, arguments.device
    models.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    names = arguments.only or list(MEASURE)
    for name in names:
        if name in COMMANDS:
            train(name, data, models, device)
        rows += [asdict(row) for row in MEASURE[name](data, models, device)]
    trainings = training_records(models, [name for name in names if name in COMMANDS])
    print(pairs_table(rows))
    print(f"\n{trainings_table(trainings)}")
    write(arguments.output, header(arguments, how=HOW) | {"rows": rows, "trainings": trainings})


if __name__ == "__main__":
    main()

"""Lists to train tiny encoders on, and a program that trains one and is killed on the way."""

import os
import random
import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch
from bicross.training import RankingList, TrainingSettings
from bicross.training.encoders import EncoderObjective, TrainedEncoder, train_encoder

from helpers.tiny_models import MAX_LENGTH, WORDS

KILLED_AT = 9


def texts(count: int, seed: int) -> list[str]:
    """Unrelated sentences: which belong together can only be learned by heart."""
    chance = random.Random(seed)
    return [" ".join(chance.sample(WORDS[:20], 5)) for _ in range(count)]


def ten_queries() -> list[RankingList]:
    """Each has its own passage as the relevant one, and three passages of the others."""
    queries, passages = texts(10, seed=1), texts(10, seed=2)
    return [
        RankingList(query, tuple(passages[(n + step) % 10] for step in range(4)), (1.0, 0.0, 0.0, 0.0))
        for n, query in enumerate(queries)
    ]


def scored_lists() -> list[RankingList]:
    """Ten passages for each of eight queries, with a teacher's scores that no encoder could guess."""
    chance = random.Random(5)
    passages = texts(10, seed=4)
    return [
        RankingList(query, tuple(passages), tuple(chance.uniform(-4.0, 4.0) for _ in passages))
        for query in texts(8, seed=3)
    ]


def settings(output: Path, **changes) -> TrainingSettings:
    plain = TrainingSettings(
        output=output,
        learning_rate=3e-3,
        max_steps=60,
        lists_per_step=10,
        evaluate_every=20,
        device="cpu",
        max_length=MAX_LENGTH,
    )
    return replace(plain, **changes)


def resumable(base: Path, output: Path, loss: str, **options) -> TrainedEncoder:
    """Twelve steps in several epochs, with a checkpoint after each five."""
    lists = ten_queries() if loss == "multiple-negatives" else scored_lists()
    plan = settings(output, max_steps=12, evaluate_every=5, lists_per_step=4)
    objective = EncoderObjective(loss=loss, passages=3)
    return train_encoder(base, lists, plan, held_out=lists, objective=objective, **options)


if __name__ == "__main__":

    def kill_at(progress) -> None:
        if progress.step == KILLED_AT:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    resumable(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], watch=kill_at)

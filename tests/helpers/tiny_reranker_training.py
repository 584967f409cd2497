"""What a tiny model can learn by heart, and a program that learns it and may be killed: see ``__main__``."""

import os
import signal
import sys
from pathlib import Path

import torch
from bicross.pipelines.training.reranker_evaluation import evaluate_blends
from bicross.training import RankingList, TrainingSettings
from bicross.training.rerankers import LoraSettings, RerankerMethod, Sampling, train_reranker
from transformers import BertForSequenceClassification, BertModel

from helpers.tiny_models import MAX_LENGTH, WORDS, config, tokenizer

TOPICS = [(animal, place) for animal in ("cat", "dog", "owl") for place in ("sofa", "park", "field")] + [("cat", "day")]
METHOD = RerankerMethod(lora=LoraSettings(4), sampling=Sampling(hard=3, other=2, hard_depth=4))


def ten_lists():
    """The passage that answers a query names the same animal and the same place."""
    passages = {topic: f"the {topic[0]} sleeps in the {topic[1]}" for topic in TOPICS}
    return [
        RankingList(
            f"what does the {animal} do in the {place} ?",
            (passages[animal, place], *(text for topic, text in passages.items() if topic != (animal, place))),
            (1.0, *[0.0] * (len(TOPICS) - 1)),
            tuple(0.1 * number for number in range(len(TOPICS))),
        )
        for animal, place in TOPICS
    ]


def judged_by_a_word(rng, *, shuffled=False):
    """A passage is relevant if it has the word "sofa"; with ``shuffled``, a random one of the six is relevant."""
    lists = []
    for _ in range(40):
        passages = [" ".join(rng.choice([word for word in WORDS if word != "sofa"], 4)) for _ in range(6)]
        passages[0] = f"{passages[0]} sofa"
        position = int(rng.integers(6)) if shuffled else 0
        order = [position, *(other for other in range(6) if other != position)]
        query = " ".join(rng.choice(WORDS, 3))
        lists.append(RankingList(query, tuple(passages[i] for i in order), (1.0, *[0.0] * 5), (0.0,) * 6))
    return lists


def measured(lists):
    """An evaluation on lists as they are."""
    return lambda score: evaluate_blends(lists, score)


def settings(output, **changes):
    plain = {"learning_rate": 5e-3, "lists_per_step": 4, "max_length": MAX_LENGTH, "device": "cpu", "evaluate_every": 2}
    return TrainingSettings(output=Path(output), **(plain | changes))


def save_base(folder, *, bare=False):
    """A cross-encoder without knowledge, or the encoder of one."""
    torch.manual_seed(3)
    model = BertModel(config()) if bare else BertForSequenceClassification(config(num_labels=1))
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def train(base, output, *, watch=None, **changes):
    lists = ten_lists()
    return train_reranker(
        lists,
        settings(output, max_steps=9, **changes),
        model=base,
        method=METHOD,
        evaluate=measured(lists),
        watch=watch,
    )


if __name__ == "__main__":
    step = int(sys.argv[3])

    def kill(now):
        if now.step == step:
            os.kill(os.getpid(), signal.SIGKILL)

    torch.set_num_threads(1)
    train(Path(sys.argv[1]), sys.argv[2], watch=kill)

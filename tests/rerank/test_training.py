import dataclasses

import numpy as np
import pytest
import torch
from bicross.inference.adapter import merge
from bicross.rerank.training import (
    RankingList,
    TrainingSettings,
    adapter_state,
    add_adapters,
    train_listwise,
)
from tiny_models import MAX_LENGTH, config, tokenizer
from transformers import BertForSequenceClassification, BertModel

ANIMALS = ["cat", "dog", "owl"]
SETTINGS = TrainingSettings(
    steps=60,
    lists_per_step=3,
    hard_negatives=1,
    other_negatives=1,
    hard_depth=1,
    max_length=MAX_LENGTH,
    learning_rate=1e-2,
)


def lists() -> list[RankingList]:
    """The passage that answers a query names the same animal."""
    return [
        RankingList(
            f"what does the {animal} do ?", f"the {animal} sleeps", [f"the {a} sleeps" for a in ANIMALS if a != animal]
        )
        for animal in ANIMALS
    ]


def new_model(seed: int = 0) -> BertForSequenceClassification:
    torch.manual_seed(seed)
    model = BertForSequenceClassification(
        config(num_labels=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    )
    add_adapters(model, rank=4, scale=2.0)
    return model


def logits(model, pairs) -> np.ndarray:
    model.eval()
    inputs = tokenizer()([q for q, _ in pairs], [p for _, p in pairs], padding=True, return_tensors="pt")
    with torch.no_grad():
        return model(**inputs).logits[:, 0].numpy()


def test_three_lists_are_learnt_by_heart():
    model, losses = new_model(), []
    train_listwise(model, tokenizer(), lists(), SETTINGS, on_step=lambda _, loss: losses.append(loss))
    assert len(losses) == 60
    assert losses[0] > 0.7
    assert np.mean(losses[-5:]) < 0.1
    for item in lists():
        scores = logits(model, [(item.query, passage) for passage in (item.positive, *item.negatives)])
        assert scores.argmax() == 0


def test_the_result_depends_on_the_seed_alone():
    def trained(seed):
        model = new_model()
        train_listwise(model, tokenizer(), lists(), dataclasses.replace(SETTINGS, steps=3, seed=seed))
        return logits(model, [(item.query, item.positive) for item in lists()])

    np.testing.assert_array_equal(trained(1), trained(1))
    assert not np.array_equal(trained(1), trained(2))


def test_base_weights_stay_and_new_adapters_change_nothing():
    torch.manual_seed(0)
    plain = BertForSequenceClassification(config(num_labels=1))
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    pairs = [(item.query, item.positive) for item in lists()]
    expected = logits(plain, pairs)
    add_adapters(plain, rank=4, scale=2.0)
    np.testing.assert_allclose(logits(plain, pairs), expected, atol=1e-6)
    train_listwise(plain, tokenizer(), lists(), dataclasses.replace(SETTINGS, steps=3))
    after = plain.state_dict()
    frozen = [name for name in before if name.endswith("word_embeddings.weight") or ".query." in name]
    assert len(frozen) == 5
    for name in frozen:
        now = after[name if name in after else name.replace("query.", "query.base.")]
        torch.testing.assert_close(now, before[name], rtol=0, atol=0)


def test_the_merged_adapter_scores_as_the_trained_model():
    model = new_model()
    base = {
        name.removeprefix("bert.").replace(".base.", "."): value.numpy().copy()
        for name, value in model.state_dict().items()
        if name.startswith("bert.") and ".up." not in name and ".down." not in name
    }
    assert set(base) == set(BertModel(config()).state_dict())
    train_listwise(model, tokenizer(), lists(), SETTINGS)
    weights = merge(base, {name: value.numpy() for name, value in adapter_state(model).items()}, 2.0)
    merged = BertForSequenceClassification(config(num_labels=1))
    merged.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    pairs = [(item.query, passage) for item in lists() for passage in (item.positive, *item.negatives)]
    # The adapter is stored in float16.
    np.testing.assert_allclose(logits(merged, pairs), logits(model, pairs), atol=0.05)


@pytest.mark.parametrize("hard", [0, 2])
def test_negatives_come_from_the_near_and_the_far(hard):
    seen: list[list[str]] = []

    class Tokenizer:
        def __call__(self, queries, passages, **options):
            seen.append(list(passages))
            return tokenizer()(queries, passages, **options)

        def pad(self, *arguments, **options):
            return tokenizer().pad(*arguments, **options)

    item = RankingList("cat", "the cat", ["dog"] * 3 + ["owl"] * 5)
    settings = TrainingSettings(
        steps=1, lists_per_step=1, hard_negatives=hard, other_negatives=4, hard_depth=3, max_length=MAX_LENGTH
    )
    train_listwise(new_model(), Tokenizer(), [item], settings)
    assert seen == [["the cat", *["dog"] * hard, *["owl"] * 4]]

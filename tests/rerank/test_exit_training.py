import dataclasses

import numpy as np
import pytest
from bicross.errors import ArgumentError, ModelError
from bicross.inference import read_exits, write_exits
from bicross.rerank import CrossEncoderReranker
from bicross.rerank.exit_training import ExitSettings, as_lists, fit_exit, train_exits
from exit_models import head, save_deep

WORDS = "the cat dog owl sleeps runs hunts all day night on warm sofa park field".split()  # noqa: SIM905
SETTINGS = ExitSettings(layers=(2, 4), steps=200, lists_per_step=16, seed=3)


def texts(lists: int, passages: int) -> list[tuple[str, list[str]]]:
    random = np.random.default_rng(0)
    return [
        (
            " ".join(random.choice(WORDS, 4)),
            [" ".join(random.choice(WORDS, random.integers(3, 12))) for _ in range(passages)],
        )
        for _ in range(lists)
    ]


def synthetic(lists: int = 120, seed: int = 0):
    """First tokens far from standardised, and logits that a head can give; lists of three to six passages."""
    random = np.random.default_rng(seed)
    sizes = random.integers(3, 7, lists).tolist()
    states = (random.normal(size=(sum(sizes), 16)) * 3.0 + 5.0).astype(np.float32)
    teacher = head(16, 1)
    logits = 4.0 * teacher((states - 5.0) / 3.0) + 10.0
    return states, logits.astype(np.float32), sizes


def test_a_head_learns_what_a_head_can_say():
    states, logits, sizes = synthetic(400)
    found = fit_exit(as_lists(states, logits, sizes), dataclasses.replace(SETTINGS, steps=1500, learning_rate=5e-3))
    assert found.correlation > 0.95
    held_back, expected, _ = synthetic(seed=9)
    said = found.head(held_back)
    assert np.corrcoef(said, expected)[0, 1] > 0.95
    assert abs(said.mean() - expected.mean()) < 0.2 * expected.std(), "logits are on the scale of the whole model's"
    assert said.std() == pytest.approx(expected.std(), rel=0.2)


def test_what_cannot_be_known_is_not_learned():
    states, logits, sizes = synthetic()
    shuffled = np.random.default_rng(1).permutation(logits)
    assert abs(fit_exit(as_lists(states, shuffled, sizes), SETTINGS).correlation) < 0.4
    assert fit_exit(as_lists(states, np.ones_like(logits), sizes), SETTINGS).correlation == 0.0


def test_the_same_seed_gives_the_same_head():
    lists = as_lists(*synthetic())
    first, second = (fit_exit(lists, SETTINGS).head for _ in range(2))
    other = fit_exit(lists, dataclasses.replace(SETTINGS, seed=4)).head
    np.testing.assert_array_equal(first.inner, second.inner)
    np.testing.assert_array_equal(first.outer, second.outer)
    assert not np.array_equal(first.inner, other.inner)


def test_lists_are_filled_up_without_a_trace():
    """What stands in the empty places of short lists changes nothing."""
    lists = as_lists(*synthetic())
    spoilt = dataclasses.replace(lists, states=lists.states.clone(), logits=lists.logits.clone())
    spoilt.states[~lists.real], spoilt.logits[~lists.real] = 3.0, 77.0
    first, second = fit_exit(lists, SETTINGS), fit_exit(spoilt, SETTINGS)
    np.testing.assert_allclose(first.head.inner, second.head.inner, atol=1e-5)
    assert first.loss == pytest.approx(second.loss, rel=1e-4)


def test_exits_of_a_model_resemble_it_and_are_used(tmp_path):
    folder = save_deep(tmp_path / "bert", "bert", exits=())
    reranker = CrossEncoderReranker(folder, device="cpu")
    lists = texts(60, 8)
    found = train_exits(reranker, lists, SETTINGS)
    assert list(found) == [2, 4]
    assert found[4].correlation > 0.5, "one layer before the end most is known"
    write_exits(folder, {layer: exit_.head for layer, exit_ in found.items()})
    assert list(read_exits(folder)) == [2, 4]
    trained = CrossEncoderReranker(folder, device="cpu")
    kept = []
    for query, passages in texts(70, 8)[60:]:  # not among those that were learned
        pairs = [(query, passage) for passage in passages]
        best = np.argmax(trained.score(pairs))
        kept.append(trained.score_cascade(pairs, [(4, 4)]).stopped[best] == 0)
    assert np.mean(kept) > 0.7, "of eight passages the best is mostly among four"


def test_what_cannot_teach_is_refused(tmp_path, monkeypatch):
    reranker = CrossEncoderReranker(save_deep(tmp_path / "bert", "bert", exits=()), device="cpu")
    with pytest.raises(ArgumentError, match="from 10 queries or more, each with two passages or more; there are 9"):
        train_exits(reranker, texts(9, 3))
    with pytest.raises(ArgumentError, match="there are 11, and 'lonely' has fewer passages"):
        train_exits(reranker, [*texts(10, 3), ("lonely", ["one"])])
    with pytest.raises(ArgumentError, match="exits need layers from 1 to 4"):
        train_exits(reranker, texts(10, 3), ExitSettings(layers=(7,)))
    with pytest.raises(ArgumentError, match=r"held_out_share between 0 and 1, not 600, 32, 1\.0"):
        ExitSettings(held_out_share=1.0)
    nothing = np.full(30, np.nan, np.float32)
    monkeypatch.setattr(reranker, "first_tokens", lambda pairs, layers: (np.zeros((30, 2, 24), np.float32), nothing))
    with pytest.raises(ModelError, match="scores that are not finite, from which nothing can be learned"):
        train_exits(reranker, texts(10, 3))

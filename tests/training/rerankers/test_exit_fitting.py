import dataclasses

import numpy as np
import pytest
from bicross.errors import ArgumentError, ModelError
from bicross.inference import read_exits, write_exits
from bicross.rerank import CrossEncoderReranker
from bicross.training import RankingList
from bicross.training.rerankers import ExitSettings, exit_fitting, train_exits
from bicross.training.rerankers.exit_fitting import fit_exit
from helpers.tiny_exit_models import save_deep

pytestmark = pytest.mark.slow

WORDS = "the cat dog owl sleeps runs hunts all day night on warm sofa park field".split()  # noqa: SIM905
SETTINGS = ExitSettings(layers=(2, 4), seed=3)


def texts(lists: int, passages: int) -> list[RankingList]:
    random = np.random.default_rng(0)

    def text(size):
        return " ".join(random.choice(WORDS, size))

    def item():
        return RankingList(text(4), tuple(text(random.integers(3, 12)) for _ in range(passages)), (0.0,) * passages)

    return [item() for _ in range(lists)]


def synthetic(lists: int = 120, seed: int = 0, noise: float = 0.0):
    """First tokens on different scales, whose lists differ in their means, and logits that a head can give."""
    random = np.random.default_rng(seed)
    sizes = random.integers(3, 7, lists).tolist()
    scales = np.logspace(-0.5, 0.5, 16)
    shifts = np.repeat(random.normal(size=(lists, 16)) * 2.0, sizes, axis=0)
    states = (random.normal(size=(sum(sizes), 16)) * scales + shifts + 5.0).astype(np.float32)
    weight = np.random.default_rng(1).normal(size=16) / scales
    logits = states @ weight + 7.0 + noise * random.normal(size=len(states))
    return states, logits.astype(np.float32), sizes


def test_a_head_learns_what_a_head_can_say():
    """Exactly so, on lists that it has not seen, on the scale of the whole model's logits."""
    fitted = fit_exit(*synthetic(), SETTINGS)
    assert fitted.correlation > 0.999
    states, logits, _ = synthetic(seed=9)
    assert np.corrcoef(fitted.head(states), logits)[0, 1] > 0.999
    np.testing.assert_allclose(fitted.head(states), logits, atol=0.05 * logits.std())


def test_what_is_common_to_a_list_does_not_matter():
    """Logits that are shifted list by list teach the same order."""
    states, logits, sizes = synthetic()
    shifts = np.repeat(np.random.default_rng(2).normal(size=len(sizes)) * 100.0, sizes).astype(np.float32)
    first, second = fit_exit(states, logits, sizes, SETTINGS), fit_exit(states, logits + shifts, sizes, SETTINGS)
    np.testing.assert_allclose(first.head.weight, second.head.weight, rtol=1e-3, atol=1e-5)


def test_noise_is_not_learned_by_heart(monkeypatch):
    """Of 150 features, for 200 pairs, three count: without a penalty it would follow the noise."""
    random = np.random.default_rng(0)
    states, weight = random.normal(size=(200, 150)).astype(np.float32), np.zeros(150)
    weight[:3] = 1.0
    logits, sizes = (states @ weight + random.normal(size=200)).astype(np.float32), [5] * 40
    fitted = fit_exit(states, logits, sizes, SETTINGS)
    monkeypatch.setattr(exit_fitting, "RIDGES", np.array([1e-12]))
    plain = fit_exit(states, logits, sizes, SETTINGS)
    new = random.normal(size=(1000, 150)).astype(np.float32)
    ours, theirs = (np.corrcoef(exit_.head(new), new @ weight)[0, 1] for exit_ in (fitted, plain))
    assert ours > theirs + 0.2


def test_what_cannot_be_known_is_not_learned():
    states, logits, sizes = synthetic()
    shuffled = np.random.default_rng(1).permutation(logits)
    assert abs(fit_exit(states, shuffled, sizes, SETTINGS).correlation) < 0.4
    constant = fit_exit(states, np.ones_like(logits), sizes, SETTINGS)
    assert constant.correlation == 0.0
    np.testing.assert_allclose(constant.head(states), 1.0, atol=1e-5)


def test_features_that_never_change_are_no_danger():
    states, logits, sizes = synthetic()
    states[:, 5], states[:, 6] = 3.0, 3.0 + 1e-7 * np.arange(len(states))
    fitted = fit_exit(states, logits, sizes, SETTINGS)
    assert np.isfinite(fitted.head.weight).all()
    assert np.abs(fitted.head.weight[5:7]).max() < 10 * np.abs(fitted.head.weight).mean()


def test_the_same_seed_gives_the_same_head():
    data = synthetic(noise=3.0)
    first, second = (fit_exit(*data, SETTINGS) for _ in range(2))
    np.testing.assert_array_equal(first.head.weight, second.head.weight)
    other = fit_exit(*data, dataclasses.replace(SETTINGS, seed=4))
    assert first.correlation == second.correlation != other.correlation, "other lists are held out"


def test_exits_of_a_model_resemble_it_and_are_used(tmp_path):
    folder = save_deep(tmp_path / "bert", "bert", exits=())
    reranker = CrossEncoderReranker(folder, device="cpu")
    everything = texts(70, 8)
    exits = train_exits(reranker, everything[:60], SETTINGS)
    assert list(exits) == [2, 4]
    assert exits[4].correlation > 0.5, "one layer before the end most is known"
    write_exits(folder, {layer: exit_.head for layer, exit_ in exits.items()})
    assert list(read_exits(folder)) == [2, 4]
    trained = CrossEncoderReranker(folder, device="cpu")
    is_best_kept = []
    for item in everything[60:]:  # not among those that were learned
        pairs = [(item.query, passage) for passage in item.passages]
        best = np.argmax(trained.score(pairs))
        is_best_kept.append(trained.score_cascade(pairs, [(4, 4)]).stopped[best] == 0)
    assert np.mean(is_best_kept) > 0.7, "of eight passages the best is mostly among four"


def test_what_cannot_teach_is_refused(tmp_path, monkeypatch):
    reranker = CrossEncoderReranker(save_deep(tmp_path / "bert", "bert", exits=()), device="cpu")
    with pytest.raises(ArgumentError, match="from 10 queries or more, each with two passages or more; there are 9"):
        train_exits(reranker, texts(9, 3))
    with pytest.raises(ArgumentError, match="there are 11, and 'lonely' has fewer passages"):
        train_exits(reranker, [*texts(10, 3), RankingList("lonely", ("one",), (0.0,))])
    with pytest.raises(ArgumentError, match="exits need layers from 1 to 4"):
        train_exits(reranker, texts(10, 3), ExitSettings(layers=(7,)))
    with pytest.raises(ArgumentError, match=r"held_out_share must be between 0 and 1, not 1\.0"):
        ExitSettings(held_out_share=1.0)
    nothing = np.full(30, np.nan, np.float32)
    monkeypatch.setattr(reranker, "first_tokens", lambda pairs, layers: (np.zeros((30, 2, 24), np.float32), nothing))
    with pytest.raises(ModelError, match="scores are not finite: nothing can be learned"):
        train_exits(reranker, texts(10, 3))

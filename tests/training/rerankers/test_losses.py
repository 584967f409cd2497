import numpy as np
import pytest
import torch
from bicross.training.rerankers.losses import ListwiseLoss, listwise_cross_entropy, pair_scores
from helpers.tiny_models import save_cross_encoder
from sentence_transformers import CrossEncoder

pytestmark = pytest.mark.slow

QUERIES = ["who sleeps ?", "what does the owl hunt"]
PASSAGES = [["the cat sleeps", "a dog runs in the park all day", "an owl"], ["the owl", "day and night"]]
LABELS = [[1.0, 0.0, 2.0], [0.0, 1.0]]
PRIORS = [[0.5, -1.0, 0.2], [1.0, -1.0]]


def oracle(scores, labels, *, graded):
    """By the definitions, in float64."""
    losses = []
    for score, label in zip(scores, labels, strict=True):
        score, label = np.array(score, np.float64), np.array(label)
        target = 2.0**label - 1 if graded else (label > 0).astype(float)
        target /= target.sum()
        losses.append(-(target * np.log(np.exp(score) / np.exp(score).sum())).sum())
    return np.mean(losses)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return CrossEncoder(str(save_cross_encoder(tmp_path_factory.mktemp("model"), outputs=1)), device="cpu")


@pytest.fixture(scope="module")
def logits(encoder):
    """One pair at a time."""
    return [
        [float(encoder.predict([(query, passage)], activation_fn=torch.nn.Identity())[0]) for passage in passages]
        for query, passages in zip(QUERIES, PASSAGES, strict=True)
    ]


def test_pairs_are_scored_in_the_order_in_which_they_come(encoder, logits):
    pairs = [(query, passage) for query, passages in zip(QUERIES, PASSAGES, strict=True) for passage in passages]
    expected = np.concatenate(logits)
    assert expected.std() > 0.1
    with torch.no_grad():
        np.testing.assert_allclose(pair_scores(encoder, pairs).numpy(), expected[:, None], atol=1e-4)
        np.testing.assert_allclose(pair_scores(encoder, pairs[:1]).numpy(), expected[:1, None], atol=1e-4)


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("weight", [0.0, 1.5])
def test_the_loss_is_the_cross_entropy_of_targets_and_scores_with_the_prior(encoder, logits, graded, weight):
    loss = ListwiseLoss(encoder, graded=graded, prior_weight=weight)
    columns = [QUERIES, PASSAGES, *([PRIORS] if weight else [])]
    value = loss(columns, [torch.tensor(label) for label in LABELS], prompt=None, task=None)
    sums = [np.array(own) + weight * np.array(prior) for own, prior in zip(logits, PRIORS, strict=True)]
    assert value.item() == pytest.approx(oracle(sums, LABELS, graded=graded), abs=1e-4)
    assert value.requires_grad


def test_negative_grades_are_no_targets():
    scores, labels = [torch.tensor([0.3, -0.2, 1.0])], [torch.tensor([1.0, -1.0, 0.0])]
    for graded in (False, True):
        value = listwise_cross_entropy(scores, labels, graded=graded)
        assert value.item() == pytest.approx(oracle([[0.3, -0.2, 1.0]], [[1, 0, 0]], graded=False), abs=1e-6)


def test_the_gradient_is_the_softmax_minus_the_targets():
    scores = torch.tensor([0.3, -0.2, 1.0], requires_grad=True)
    listwise_cross_entropy([scores], [torch.tensor([1.0, 0.0, 2.0])], graded=True).backward()
    expected = torch.softmax(scores.detach(), 0) - torch.tensor([0.25, 0.0, 0.75])
    torch.testing.assert_close(scores.grad, expected)

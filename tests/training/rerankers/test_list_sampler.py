from collections import Counter

import pytest
from bicross.errors import ArgumentError
from bicross.training import RankingList
from bicross.training.rerankers import LoraSettings, RerankerMethod, Sampling
from bicross.training.rerankers.list_sampler import ListSampler

ITEM = RankingList(
    "q", tuple("ABabcdefgh"), (2.0, 1.0, *[0.0] * 8), tuple(float(position) for position in range(10))
)  # fmt: skip
SAMPLING = Sampling(positives=1, hard=2, other=1, hard_depth=4)


def draws(lists, sampling=SAMPLING, seed=0, *, by_teacher=False):
    return ListSampler(lists, sampling, seed=seed, by_teacher=by_teacher)


def test_a_draw_has_a_positive_hard_negatives_and_others_with_their_labels_and_priors():
    counts = Counter()
    for number in range(200):
        drawn = draws([ITEM])[number]
        positive, *negatives = drawn.passages
        assert positive in "AB"
        assert len(set(drawn.passages)) == 4
        assert sum(passage in "abcd" for passage in negatives) == 2
        assert sum(passage in "efgh" for passage in negatives) == 1
        for passage, label, prior in zip(drawn.passages, drawn.labels, drawn.prior, strict=True):
            position = ITEM.passages.index(passage)
            assert (label, prior) == (ITEM.labels[position], ITEM.prior[position])
        counts.update(drawn.passages)
    assert set(counts) == set("ABabcdefgh")


def test_each_list_comes_once_an_epoch_in_an_order_of_its_own():
    lists = [RankingList(str(number), ("yes", "no"), (1.0, 0.0)) for number in range(20)]
    sampler = draws(lists)
    epochs = [[sampler[20 * epoch + draw].query for draw in range(20)] for epoch in range(3)]
    assert all(sorted(epoch, key=int) == [str(number) for number in range(20)] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_a_draw_depends_on_its_number_and_the_seed_alone():
    lists = [ITEM, RankingList("r", ITEM.passages, ITEM.labels)]
    forwards = [draws(lists)[number] for number in range(12)]
    sampler = draws(lists)
    assert [sampler[number] for number in reversed(range(12))] == forwards[::-1]
    assert [draws(lists, seed=1)[number] for number in range(12)] != forwards


def test_short_lists_give_what_they_have():
    drawn = draws([RankingList("q", ("A", "a"), (1.0, 0.0))], Sampling(positives=3, hard=3, other=2))[0]
    assert drawn.passages == ("A", "a")


def test_by_a_teacher_the_highest_score_comes_first_and_all_draws_are_as_long():
    scored = RankingList("q", ("a", "b", "c"), (-2.0, -0.5, -1.0))
    sampler = draws([scored], Sampling(hard=3, other=2), by_teacher=True)
    for number in range(20):
        drawn = sampler[number]
        assert drawn.passages[0] == "b"
        assert len(drawn.passages) == 6
        assert set(drawn.passages[1:]) == {"a", "c"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sampling(hard=0, other=0), "needs at least a positive and a negative passage"),
        (lambda: Sampling(positives=0), "needs at least a positive and a negative passage"),
        (lambda: LoraSettings(0), "LoRA rank must be at least 1, not 0"),
        (lambda: RerankerMethod(loss="hinge"), "must be one of listwise, binary, lambda, margin-mse, not 'hinge'"),
        (lambda: RerankerMethod(loss="binary", graded=True), "for the listwise loss, not for 'binary'"),
        (lambda: RankingList("q", ("a",), (1.0, 0.0)), "has 1 passages, 2 labels and 0 prior scores"),
        (lambda: RankingList("q", ("a",), (1.0,), (1.0, 2.0)), "as many prior scores or none"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()

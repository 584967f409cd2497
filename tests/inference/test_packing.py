"""Batches: every sequence once, the budget kept, and places that begin anew."""

from itertools import pairwise

import numpy as np
from bicross.inference.packed.packing import FEW_TOKENS, ROUND_FEW, ROUND_MANY, pack, plan
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

QUICK = settings(max_examples=examples(60), deadline=None, derandomize=True)
LENGTHS = st.lists(st.integers(1, 200), max_size=40).map(lambda lengths: np.array(lengths, np.int64))


@QUICK
@given(lengths=LENGTHS, budget=st.integers(1, 500))
def test_every_sequence_runs_once_within_the_budget_longest_first(lengths, budget):
    batches = list(plan(lengths, budget))
    order = np.concatenate([np.empty(0, np.int64), *batches])
    assert sorted(order.tolist()) == list(range(len(lengths)))
    assert order.tolist() == sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)), (
        "equals keep their order"
    )
    assert all(lengths[batch].sum() <= budget or len(batch) == 1 for batch in batches)
    for batch, following in pairwise(batches):
        assert lengths[batch].sum() + lengths[following[0]] > budget, "one more would have had room"


@QUICK
@given(lengths=LENGTHS.filter(len), placeless=st.sampled_from([None, 1]), seed=st.integers(0, 99))
def test_sequences_lie_end_to_end(lengths, placeless, seed):
    random = np.random.default_rng(seed)
    sequences = [random.integers(0, 4, (2, length), dtype=np.int32) for length in lengths]
    [rows] = plan(lengths, 10**6)
    packed = pack(sequences, rows, placeless=placeless)
    together = np.concatenate([sequences[row] for row in rows], axis=1)
    assert packed.tokens == lengths.sum() == together.shape[1]
    step = ROUND_FEW if packed.tokens <= FEW_TOKENS else ROUND_MANY
    assert packed.tokens <= packed.filled < packed.tokens + step
    assert packed.filled % step == 0
    ids, types, positions = packed.numbers[: 3 * packed.filled].reshape(3, -1)
    np.testing.assert_array_equal([ids[: packed.tokens], types[: packed.tokens]], together)
    assert not np.any([part[packed.tokens :] for part in (ids, types, positions)]), "what fills up is zeros"
    assert packed.longest == lengths.max()
    starts = packed.numbers[3 * packed.filled :].tolist()
    assert starts == [0, *np.cumsum(lengths[rows]).tolist()]
    for row, start, stop in zip(rows, starts, starts[1:], strict=False):
        counter, expected = 0, []
        for token in sequences[row][0]:
            expected.append(-1 if token == placeless else counter)
            counter += token != placeless
        assert positions[start:stop].tolist() == expected


@QUICK
@given(lengths=LENGTHS.filter(len))
def test_groups_are_the_runs_of_one_length(lengths):
    rows = next(plan(lengths, 10**6))
    packed = pack([np.zeros((2, length), np.int32) for length in lengths], rows)
    sequence = token = 0
    for group in packed.groups:
        assert (group.sequence, group.token) == (sequence, token)
        assert lengths[rows[sequence : sequence + group.count]].tolist() == [group.length] * group.count
        sequence, token = sequence + group.count, token + group.count * group.length
    assert (sequence, token) == (len(lengths), packed.tokens)
    assert len({group.length for group in packed.groups}) == len(packed.groups), "none is split"

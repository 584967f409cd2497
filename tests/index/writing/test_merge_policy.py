"""The merge policy alone, on made-up manifests: what is merged, and what all merges together write."""

import math
import os
import random

import pytest
from bicross.index.manifest import Manifest, SegmentEntry, VectorLayout
from bicross.index.writing import segments_to_merge
from bicross.index.writing.merge_policy import MAX_SEGMENTS, MERGED_PASSAGES
from helpers.toy_collections import FINGERPRINT
from hypothesis import example, given
from hypothesis import strategies as st

CODED = VectorLayout(factory="SQ8")
"""Large exact vectors are moved to another layout at once."""


def manifest_of(*passages, deleted=()):
    entries = [SegmentEntry(f"s{i}", count, count, {}) for i, count in enumerate(passages)]
    for i, count in deleted:
        entries[i] = SegmentEntry(f"s{i}", passages[i], passages[i], {}, deleted=count)
    return Manifest("u", 1, FINGERPRINT, segments=tuple(entries), vectors=CODED)


def merged(manifest, **options):
    return [int(entry.name[1:]) for entry in segments_to_merge(manifest, **options)]


@pytest.mark.parametrize(
    ("passages", "deleted", "expected"),
    [
        ([5] * MAX_SEGMENTS, (), []),
        ([5] * (MAX_SEGMENTS + 1), (), list(range(MAX_SEGMENTS + 1))),
        # A segment is taken with smaller ones that hold as much together.
        ([1000, 300, *[1] * 15], (), list(range(2, 17))),
        ([1000, 16, *[1] * 16], (), list(range(1, 18))),
        ([2**i for i in range(17)], (), []),
        # What is full of deletions is rewritten, and does not count as one too many.
        ([5] * (MAX_SEGMENTS + 1), [(3, 2)], [3]),
        ([10, 10, 10], [(0, 2), (1, 3)], [1]),
    ],
)
def test_which_segments_are_merged(passages, deleted, expected):
    assert merged(manifest_of(*passages, deleted=deleted)) == expected


@pytest.mark.parametrize("full", [MERGED_PASSAGES, MERGED_PASSAGES // 2])
def test_full_segments_are_left_alone_however_many_there_are(full):
    assert merged(manifest_of(*[full] * 1000, 10)) == []
    assert merged(manifest_of(*[full] * 1000, *[10] * 17)) == list(range(1000, 1017))


def test_a_large_segment_is_written_anew_only_to_fill_one_or_with_as_much_again():
    assert merged(manifest_of(400_000, *[1] * 16)) == list(range(1, 17))
    assert merged(manifest_of(*[400_000] * 9, *[1] * 8)) == [0, 1, *range(9, 17)], "two fill one"


def test_deletions_everywhere_are_healed_one_full_segment_after_the_other():
    passages, deleted = [MERGED_PASSAGES] * 20, [(i, 210_000 + i) for i in range(20)]
    assert merged(manifest_of(*passages, deleted=deleted)) == [19], "the emptiest first"
    small = [100] * 5
    assert merged(manifest_of(*small, deleted=[(i, 30) for i in range(5)])) == list(range(5))


@given(
    st.lists(st.integers(0, 1200), max_size=60),
    st.lists(st.floats(0, 1), min_size=60, max_size=60),
)
@example([0, 0, 0, 0, 981, 0, 0, 897, 0, 0, 0, 0, 0, 121, 0, 0, 0, 0, 61], [0.5] * 60)
def test_no_merge_is_larger_than_a_full_segment_and_too_many_small_ones_never_stay(passages, shares):
    most = 1000
    deleted = [(i, int(count * share)) for i, (count, share) in enumerate(zip(passages, shares, strict=False))]
    manifest = manifest_of(*passages, deleted=deleted)
    live = {f"s{i}": passages[i] - gone for i, gone in deleted}
    chosen = segments_to_merge(manifest, most=most)
    thin = {e.name for e in chosen if e.documents and e.deleted > 0.2 * e.documents}
    assert sum(live[e.name] for e in chosen if e.name not in thin) <= most
    assert sum(live[e.name] for e in chosen) <= 2 * most, "what waits for its turn to be healed may be merged as small"
    small = [e for e in manifest.segments if e.name not in thin and 2 * live[e.name] < most]
    if len(small) > MAX_SEGMENTS + math.log2(most):
        assert len([e for e in chosen if e.name not in thin]) > 1


SMALL = {
    "one by one": lambda rng: 1,
    "a few": lambda rng: rng.randint(1, 10),
    "of all sizes": lambda rng: int(2 ** rng.uniform(0, 11)),
    "rarely many": lambda rng: 1 if rng.random() < 0.99 else rng.randint(1000, 2500),
}


@pytest.mark.parametrize(
    ("commits", "most"), [(3000, 10_000), pytest.param(100_000, MERGED_PASSAGES, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("sizes", SMALL.values(), ids=SMALL)
def test_merges_write_each_passage_a_bounded_number_of_times(sizes, commits, most):
    """Random additions, deletions and upserts of documents of one passage."""
    if commits > 3000 and "BICROSS_THOROUGH" not in os.environ:
        pytest.skip("takes a minute: set BICROSS_THOROUGH=1")
    rng = random.Random(commits)
    segments: dict[str, list[int]] = {}  # documents and deleted ones
    added = deleted = written = 0
    for number in range(commits):
        kind = rng.random()
        if kind < 0.3 and segments:  # deletions, and the deletions of upserts
            for name in rng.sample(list(segments), min(len(segments), 2)):
                count = min(segments[name][0] - segments[name][1], sizes(rng))
                segments[name][1] += count
                deleted += count
        if kind >= 0.15:
            segments[f"new{number}"] = [sizes(rng), 0]
            added += segments[f"new{number}"][0]
        entries = tuple(SegmentEntry(n, d, d, {}, deleted=gone) for n, (d, gone) in segments.items())
        chosen = segments_to_merge(Manifest("u", 1, FINGERPRINT, segments=entries, vectors=CODED), most=most)
        live = sum(e.documents - e.deleted for e in chosen)
        assert live <= 2 * most, "one full segment for deletions, and one for small segments"
        written += live
        for entry in chosen:
            del segments[entry.name]
        parts = [most] * (live // most) + ([live % most] if live % most else [])
        segments |= {f"merged{number}-{i}": [part, 0] for i, part in enumerate(parts)}
        assert sum(2 * (d - gone) < most for d, gone in segments.values()) <= MAX_SEGMENTS + 1
    assert written <= (1 + math.log2(most)) * added + 4 * deleted

"""The merge policy: which segments an automatic compaction rewrites after a commit.

A query pays for every segment, and a merge pays for every passage that it writes anew. So segments that are not full
are merged above ``MAX_SEGMENTS``, and what a merge may take is limited in two ways. It writes no more than one full
segment, however large the index is, beside one for deletions. And it takes a segment only together with smaller ones
that hold as much, or to fill one: each merge at least doubles the segment that a passage lies in, until it lies in a
full one. A passage is so written at most ``1 + log2(MERGED_PASSAGES)`` times by merges (20 for a million), and each
deleted one makes at most four others be written. The idea is that of tiered merging in log-structured stores (O'Neil
et al., "The log-structured merge-tree", 1996) and of Lucene's TieredMergePolicy.
"""

from collections.abc import Sequence

from ..manifest import Manifest, SegmentEntry
from .quantiser_training import MERGED_PASSAGES, live_passages, wants_another_layout

MAX_SEGMENTS = 16
"""Segments that are not full; of more, some are merged where two or more of them hold as much as the next."""
MAX_DELETED_SHARE = 0.2


def segments_to_merge(manifest: Manifest, *, most: int = MERGED_PASSAGES) -> list[SegmentEntry]:
    """Choose what an automatic compaction rewrites.

    Args:
        manifest: The newest generation.
        most: Passages of a full segment, and of a merge.

    Returns:
        All segments if the vectors need another layout; else those of which many documents are deleted and, if there
        are too many that are not full, some of the smallest. Often none.
    """
    if wants_another_layout(manifest):
        return list(manifest.segments)
    thinned = _thinned(manifest.segments, most)
    names = {segment.name for segment in thinned}
    others = [segment for segment in manifest.segments if segment.name not in names]
    names |= {segment.name for segment in _small_ones(others, most)}
    return [segment for segment in manifest.segments if segment.name in names]


def _thinned(segments: Sequence[SegmentEntry], most: int) -> list[SegmentEntry]:
    """Return segments of which many documents are deleted, the emptiest first, as many as one merge may write."""
    many = [s for s in segments if s.documents and s.deleted > MAX_DELETED_SHARE * s.documents]
    many.sort(key=lambda s: s.deleted / s.documents, reverse=True)
    chosen: list[SegmentEntry] = []
    written = 0
    for segment in many:
        written += live_passages(segment)
        if chosen and written > most:
            break
        chosen.append(segment)
    return chosen


def _small_ones(segments: Sequence[SegmentEntry], most: int) -> list[SegmentEntry]:
    """Return the segments to merge if there are too many that are less than half full."""
    sizes = {segment.name: live_passages(segment) for segment in segments}
    small = sorted((s for s in segments if 2 * sizes[s.name] < most), key=lambda s: sizes[s.name])
    if len(small) <= MAX_SEGMENTS:
        return []
    best: list[SegmentEntry] = []
    cost, first, together = 0, 0, 0
    for last, segment in enumerate(small):
        together += sizes[segment.name]
        while together > most:
            together -= sizes[small[first].name]
            first += 1
        count = last + 1 - first
        pays = 2 * sizes[segment.name] <= together or 2 * together >= most
        if count > 1 and pays and (count > len(best) or (count == len(best) and together < cost)):
            best, cost = small[first : last + 1], together
    return best

"""Evaluates filters on documents that are in no index."""

import json
import operator

import numpy as np
import pyarrow as pa
from bicross.index.filters import IndexFields, matching
from bicross.index.segments import MetadataColumns, SegmentFields

OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def segment(documents):
    columns = MetadataColumns()
    for document in documents:
        columns.append(document)
    texts = pa.array([json.dumps(document) for document in documents], pa.large_utf8())
    ids = pa.array([f"d{n}" for n in range(len(documents))], pa.large_utf8())
    return SegmentFields(columns.to_record_batch(), lambda: [texts[:1], texts[1:]], lambda: ids)


def fields_of(*segments, lives=None):
    return IndexFields([segment(documents) for documents in segments], lives or [None] * len(segments))


def matches(predicate, *segments, lives=None):
    """The numbers of the documents that match, counted over all segments."""
    masks = matching(fields_of(*segments, lives=lives), predicate)
    lengths = [(len(documents),) for documents in segments]
    assert all(part.dtype == np.bool_ for part in masks)
    assert [part.shape for part in masks] == lengths
    return np.flatnonzero(np.concatenate(masks)).tolist()

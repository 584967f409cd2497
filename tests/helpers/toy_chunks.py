"""Chunks of toy collections: what they have in common, and parts of a source that hold nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from bicross.index import EmbeddedBatch
from bicross.index.staging import ChunkSettings

from helpers.toy_collections import COLUMNS, FINGERPRINT, STORED, Record, batch

SETTINGS = ChunkSettings(model=FINGERPRINT, **STORED)
KINDS = COLUMNS


@dataclass(frozen=True)
class Part:
    identity: str
    shown: str


def parts(count: int) -> list[Part]:
    return [Part(f"part {number}", f"articles.jsonl, part {number}") for number in range(count)]


def batches(records: Sequence[Record], size: int) -> list[EmbeddedBatch]:
    return [batch(records[start : start + size], **KINDS) for start in range(0, len(records), size)]

"""Builds an index in chunks, by any number of processes: plan them, write each, and adopt all of them in one commit.

No engine is imported here and no model: a pool of processes, Ray, or a batch system can write the chunks. A chunk is
named by what it is made of, so a process that finds its name sealed has nothing to do.
"""

from ..writing import STAGING, driving_build, remove_abandoned
from .adoption import Adopted, adopt_added, adopt_new
from .chunk_writer import write_chunk
from .given import remove_documents, stage_documents
from .plan import Chunk, ChunkSettings, plan
from .seals import ChunkAccount, SealedChunk, count_staged, sealed

__all__ = [
    "STAGING",
    "Adopted",
    "Chunk",
    "ChunkAccount",
    "ChunkSettings",
    "SealedChunk",
    "adopt_added",
    "adopt_new",
    "count_staged",
    "driving_build",
    "plan",
    "remove_abandoned",
    "remove_documents",
    "sealed",
    "stage_documents",
    "write_chunk",
]

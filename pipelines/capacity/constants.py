"""The constants of the capacity planner: what was measured, with the file that says so, and what is assumed."""

from dataclasses import dataclass
from typing import Literal

Origin = Literal["measured", "measured once", "arithmetic", "assumed"]
"""Of "measured" a file in benchmarks/results holds the figure; of "measured once" none does."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A figure that a plan is computed from.

    Attributes:
        name: Its name.
        value: Its value.
        unit: Of the value.
        origin: Where it comes from.
        source: The file in benchmarks/results and what in it, or the reason.
    """

    name: str
    value: float
    unit: str
    origin: Origin
    source: str


MEASURED_CORES = 2
"""The cores of the machine of all measurements below."""
CODED_BYTES = Constant(
    "coded bytes",
    480.027875 / 384,
    "bytes a dimension of a vector",
    "measured",
    "index-lifecycle.json: vector_file_bytes of a million documents, index_type auto, 384 dimensions",
)
FINER_BYTES = Constant(
    "finer codes",
    (8_640_248_030 / 1e7 - 480.027875) / 384,
    "bytes more a dimension of a vector",
    "measured",
    "ten-million.json: vector_file_bytes of target 0.99, less coded bytes; 16 bits, not 8, above two million passages",
)
WHOLE_BYTES = Constant("whole bytes", 4.0, "bytes a dimension of a vector", "arithmetic", "float32")
LIST_BYTES = Constant(
    "list bytes", 8.0, "bytes a vector in an inverted list", "arithmetic", "the number of a row, as FAISS keeps it"
)
DOCUMENT_BYTES = Constant(
    "document bytes",
    (747_593_403 - 480_027_875) / 1e6,
    "bytes a passage",
    "measured",
    "index-lifecycle.json: bytes less vector_file_bytes, index_type auto; sentences, with id and metadata",
)
TOKENS = Constant(
    "tokens", 77.59, "tokens a passage", "measured", "embed-speed.json: mean_tokens of the MS MARCO-like documents"
)
TOKEN_BYTES = Constant("token bytes", 2.0, "bytes a token", "arithmetic", "uint16")
TERM_BYTES = Constant(
    "term bytes", 200.0, "bytes a passage", "assumed", "the size of postings at that length was not measured"
)
EMBEDDED = {
    "float32": Constant(
        "embedded, float32",
        104.6,
        "passages a second on 2 cores",
        "measured",
        "embed-speed.json: bicross float32, MS MARCO-like documents",
    ),
    "bfloat16": Constant(
        "embedded, bfloat16",
        175.9,
        "passages a second on 2 cores",
        "measured",
        "embed-speed.json: bicross bfloat16, MS MARCO-like documents",
    ),
    "int8": Constant(
        "embedded, int8",
        248.6,
        "passages a second on 2 cores",
        "measured",
        "embed-speed.json: bicross int8, MS MARCO-like documents",
    ),
}
PREPARED = Constant(
    "prepared",
    2378.0,
    "passages a second on a core",
    "measured once",
    "splitting, token ids and terms, without embedding, on 28 November 2026 on a busy machine",
)
BUILT = Constant(
    "built",
    10_433.0,
    "documents a second on 2 cores",
    "measured",
    "index-lifecycle.json: build_documents_per_second, index_type auto, a million documents, vectors given",
)
BUILT_TOGETHER = Constant(
    "built together",
    1e6,
    "passages that two cores build",
    "measured",
    "index-lifecycle.json: documents, of one segment; that segments are built side by side is arithmetic",
)
SEARCHED = Constant(
    "searched",
    4.374,
    "milliseconds a million vectors of 384 dimensions, one thread",
    "measured",
    "index-recall.json: p50_ms of a million vectors, kind auto; it reads all of them",
)
SEARCHED_WHOLE = Constant(
    "searched, whole vectors",
    68.83,
    "milliseconds a million vectors of 384 dimensions, one thread",
    "measured",
    "index-recall.json: p50_ms of 100,000 vectors, kind Flat, times ten",
)
SEARCHED_BYTES = Constant(
    "searched, bytes",
    40.33,
    "milliseconds a million vectors of 384 dimensions, one thread",
    "measured",
    "index-recall.json: p50_ms of a million vectors, kind SQ8, for dimensions that cannot be coded shorter",
)
ENCODED = Constant(
    "encoded query",
    5.54,
    "milliseconds a query on 2 cores",
    "measured",
    "embed-speed.json: p50_ms of one query, bicross float32, MS MARCO-like",
)
RERANKED = Constant(
    "reranked",
    1081.0854210012621,
    "milliseconds a query with 100 candidates on 2 cores",
    "measured",
    "rerank-speed.json: p50_ms of one query, bicross float32, MS MARCO-like",
)
PROCESS_BYTES = Constant(
    "process",
    803.389440e6,
    "bytes a machine",
    "measured",
    "serving.json: resident_mb of bicross serve, /v1/search, 32 clients",
)
HIT_BYTES = Constant(
    "hit bytes", 16.0, "bytes a candidate from a shard", "arithmetic", "score, segment and row of each"
)
MEMORY_SHARE = Constant(
    "memory share", 0.75, "of the memory of a machine", "assumed", "the rest is for the system and for files"
)
CORE_SHARE = Constant("core share", 0.6, "of the cores of a machine", "assumed", "the rest is for peaks")
DISK_ROOM = Constant(
    "disk room", 2.0, "times the index", "assumed", "a compaction writes the new files before it removes the old ones"
)
CONSTANTS = (
    CODED_BYTES,
    FINER_BYTES,
    WHOLE_BYTES,
    LIST_BYTES,
    DOCUMENT_BYTES,
    TOKENS,
    TOKEN_BYTES,
    TERM_BYTES,
    *EMBEDDED.values(),
    PREPARED,
    BUILT,
    BUILT_TOGETHER,
    SEARCHED,
    SEARCHED_WHOLE,
    SEARCHED_BYTES,
    ENCODED,
    RERANKED,
    PROCESS_BYTES,
    HIT_BYTES,
    MEMORY_SHARE,
    CORE_SHARE,
    DISK_ROOM,
)

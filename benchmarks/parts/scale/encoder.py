"""An encoder that costs nothing, so that what remains of a build is the work of the index; and documents for it."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from bicross.index import ModelFingerprint
from numpy.typing import NDArray

DIMENSION = 384
TABLE_ROWS = 1009
"""A prime: rows of two tables are combined, so that a million texts have vectors of their own."""


@cache
def tables() -> NDArray[np.float32]:
    """Return two random tables."""
    return np.random.default_rng(0).standard_normal((2, TABLE_ROWS, DIMENSION), dtype=np.float32)


class NumberedEncoder:
    """The vector of a text that begins with a number is made of that number: the sum of a row of each of two tables."""

    max_tokens = 256

    def __init__(self) -> None:
        self.fingerprint = ModelFingerprint(
            id="numbers",
            revision="",
            weights_sha256="",
            tokenizer_sha256="",
            dimension=DIMENSION,
            pooling="sum",
            normalised=True,
            query_prompt="",
            document_prompt="",
            max_length=self.max_tokens,
        )

    def encode_queries(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors."""
        return self.encode_documents(queries)

    def encode_documents(self, passages: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors."""
        numbers = np.array([int(passage.partition(" ")[0]) for passage in passages], np.int64)
        first, second = tables()  # not of the object, which goes to every worker
        vectors = first[numbers % TABLE_ROWS] + second[numbers // TABLE_ROWS % TABLE_ROWS]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of words of each text."""
        return [text.count(" ") + 1 for text in texts]


def write_numbered(path: Path, rows: int) -> None:
    """Write documents for that encoder."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            text = f"{number} is a number of {number % 97} and {number % 89}, as any other"
            file.write(json.dumps({"id": f"d{number}", "text": text}) + "\n")


def write_collection(folder: Path, path: Path, rows: int) -> int:
    """Write the first documents of a BEIR folder with their number as metadata; return how many there were."""
    written = 0
    with (folder / "corpus.jsonl").open(encoding="utf-8") as lines, path.open("w", encoding="utf-8") as file:
        for number, line in zip(range(rows), lines, strict=False):
            row = json.loads(line)
            record = {"id": row["_id"], "title": row["title"], "text": row["text"], "metadata": {"number": number}}
            file.write(json.dumps(record) + "\n")
            written += 1
    return written

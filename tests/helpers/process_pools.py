"""A program that searches in pools of processes, and compares with its own answers.

``python FILE FOLDER SEARCHES METHOD:PROCESSES ...``, as in ``folder 800 fork:4``, for a folder that ``prepare`` made.
The models are tiny and real, because it is torch and faiss that a fork can make wait for ever.
"""

import multiprocessing
import sys
from pathlib import Path

import torch

from bicross import BiEncoder, CrossEncoderReranker, Document, SearchPipeline, build_index

TEXTS = [
    "the",
    "cat",
    "sleeps",
    "all",
    "day.",
    "a",
    "dog",
    "runs",
    "in",
    "the",
    "park",
    "at",
    "night.",
    "what",
    "hunts",
    "in",
    "the",
    "field?",
    "the",
    "owl.",
    "who",
    "does",
    "it",
    "all",
]
QUERIES_TOGETHER = 25
"""Enough for faiss to share a search between its threads."""

opened: list[SearchPipeline] = []


def sentence(number: int, words: int = 12) -> str:
    return " ".join(TEXTS[(number * 7 + position * position) % len(TEXTS)] for position in range(words))


def open_pipeline(folder: str) -> None:
    """In a forked process it is there already."""
    if not opened:
        encoder, reranker = BiEncoder(f"{folder}/encoder"), CrossEncoderReranker(f"{folder}/reranker")
        opened.append(SearchPipeline.open(f"{folder}/index", encoder=encoder, reranker=reranker, retrieve_k=20))


def answers(numbers: list[int]) -> list[list[tuple[str, float]]]:
    results = opened[0].search_batch([sentence(number, 6) for number in numbers], top_k=5)
    return [[(result.document.id, result.score) for result in of_query] for of_query in results]


def prepare(folder: Path) -> None:
    """Make two models and an index."""
    from helpers.tiny_models import save_bi_encoder, save_cross_encoder

    encoder = BiEncoder(save_bi_encoder(folder / "encoder"), device="cpu")
    reranker = save_cross_encoder(folder / "reranker", outputs=1)
    documents = [Document(f"d{number}", sentence(number)) for number in range(400)]
    build_index(documents, folder / "index", encoder=encoder, reranker=reranker)


def main(folder: str, searches: int, pools: list[str]) -> None:
    torch.set_num_threads(2)
    batches = [list(range(start, start + QUERIES_TOGETHER)) for start in range(0, searches, QUERIES_TOGETHER)]
    open_pipeline(folder)
    expected = [answers(batch) for batch in batches] + [answers([number]) for number in range(20)]
    for named in pools:
        method, _, processes = named.partition(":")
        context = multiprocessing.get_context(method)
        with context.Pool(int(processes), initializer=open_pipeline, initargs=(folder,)) as pool:
            received = pool.map(answers, [*batches, *([number] for number in range(20))], chunksize=1)
        is_equal = received == expected
        sys.stdout.write(f"{named} equal\n" if is_equal else f"{named}: {received}\nis not\n{expected}\n")
        sys.stdout.flush()  # a fork would write it again


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])

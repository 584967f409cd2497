"""Measures each blend of a reranker on queries kept out of its training, to choose the blend of a bundled reranker.

Usage: python examples/reranker_blends.py FOLDER MODEL... --scratch FOLDER [--queries 50]

FOLDER was written by bundled_reranker_data.py; the scratch folder has the indexes that train_bundled_reranker.py made.
The output is the mean nDCG@10 of the first hundred hybrid candidates for each weight of the reranker, on queries of the
split dev of the collections that people judged.
"""

import argparse
from pathlib import Path

from bicross.index import Index
from bicross.pipelines.training.data import read_training_data
from bicross.pipelines.training.hard_negatives import judged_candidates
from bicross.pipelines.training.reranker_evaluation import BLENDS, ndcg_by_blend
from bicross.rerank import CrossEncoderReranker
from bicross.retrieval import BiEncoder, HybridRetriever

COLLECTIONS = ("squad-dev", "cosqa", "medquad-qa")
DEPTH = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--queries", type=int, default=50)
    arguments = parser.parse_args()
    encoder = BiEncoder(dtype="bfloat16")
    rerankers = {name: CrossEncoderReranker(name, dtype="bfloat16") for name in arguments.models}
    print("blend", *(f"{blend:6.1f}" for blend in BLENDS))
    for name in COLLECTIONS:
        held_out = read_training_data(arguments.folder / name, split="train", dev_split="dev").held_out
        chosen = held_out.only(sorted(held_out.judged_ids)[-arguments.queries :])
        retriever = HybridRetriever(Index.open(arguments.scratch / name), encoder)
        queries = judged_candidates(chosen, retriever, DEPTH)
        for model, reranker in rerankers.items():
            values = ndcg_by_blend(queries, reranker.score)
            print(model, name, *(f"{value:.4f}" for value in values), flush=True)


if __name__ == "__main__":
    main()

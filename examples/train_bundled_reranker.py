"""Trains the bundled reranker, `bicross-rerank-mini`: the recipe behind models/bicross-rerank-mini/README.md.

Usage: python examples/train_bundled_reranker.py FOLDER -o OUT --scratch FOLDER --model MODEL [--exits 2,3,4]

FOLDER was written by bundled_reranker_data.py. Negatives come from both parts of the first stage, vectors and terms.
The reranker is trained to be added to the fused first-stage score, so it learns what the first stage gets wrong. The
weights and the blend are chosen on the split dev of each collection. Indexes and lists are made once and kept in the
scratch folder; the same command resumes where it was stopped. bundle_reranker.py makes an adapter of OUT.
"""

import argparse
import logging
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bicross.index import Index
from bicross.pipelines import build_index
from bicross.pipelines.search import read_layers
from bicross.pipelines.training.data import read_training_data, relevant_texts
from bicross.pipelines.training.hard_negatives import HardNegativeOptions, hard_negative_lists, judged_candidates
from bicross.pipelines.training.lists import TrainingLists, read_lists, write_lists
from bicross.pipelines.training.reranker_evaluation import BLENDS, ndcg_by_blend
from bicross.rerank import DEFAULT_RERANKER
from bicross.retrieval import BiEncoder, HybridRetriever
from bicross.training import QUALITY, Evaluated, RankingList, TrainingProgress, TrainingSettings
from bicross.training.rerankers import RerankerMethod, Sampling, ScorePairs, train_reranker
from bicross.training.rerankers.train import BLEND

LISTS = {"squad-dev": 3500, "cosqa": 450, "medquad-qa": 2500, "python-functions": 4000, "manual-pages": 2500}
"""How many of each collection are drawn: a user's own is like none of them, so none may outweigh the others."""
REPEATED = {"cosqa": 3}
MARGINS = {"python-functions": 1.0, "manual-pages": 1.0}
"""What nobody judged is full of passages that answer as well: none that is nearer than the one known to be right."""
DEV_QUERIES = 24
DEV_DEPTH = 30
EVALUATE_EVERY = 160
EASY_LOSS, EASY_SHARE = 0.3, 0.3
"""Where stage one alone has at most this cross-entropy, there is little to learn: so many of those lists are kept."""
SAMPLING = Sampling(hard=4, other=1, hard_depth=10)
DATA_SEED = 0
PRIOR_WEIGHTS = np.arange(0.5, 5.01, 0.25)
TERMS = "bm25s-english-2"
"""Those of the training that the model card describes; later ones would give other hard negatives."""

logger = logging.getLogger("train")


def mined(folder: Path, scratch: Path, encoder: BiEncoder) -> TrainingLists:
    """Return the lists of one collection, made once and kept in ``scratch``."""
    path = scratch / f"{folder.name}.jsonl"
    if not path.exists():
        data = read_training_data(folder, split="train", dev_split="dev", seed=DATA_SEED)
        index_folder = scratch / folder.name
        if not (index_folder / "MANIFEST").exists():
            build_index(data.documents, index_folder, encoder=encoder, lexical=TERMS, resume=True)
        retriever = HybridRetriever(Index.open(index_folder), encoder)
        judged_ids = sorted(data.training.judged_ids)
        ids = random.Random(DATA_SEED).sample(judged_ids, min(LISTS[folder.name], len(judged_ids)))
        mining = HardNegativeOptions(margin=MARGINS.get(folder.name))
        lists = hard_negative_lists(data.training.only(ids), relevant_texts(data), retriever, mining)
        dev = data.held_out.only(sorted(data.held_out.judged_ids)[:DEV_QUERIES])
        write_lists(path, TrainingLists(tuple(lists), tuple(judged_candidates(dev, retriever, DEV_DEPTH))))
    return read_lists(path)


def fitted_prior_weight(lists: Sequence[RankingList]) -> float:
    """Return the weight with which the first stage alone predicts relevance best, by cross-entropy."""
    return float(min(PRIOR_WEIGHTS, key=lambda weight: np.mean([prior_loss(item, weight) for item in lists])))


def prior_loss(item: RankingList, weight: float) -> float:
    """Return the cross-entropy of the first stage alone; 0 if nothing is relevant."""
    scores, relevant = weight * np.array(item.prior), np.array(item.labels) > 0
    return float(np.log(np.exp(scores).sum()) - np.log(np.exp(scores[relevant]).sum())) if relevant.any() else 0.0


def worth_learning(lists: Sequence[RankingList], weight: float) -> list[RankingList]:
    """Keep the lists on which the first stage is wrong or unsure, and some of the others."""
    rng = random.Random(DATA_SEED)
    return [item for item in lists if prior_loss(item, weight) > EASY_LOSS or rng.random() < EASY_SHARE]


def measured(held_out: dict[str, Sequence[RankingList]], score: ScorePairs) -> Evaluated:
    """Return the gain in nDCG@10 over the first stage, as a mean over collections, with the blend that is best."""
    means = np.array([ndcg_by_blend(queries, score) for queries in held_out.values()])
    gains = means - means[:, :1]
    best = int(gains.mean(axis=0).argmax())
    by_name = {f"gain on {name}": float(gain) for name, gain in zip(held_out, gains[:, best], strict=True)}
    return {QUALITY: float(gains[:, best].mean()), BLEND: BLENDS[best], **by_name}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True, help="indexes and lists, which take minutes to make")
    parser.add_argument("--model", default=DEFAULT_RERANKER, help="the model to start from")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--exits", help="also train exits after these layers, as in 2,3,4")
    parser.add_argument("--seed", type=int, default=0, help="random seed")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    encoder = BiEncoder(dtype="bfloat16")
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    lists_by_name = {name: mined(arguments.folder / name, arguments.scratch, encoder) for name in LISTS}
    lists = [
        item for name, split_lists in lists_by_name.items() for item in split_lists.training * REPEATED.get(name, 1)
    ]
    weight = fitted_prior_weight(lists)
    lists = worth_learning(lists, weight)
    logger.info("%d lists, prior weight %.2f", len(lists), weight)
    held_out = {name: split_lists.held_out for name, split_lists in lists_by_name.items()}

    def watch(progress: TrainingProgress) -> None:
        if progress.step % 20 == 0:
            logger.info(
                "step %d of %d, loss %s, gain %s", progress.step, progress.steps, progress.loss, progress.quality
            )

    record = train_reranker(
        lists,
        TrainingSettings(
            output=arguments.output,
            learning_rate=arguments.learning_rate,
            max_steps=arguments.steps,
            evaluate_every=EVALUATE_EVERY,
            patience=100,
            seed=arguments.seed,
            dtype="bfloat16",
            device="cpu",
        ),
        model=arguments.model,
        method=RerankerMethod(prior_weight=weight, exits=read_layers(arguments.exits), sampling=SAMPLING),
        evaluate=lambda score: measured(held_out, score),
        watch=watch,
    )
    logger.info("%s", record.best)


if __name__ == "__main__":
    main()

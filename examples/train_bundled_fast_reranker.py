"""Trains the bundled fast reranker, `bicross-rerank-mini-fast`: the recipe behind its model card.

Usage: python examples/train_bundled_fast_reranker.py FOLDER -o OUT --scratch FOLDER [--dim 64] [--steps 1200]

FOLDER was written by bundled_fast_reranker_data.py. Lists are mined by the default first stage of an index; they and
the indexes are made once and kept in the scratch folder. The weights and the blend are chosen on 60 queries of the
split dev of each collection. OUT is the folder of the model.
"""

import argparse
import logging
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from bicross.index import Index
from bicross.pipelines import build_index
from bicross.pipelines.search import IndexDefaults
from bicross.pipelines.training.data import read_training_data, relevant_texts
from bicross.pipelines.training.hard_negatives import HardNegativeOptions, hard_negative_lists, judged_candidates
from bicross.pipelines.training.lists import TrainingLists, read_lists, write_lists
from bicross.pipelines.training.reranker_evaluation import BLENDS, ndcg_by_blend
from bicross.retrieval import BiEncoder, HybridRetriever
from bicross.training import (
    QUALITY,
    Evaluated,
    LateInteractionMethod,
    RankingList,
    TrainingProgress,
    TrainingSettings,
    train_late_interaction,
)
from bicross.training.rerankers import ScorePairs
from bundled_fast_reranker_data import COLLECTIONS
from train_bundled_reranker import worth_learning

LISTS = {"squad-dev": 3500}
MARGINS = {"acl-abstracts": 1.0, "medquad-qa": 1.0}
HELD_OUT = 60
DEPTH = 50
PRIOR_WEIGHT = 2.0
CHOSEN_FROM = (0.4, 0.5, 0.6)
"""The blends by which the best step is found. The blend of the model is chosen afterwards, in searches of whole
collections: ``benchmarks/late_interaction_blend.py --write``."""
UNMEASURED = ("pubmedqa",)
"""Its first stage alone is right about every held-out query."""

logger = logging.getLogger("train")


def mined(folder: Path, scratch: Path, encoder: BiEncoder) -> TrainingLists:
    """Return the lists of one collection, made once and kept in ``scratch``."""
    path = scratch / f"{folder.name}.jsonl"
    if not path.exists():
        data = read_training_data(folder, split="train", dev_split="dev")
        if not (scratch / folder.name / "MANIFEST").exists():
            build_index(data.documents, scratch / folder.name, encoder=encoder, resume=True)
        defaults = IndexDefaults()
        index = Index.open(scratch / folder.name)
        retriever = HybridRetriever(index, encoder, fusion=defaults.fusion, feedback=defaults.feedback)
        judged_ids = sorted(data.training.judged_ids)
        ids = random.Random(0).sample(judged_ids, min(LISTS.get(folder.name, len(judged_ids)), len(judged_ids)))
        mining = HardNegativeOptions(depth=DEPTH, margin=MARGINS.get(folder.name))
        lists = hard_negative_lists(data.training.only(ids), relevant_texts(data), retriever, mining)
        held_out = sorted(data.held_out.judged_ids)
        chosen = data.held_out.only(random.Random(1).sample(held_out, len(held_out))[:HELD_OUT])
        write_lists(path, TrainingLists(tuple(lists), tuple(judged_candidates(chosen, retriever, DEPTH))))
    return read_lists(path)


def measured(held_out: dict[str, Sequence[RankingList]], score: ScorePairs) -> Evaluated:
    """Return nDCG@10 with the best of ``CHOSEN_FROM``, as a mean over collections."""
    means = np.array([ndcg_by_blend(queries, score) for queries in held_out.values()])
    columns = [BLENDS.index(blend) for blend in CHOSEN_FROM]
    best = columns[int(means[:, columns].mean(axis=0).argmax())]
    by_name = {name: float(value) for name, value in zip(held_out, means[:, best], strict=True)}
    first, alone = means[:, 0].mean(), means[:, -1].mean()
    by_blend = {f"at {BLENDS[column]}": float(means[:, column].mean()) for column in columns}
    return {
        QUALITY: float(means[:, best].mean()),
        "blend": BLENDS[best],
        "stage_one": float(first),
        "alone": float(alone),
        **by_blend,
        **by_name,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--scratch", type=Path, required=True, help="indexes and lists, which take an hour to make")
    parser.add_argument("--dim", type=int, default=LateInteractionMethod().dim)
    parser.add_argument("--layer", type=int, default=LateInteractionMethod().layer)
    parser.add_argument("--steps", type=int, default=1200)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    encoder = BiEncoder(dtype="bfloat16")
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    lists_by_name = {name: mined(arguments.folder / name, arguments.scratch, encoder) for name in COLLECTIONS}
    lists = worth_learning([item for part in lists_by_name.values() for item in part.training], PRIOR_WEIGHT)
    logger.info("%d lists", len(lists))
    held_out = {name: part.held_out for name, part in lists_by_name.items() if name not in UNMEASURED}

    def watch(progress: TrainingProgress) -> None:
        if progress.step % 20 == 0:
            logger.info(
                "step %d of %d, loss %s, nDCG@10 %s", progress.step, progress.steps, progress.loss, progress.quality
            )

    record = train_late_interaction(
        lists,
        TrainingSettings(
            output=arguments.output,
            learning_rate=5e-4,
            max_steps=arguments.steps,
            warmup_share=20 / arguments.steps,
            evaluate_every=400,
            patience=100,
            dtype="bfloat16",
            device="cpu",
        ),
        method=LateInteractionMethod(layer=arguments.layer, dim=arguments.dim, prior_weight=PRIOR_WEIGHT),
        evaluate=lambda score: measured(held_out, score),
        watch=watch,
    )
    for evaluation in record.evaluations:
        logger.info("%s", evaluation)


if __name__ == "__main__":
    main()

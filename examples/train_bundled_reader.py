"""Trains the bundled reader, `bicross-reader-mini`: the recipe behind models/bicross-reader-mini/README.md.

Usage: python examples/train_bundled_reader.py DATA -o OUT [--steps N]

DATA has the collections squad-dev and covid-qa. The reader starts from the bundled reranker, which already compares a
question with a passage. The same command resumes where it was stopped. bundle_reader.py makes an adapter of OUT.
"""

import argparse
import logging
from pathlib import Path

from bicross.rerank import DEFAULT_RERANKER
from bicross.training import TrainingProgress, TrainingSettings
from bicross.training.readers import train_reader
from bundled_reader_data import read_split, training_examples

logger = logging.getLogger("train")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", default=DEFAULT_RERANKER, help="the model to start from")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--examples-per-step", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--save-every", type=int, default=25, help="steps between checkpoints")
    parser.add_argument("--seed", type=int, default=0, help="random seed")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    split = read_split(arguments.data)
    examples = training_examples(arguments.data, split)
    logger.info("%d examples, %d held out", len(examples), len(split.held_out))

    def watch(progress: TrainingProgress) -> None:
        logger.info("step %d of %d, loss %s", progress.step, progress.steps, progress.loss)

    train_reader(
        examples,
        TrainingSettings(
            output=arguments.output,
            learning_rate=arguments.learning_rate,
            max_steps=arguments.steps,
            lists_per_step=arguments.examples_per_step,
            evaluate_every=arguments.save_every,
            seed=arguments.seed,
            device="cpu",
        ),
        model=arguments.model,
        watch=watch,
    )


if __name__ == "__main__":
    main()

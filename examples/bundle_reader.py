"""Makes the adapter of the bundled reader from a trained model, with its calibration.

Usage: python examples/bundle_reader.py MODEL DATA -o models/NAME [--rank 96] [--max-length 128]

MODEL was trained by train_bundled_reader.py from the base model. What it differs from the base by becomes products of
thin matrices, as in bundle_reranker.py. The curve from scores to probabilities, and the probability below which a
passage has no answer, come from articles of DATA that were kept out of training: each question with its own paragraph,
and with another one of its article.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from bicross.inference import ADAPTER_WEIGHTS, AdapterSettings, resolve_model
from bicross.rerank import Platt, fit_calibration
from bicross.rerank.readers import ExtractiveReader
from bicross.retrieval import DEFAULT_ENCODER
from bundle_reranker import adapter_of
from bundled_reader_data import Question, read_split, without_answers
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from squad_measures import exact_match

Floats = NDArray[np.float64]


def scored(reader: ExtractiveReader, questions: Sequence[Question]) -> tuple[Floats, Floats, Floats]:
    """Read held-out questions with right and with wrong passages.

    Returns:
        The scores with the right passages, whether the answers are right, and the scores with the wrong passages.
    """
    right = [spans[0] for spans in reader.read([(question.text, question.passage) for question in questions])]
    marks = [exact_match(span.text, question.answers) for span, question in zip(right, questions, strict=True)]
    pairs = [(example.question, example.passage) for example in without_answers(questions, len(questions))]
    wrong = [spans[0].score for spans in reader.read(pairs)]
    return np.array([span.score for span in right]), np.array(marks), np.array(wrong)


def best_threshold(right: Floats, wrong: Floats) -> float:
    """Return the score that tells passages with an answer from those without, with the fewest mistakes of both."""
    thresholds = np.unique(np.concatenate([right, wrong]))
    shares = [(right >= threshold).mean() + (wrong < threshold).mean() for threshold in thresholds]
    return float(thresholds[int(np.argmax(shares))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the folder of the adapter")
    parser.add_argument("--base", default=DEFAULT_ENCODER)
    parser.add_argument("--rank", type=int, default=96)
    parser.add_argument("--max-length", type=int, default=128, help="tokens of a window with its question")
    parser.add_argument("--questions", type=int, default=600, help="held-out questions for the calibration")
    arguments = parser.parse_args()
    base, output = resolve_model(arguments.base), arguments.output
    output.mkdir(parents=True, exist_ok=True)
    tensors = adapter_of(
        load_file(arguments.model / "model.safetensors"), load_file(base / "model.safetensors"), arguments.rank
    )
    save_file(tensors, output / ADAPTER_WEIGHTS)
    stated: dict[str, object] = {"max_length": arguments.max_length}
    settings = AdapterSettings.of(output, base=arguments.base, base_folder=base, scale=1.0, reader=stated)
    settings.write(output)
    held_out = read_split(arguments.data).held_out
    questions = random.Random(0).sample(held_out, min(arguments.questions, len(held_out)))
    right, marks, wrong = scored(ExtractiveReader(output.name), questions)
    curve = fit_calibration(np.concatenate([right, wrong]), np.concatenate([marks, np.zeros(len(wrong))]))
    assert isinstance(curve, Platt)
    threshold = best_threshold(right, wrong)
    stated |= {
        "calibration": Platt(round(curve.slope, 4), round(curve.intercept, 4)).to_dict(),
        "no_answer_below": round(float(curve.apply([threshold])[0]), 3),
    }
    replace(settings, reader=stated).write(output)
    print(f"exact match with the right passage {marks.mean():.3f}; no answer below the score {threshold:.2f}")
    print(
        f"rejected: {(right < threshold).mean():.3f} of the right passages, {(wrong < threshold).mean():.3f} of others"
    )


if __name__ == "__main__":
    main()

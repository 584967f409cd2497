"""Documents of random words, queries of these words, and judgments with every oddity that may occur."""

import numpy as np
from bicross.index import Document

WORDS = "cat dog cow owl bee sleeps runs hunts eats flies day night field park house".split()  # noqa: SIM905


def _texts(count, length, seed):
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS, length)) for _ in range(count)]


DOCUMENTS = [Document(f"d{number}", text) for number, text in enumerate(_texts(30, 8, seed=1))]
QUERIES = {f"q{number}": text for number, text in enumerate(_texts(20, 3, seed=2))}


def _judge():
    """Random grades for most queries; one with none that is relevant, one about a document that is not there."""
    random = np.random.default_rng(3)
    qrels = {
        id_: {f"d{n}": int(random.integers(0, 3)) for n in random.choice(30, 6, replace=False)}
        for id_ in [*QUERIES][:16]
    }
    return qrels | {"q3": {"d1": 0, "d2": -1}, "q5": {"gone": 2, "missing": 0, "d4": 1}}


QRELS = _judge()

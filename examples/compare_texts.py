"""How similar are these texts? Scores, ranks and classifies pairs with the bundled models, without a network.

Usage: python examples/compare_texts.py
"""

from bicross.rerank import PairScorer, paired

SENTENCES = ["A man is eating food", "A man is eating a meal", "A man plays a guitar"]


def main() -> None:
    scorer = PairScorer()
    query, *others = SENTENCES
    pairs = paired([query] * len(others), others)
    for (first, second), score in zip(pairs, scorer.score(pairs), strict=True):
        print(f"{score:.3f}  {first} | {second}")
    for place in scorer.rank(query, SENTENCES):
        print(f"{place.score:.3f}  {SENTENCES[place.index]}")
    for (_, second), found in zip(pairs, scorer.classify(pairs, threshold=0.7), strict=True):
        print(f"{found.label}: {second}")


if __name__ == "__main__":
    main()

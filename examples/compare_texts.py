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
    for ranked in scorer.rank(query, SENTENCES):
        print(f"{ranked.score:.3f}  {SENTENCES[ranked.index]}")
    for (_, second), label in zip(pairs, scorer.classify(pairs, threshold=0.7), strict=True):
        print(f"{label.label}: {second}")


if __name__ == "__main__":
    main()

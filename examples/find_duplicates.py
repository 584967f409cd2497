"""Which of these questions say the same? Finds groups with the bundled encoder, without a network.

Usage: python examples/find_duplicates.py
"""

from bicross.pipelines import find_duplicates

QUESTIONS = [
    "How can I learn to play the guitar?",
    "How do I learn playing the guitar?",
    "Who invented the telephone?",
    "how can I  learn to play the guitar?",
    "Who was the inventor of the telephone?",
    "Who invented the telephone?",
    "What is bread made of?",
]


def main() -> None:
    groups = find_duplicates(QUESTIONS, threshold=0.9)
    for group in groups:
        print(group.representative.text)
        for document, score in zip(group.duplicates, group.scores[1:], strict=True):
            print(f"  {score:.3f}  {document.text}")
    print(f"{groups.extra} of {groups.documents} questions can be dropped")


if __name__ == "__main__":
    main()

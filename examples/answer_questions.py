"""Answers questions with the words of three documents, with the bundled models and without a network.

Usage: python examples/answer_questions.py
"""

import tempfile
from pathlib import Path

from bicross.pipelines import AnswerPipeline

from bicross import Document, build_index

DOCUMENTS = [
    Document(
        "penicillin",
        "Penicillin was discovered in 1928 by Alexander Fleming, a Scottish physician at St Mary's Hospital in London. "
        "Howard Florey and Ernst Chain turned it into a medicine.",
        "Penicillin",
    ),
    Document(
        "tower",
        "The Eiffel Tower in Paris was built by the company of Gustave Eiffel. It was opened in 1889 and is 330 metres "
        "tall.",
        "Eiffel Tower",
    ),
    Document(
        "bees",
        "Honey bees collect nectar and make honey out of it. A colony has one queen, and in summer up to 60,000 "
        "workers.",
        "Honey bees",
    ),
]
QUESTIONS = [
    "Who discovered penicillin?",
    "When was the Eiffel Tower opened?",
    "What do honey bees collect?",
    "What is the capital of Australia?",
]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        build_index(DOCUMENTS, Path(folder) / "index")
        with AnswerPipeline.open(Path(folder) / "index", top_k=1) as pipeline:
            for question, answers in zip(QUESTIONS, pipeline.answer_batch(QUESTIONS), strict=True):
                print(question)
                for answer in answers:
                    answer_text = answer.document.text[answer.start : answer.end]
                    print(f"  {answer_text} ({answer.confidence:.2f}, {answer.document.title})")
                if not answers:
                    print("  no answer")


if __name__ == "__main__":
    main()

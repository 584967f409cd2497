"""Which passages should a language model read for a question? Within a budget, and without a network.

Usage: python examples/build_context.py
"""

import tempfile
from pathlib import Path

from bicross.pipelines import ContextPipeline

from bicross import Document, build_index

DOCUMENTS = [
    Document("vaccine", "A vaccine trains the immune system to recognise a virus before an infection.", "Vaccination"),
    Document("antibody", "An antibody is a protein that the immune system makes to bind to bacteria.", "Antibody"),
    Document("bread", "Bread is baked from flour, water and yeast.", "Bread"),
    Document("copy", "A vaccine trains the immune system to recognise a virus before an infection.", "Vaccination"),
]
BUDGET = 60


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        build_index(DOCUMENTS, Path(folder) / "index")
        with ContextPipeline.open(Path(folder) / "index", budget=BUDGET) as pipeline:
            context = pipeline.context("how do vaccines work?", top_k=2)
            print(context.text)
            print(f"{context.size} of {BUDGET} tokens")
            for message in context.messages():
                print(f"{message['role']}: {len(message['content'])} characters")


if __name__ == "__main__":
    main()

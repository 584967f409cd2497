"""Writes a file of questions anew without its duplicates, with the command that does it, without a network.

Usage: python examples/dedupe_file.py
"""

import json
import tempfile
from pathlib import Path

from bicross.pipelines.commands import main as bicross

QUESTIONS = [
    "How can I learn to play the guitar?",
    "How do I learn playing the guitar?",
    "Who invented the telephone?",
    "What is bread made of?",
    "how can I  learn to play the guitar?",
]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "questions.jsonl", Path(folder) / "distinct.jsonl"
        rows = [{"id": str(number), "text": text} for number, text in enumerate(QUESTIONS)]
        source.write_text("".join(json.dumps(row) + "\n" for row in rows))
        bicross(["dedupe", str(source), str(target), "--threshold", "0.9"])
        print(target.read_text(), end="")


if __name__ == "__main__":
    main()

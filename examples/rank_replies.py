"""Which reply fits a dialogue? Ranks given replies, and finds one among past exchanges, without a network.

Usage: python examples/rank_replies.py
"""

import tempfile
from pathlib import Path

from bicross.pipelines import ReplyPipeline, build_index, exchanges_of, rank_replies

DIALOGUE = [
    {"role": "user", "content": "My phone fell into water."},
    {"role": "agent", "content": "Does it still turn on?"},
    {"role": "user", "content": "It does not."},
]
CANDIDATES = [
    "We open at nine in the morning.",
    "Leave the wet phone off and bring it to us, so that we can dry it.",
    "The train to the airport leaves every ten minutes.",
]
PAST = {
    "phone": ["My phone got wet and does not turn on.", "Do not charge it. Put the phone into rice for two days."],
    "hours": ["When do you open?", "At nine, and on Sunday at eleven."],
    "refund": ["I want my money back.", "Please send us the receipt."],
}


def main() -> None:
    for reply in rank_replies(DIALOGUE, CANDIDATES):
        print(f"{reply.score:+.2f}  {reply.text}")
    exchanges = [exchange for id_, dialogue in PAST.items() for exchange in exchanges_of(dialogue, id_=id_)]
    with tempfile.TemporaryDirectory() as folder:
        build_index(exchanges, Path(folder) / "exchanges")
        with ReplyPipeline.open(Path(folder) / "exchanges", top_k=1) as pipeline:
            print(pipeline.query(DIALOGUE).replace("\n", " | "))
            [reply] = pipeline.replies(DIALOGUE)
            print(f"{reply.exchange.id}  {reply.text}")


if __name__ == "__main__":
    main()

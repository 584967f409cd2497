"""Do earlier turns of a dialogue help to choose a reply? Measured on dialogues that are made of questions and answers.

Usage: python benchmarks/replies.py DATA [--dialogues 100] [--output benchmarks/results/replies.json]

DATA holds the BEIR folders squad-dev and medquad-qa. They hold no dialogues; what is made of them is:

- squad-dev: the questions about one paragraph of the last eight articles, in their order, each replied to by the
  sentence that holds its answer. The last question is to be replied to; nine other candidates are sentences of the same
  article. The questions are as people wrote them, and most can be understood alone.
- medquad-qa, test split: a question about an illness with the first sentence of its answer, and then another question
  about it, in which the name is replaced by "it". Nine other candidates answer the same kind of question about other
  illnesses. Without the earlier turns nothing says which illness is meant.

Takes five minutes on two cores.
"""

import argparse
import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bicross.index import sentence_spans
from bicross.pipelines import rank_replies
from bicross.rerank import DEFAULT_RERANKER, CrossEncoderReranker
from bicross.retrieval import DEFAULT_ENCODER, BiEncoder
from parts.judged import measured_part
from parts.machine import set_threads
from parts.report_file import check_folders, header, write
from parts.shares import difference, share
from parts.tables.contexts import replies_table

CANDIDATES = 10
REPLY_CHARACTERS = 400
HOW = (
    "Each dialogue has ten candidates, of which one is right, in random order. recall@1: how often it is first; MRR: "
    "the mean of 1 / its rank. 95 % bootstrap intervals over the dialogues; what earlier turns add is paired."
)


@dataclass(frozen=True, slots=True)
class Case:
    """A dialogue, its candidates, and which of them is right."""

    dialogue: Sequence[str]
    candidates: Sequence[str]
    right: int


def read_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def sentences_of(text: str) -> list[tuple[int, str]]:
    """Return the sentences of a text with their first characters."""
    return [(start, text[start:end].strip()) for start, end in sentence_spans(text) if text[start:end].strip()]


def case_of(dialogue: Sequence[str], right: str, others: Sequence[str], chance: random.Random) -> Case | None:
    """Draw the other candidates; None where there are too few, or where the dialogue holds the reply already."""
    distinct = sorted({text for text in others if text != right and text not in dialogue})
    if right in dialogue or len(distinct) < CANDIDATES - 1:
        return None
    candidates = [right, *chance.sample(distinct, CANDIDATES - 1)]
    chance.shuffle(candidates)
    return Case(dialogue, candidates, candidates.index(right))


def questions_about_a_paragraph(folder: Path, chance: random.Random) -> list[Case]:
    """Make dialogues of squad-dev."""
    judged = measured_part(folder.name).read(folder.parent)
    documents = {row["_id"]: row for row in read_rows(folder / "corpus.jsonl")}
    of_article: dict[str, list[str]] = defaultdict(list)
    asked: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for document in documents.values():
        of_article[document["title"]] += [sentence for _, sentence in sentences_of(document["text"])]
    for row in read_rows(folder / "queries.jsonl"):
        if row["_id"] in judged.queries:
            [own] = judged.qrels[row["_id"]]
            start = row["answers"][0]["answer_start"]
            before = [text for first, text in sentences_of(documents[own]["text"]) if first <= start]
            if before:
                asked[own].append((row["text"], before[-1]))
    cases: list[Case] = []
    for own, turns in asked.items():
        *earlier, (question, reply) = turns
        earlier_turns = [text for pair in earlier if pair[1] != reply for text in pair]
        case = case_of([*earlier_turns, question], reply, of_article[documents[own]["title"]], chance)
        if case is not None and earlier_turns:
            cases.append(case)
    return cases


def beginning(text: str) -> str:
    """Return the first sentences of an answer."""
    ends = [end for _, end in sentence_spans(text) if end <= REPLY_CHARACTERS]
    return text[: ends[-1] if ends else REPLY_CHARACTERS].strip()


def questions_about_an_illness(folder: Path, chance: random.Random) -> list[Case]:
    """Make dialogues of medquad-qa."""
    judged = measured_part(folder.name).read(folder.parent)
    documents = {row["_id"]: row for row in read_rows(folder / "corpus.jsonl")}
    about: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    of_kind: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in read_rows(folder / "queries.jsonl"):
        if row["_id"] in judged.queries:
            [own] = judged.qrels[row["_id"]]
            title, answer = documents[own]["title"], beginning(documents[own]["text"])
            kind = row["metadata"]["qtype"]
            about[title].append((row["text"], answer, kind))
            of_kind[kind].append((title, answer))
    cases: list[Case] = []
    for title, asked in about.items():
        (question, answer, _), (later, reply, kind) = asked[0], asked[-1]
        unnamed = re.sub(re.escape(title), "it", later, flags=re.IGNORECASE)
        if len(asked) > 1 and unnamed != later:
            others = [text for other, text in of_kind[kind] if other != title]
            case = case_of([question, sentences_of(answer)[0][1], unnamed], reply, others, chance)
            cases += [] if case is None else [case]
    return cases


def measured(cases: Sequence[Case], encoder: BiEncoder, reranker: CrossEncoderReranker) -> list[dict[str, Any]]:
    """Rank the candidates of each dialogue with each model, with the latest turn alone and with all."""
    systems = {
        "encoder": {"encoder": encoder, "reranker": None},
        "reranker": {"encoder": None, "reranker": reranker},
        "both, blended": {"encoder": encoder, "reranker": reranker},
    }
    rows: list[dict[str, Any]] = []
    for name, models in systems.items():
        latest: list[float] = []
        for turns in (1, None):
            ranks: list[int] = []
            for case in cases:
                ranked = rank_replies(case.dialogue, case.candidates, turns=turns, **models)
                ranks.append(1 + [reply.index for reply in ranked].index(case.right))
            print(f"  {name}, {'all turns' if turns is None else 'the latest turn'}", file=sys.stderr, flush=True)
            first = [float(rank == 1) for rank in ranks]
            rows.append(
                {
                    "system": name,
                    "turns": "all that fit" if turns is None else "the latest",
                    "recall": share(first),
                    "mrr": share([1 / rank for rank in ranks]),
                    "gain": None if turns else difference(first, latest),
                }
            )
            latest = first
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--dialogues", type=int, default=100, help="dialogues of each collection, drawn at random")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--reranker", default=DEFAULT_RERANKER)
    parser.add_argument("--threads", type=int, default=2)
    parser.set_defaults(device="cpu")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    check_folders(parser, [arguments.output])
    set_threads(arguments.threads)
    encoder = BiEncoder(arguments.encoder, device=arguments.device)
    reranker = CrossEncoderReranker(arguments.reranker, device=arguments.device)
    tasks: list[dict[str, Any]] = []
    for name, make in {"squad-dev": questions_about_a_paragraph, "medquad-qa": questions_about_an_illness}.items():
        if (arguments.data / name).is_dir():
            chance = random.Random(0)
            cases = make(arguments.data / name, chance)
            drawn = chance.sample(cases, min(arguments.dialogues, len(cases)))
            turns = sum(len(case.dialogue) for case in drawn) / len(drawn)
            rows = measured(drawn, encoder, reranker)
            tasks.append({"collection": name, "dialogues": len(drawn), "of": len(cases), "turns": turns, "rows": rows})
            print(f"\n{name}: {len(drawn)} of {len(cases)}\n\n{replies_table(tasks[-1])}", flush=True)
            write(arguments.output, header(arguments, how=HOW) | {"tasks": tasks})


if __name__ == "__main__":
    main()

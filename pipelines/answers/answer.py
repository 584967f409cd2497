"""Answer: a piece of a document that answers a question, and the places that say the same."""

from dataclasses import dataclass

from ...index import Document, Passage


@dataclass(frozen=True, slots=True)
class AnswerSource:
    """A place that has an answer.

    Attributes:
        document: The whole document.
        passage: The part of it that was read, with its span in ``document.text``.
        start: The first character of the answer in ``document.text``.
        end: The one after its last: ``document.text[start:end]`` is the answer, as it is written here.
        confidence: The probability that the reader's answer in this passage is right, from 0 to 1.
        score: The reader's score of it, above 0 where it is likelier than no answer.
        search_rank: The rank of the passage in the search, from 1.
    """

    document: Document
    passage: Passage
    start: int
    end: int
    confidence: float
    score: float
    search_rank: int

    @property
    def text(self) -> str:
        """The answer, as it is written here."""
        return self.document.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a question.

    Attributes:
        rank: From 1.
        text: The answer: ``document.text[start:end]``.
        confidence: The probability that it is right, from 0 to 1, by the calibration of the reader: that of the best of
            its sources. It never rises down the list.
        document: The document that has it; of several the one whose passage the reader is surest of.
        passage: The part of the document that was read.
        start: The first character of the answer in ``document.text``.
        end: The one after its last character.
        sources: Every place that has this answer, the best one first: equal but for case, articles, punctuation and
            spaces.
        generation: The generation of the index; None for a retriever without an index.
    """

    rank: int
    text: str
    confidence: float
    document: Document
    passage: Passage
    start: int
    end: int
    sources: tuple[AnswerSource, ...]
    generation: int | None = None

    def to_dict(self) -> dict[str, object]:
        """A record for JSON; a document stands with its id, title and metadata, its text with the passage."""
        return {
            "rank": self.rank,
            "text": self.text,
            "confidence": self.confidence,
            "generation": self.generation,
            "sources": [
                {
                    "text": source.text,
                    "start": source.start,
                    "end": source.end,
                    "confidence": source.confidence,
                    "score": source.score,
                    "search_rank": source.search_rank,
                    "document": {
                        "id": source.document.id,
                        "title": source.document.title,
                        "metadata": dict(source.document.metadata),
                    },
                    "passage": {
                        "text": source.passage.text,
                        "start": source.passage.start,
                        "end": source.passage.end,
                    },
                }
                for source in self.sources
            ],
        }

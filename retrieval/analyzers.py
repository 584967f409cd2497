"""Analyzers: each makes the terms of texts for BM25, for one language or for any.

An index stores the name of the analyzer that made its postings, and queries are analysed by the same one. A name has to
change whenever the terms of any text change.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, cast

from ..errors import ArgumentError, IndexModelMismatch
from ..errors.arguments import checked_instance, checked_texts
from ..index import Index
from .segmentation import composed, folded, segmented

ANALYZER = "bm25s-english-3"
"""The default: bm25s' tokenizer; NFC, lower case, words of two characters and more, no English stop words, stemmed. A
name of a program, as in read_file or readFile, is a term, and so is each of its parts."""
_ENGLISH_WITHOUT_PARTS = "bm25s-english-2"
"""The default of before: read_file and readFile are a term, which neither "read" nor "file" finds."""
_ENGLISH_WITHOUT_NFC = "bm25s-english-1"
"""That before it: in decomposed texts it finds "cafe" and a mark, and no "café"."""
UNICODE = "unicode-1"
"""For any language: words of every script, and pairs of characters for scripts without spaces; nothing is stemmed."""

_STEMMED = (
    {"ar": "arabic", "hy": "armenian", "eu": "basque", "ca": "catalan", "da": "danish", "nl": "dutch", "et": "estonian"}
    | {"fi": "finnish", "fr": "french", "de": "german", "el": "greek", "hi": "hindi", "hu": "hungarian"}
    | {"id": "indonesian", "ga": "irish", "it": "italian", "lt": "lithuanian", "ne": "nepali", "no": "norwegian"}
    | {"pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "es": "spanish", "sv": "swedish"}
    | {"ta": "tamil", "tr": "turkish"}
)
_UNSTEMMED = (
    *("af", "am", "as", "az", "be", "bg", "bn", "bo", "br", "bs", "cs", "cy", "eo", "fa", "fo", "fy", "gl", "gu", "ha"),
    *("he", "hr", "is", "ja", "ka", "kk", "km", "kn", "ko", "ku", "ky", "la", "lb", "lo", "lv", "mk", "ml", "mn", "mr"),
    *("ms", "mt", "my", "or", "pa", "pl", "ps", "sd", "si", "sk", "sl", "so", "sq", "su", "sw", "te", "tg", "th", "tk"),
    *("tl", "tt", "ug", "uk", "ur", "uz", "vi", "xh", "yi", "yo", "zh", "zu"),
)
LANGUAGES = {
    "any": UNICODE,
    "en": ANALYZER,
    **{code: f"snowball-{name}-1" for code, name in _STEMMED.items()},
} | dict.fromkeys(_UNSTEMMED, UNICODE)
"""The analyzer of each language, by its ISO 639-1 code; "any" is for several languages in one index."""
_ENGLISH = (ANALYZER, _ENGLISH_WITHOUT_PARTS, _ENGLISH_WITHOUT_NFC)
ANALYZERS = (*_ENGLISH, UNICODE, *(f"snowball-{name}-1" for name in _STEMMED.values()))
_JOINED = re.compile(r"[a-z0-9][A-Z]|[^\W_]_+[^\W_]")
"""Where the parts of a name of a program meet."""
_BETWEEN_PARTS = re.compile(r"_+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD = re.compile(r"\w++")
_ENGLISH_WORD = re.compile(r"\b\w\w+\b")
_ENGLISH_STOP_WORDS = frozenset(
    (
        *(
            "a",
            "an",
            "and",
            "are",
            "as",
            "at",
            "be",
            "but",
            "by",
            "for",
            "if",
            "in",
            "into",
            "is",
            "it",
            "no",
            "not",
            "of",
        ),
        *(
            "on",
            "or",
            "such",
            "that",
            "the",
            "their",
            "then",
            "there",
            "these",
            "they",
            "this",
            "to",
            "was",
            "will",
            "with",
        ),
    )
)
"""Those of Lucene, which bm25s has too."""


@dataclass(frozen=True, slots=True)
class Analyzer:
    """Makes the terms of texts. Threads may share it.

    Attributes:
        name: One of ``ANALYZERS``.
    """

    name: str

    def __call__(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the terms of each text, in order and with repetitions."""
        texts = checked_texts(texts, "texts")
        if self.name == ANALYZER:
            return analyse(texts)
        if self.name == _ENGLISH_WITHOUT_PARTS:
            return _english([composed(text) for text in texts])
        if self.name == _ENGLISH_WITHOUT_NFC:
            return _english(texts)
        if self.name == UNICODE:
            return [segmented(folded(text)) for text in texts]
        return _stemmed(texts, self.name.split("-")[1])

    @staticmethod
    def words(texts: Sequence[str]) -> list[list[str]]:
        """Return the words of each text as they are written there, in order and with repetitions.

        An analyzer makes no term or one of most words. Scripts without spaces have pairs of characters for words.
        """
        return [segmented(composed(text)) for text in checked_texts(texts, "texts")]


def analyzer_named(name: str) -> Analyzer:
    """Return the analyzer of a language, or the one of that name.

    Args:
        name: An ISO 639-1 code such as "de" or "zh", "any", or one of ``ANALYZERS``.

    Raises:
        ArgumentError: There is none.
    """
    checked_instance(name, str, "name")
    if name in LANGUAGES:
        return Analyzer(LANGUAGES[name])
    if name in ANALYZERS:
        return Analyzer(name)
    raise ArgumentError(
        f"there is no analyzer for {name!r}; take the code of a language ({', '.join(sorted(LANGUAGES))}), "
        f"where 'any' suits every language, or an analyzer ({', '.join(ANALYZERS)})"
    )


def analyzer_of(index: Index) -> Analyzer:
    """Return the analyzer that made the terms of an index; the default one where it keeps none.

    Raises:
        IndexModelMismatch: This version of bicross does not have that analyzer.
    """
    name = checked_instance(index, Index, "index").analyzer or ANALYZER
    if name not in ANALYZERS:
        raise IndexModelMismatch(
            f"{index.path} keeps terms of the analyzer {name!r}, which this bicross does not have: make them "
            f"anew with `bicross index-terms {index.path} --language LANGUAGE`, or use the bicross that made them"
        )
    return Analyzer(name)


def analyse(texts: Sequence[str]) -> list[list[str]]:
    """Return the terms of each text by the default analyzer, which is for English."""
    return _english([_with_parts(composed(text)) for text in checked_texts(texts, "texts")])


def _with_parts(text: str) -> str:
    """Return the text with the parts of each name of a program after it: "readFile read File" for "readFile"."""
    if _JOINED.search(text) is None:  # so it is with most texts
        return text
    return _WORD.sub(_name_and_parts, text)


def _name_and_parts(match: re.Match[str]) -> str:
    word = match.group()
    return f"{word} {_BETWEEN_PARTS.sub(' ', word)}" if _JOINED.search(word) else word


def _english(texts: Sequence[str]) -> list[list[str]]:
    """Return what bm25s' tokenizer makes of the texts; its import takes longer than a search, for it brings scipy."""
    words = [
        [word for word in _ENGLISH_WORD.findall(text.lower()) if word not in _ENGLISH_STOP_WORDS] for text in texts
    ]
    return _stems(words, "english")


def _stemmed(texts: Sequence[str], language: str) -> list[list[str]]:
    if language == "turkish":  # has an i without a dot, of which I is the capital
        texts = [text.replace("İ", "i").replace("I", "ı") for text in texts]
    stop_words = _stop_words(language)
    return _stems([[word for word in segmented(folded(text)) if word not in stop_words] for text in texts], language)


def _stems(texts: Sequence[Sequence[str]], language: str) -> list[list[str]]:
    """Return the stems of the words of each text; each different word is stemmed once."""
    different = list({word: None for text in texts for word in text})
    stems = dict(zip(different, cast("list[str]", _stemmer(language).stemWords(different)), strict=True))
    return [[stems[word] or word for word in text] for text in texts]


def _stemmer(language: str) -> Any:  # noqa: ANN401 - PyStemmer has no types
    """A stemmer of its own for each call: threads must not share one."""
    stemmers: Any = import_module("Stemmer")
    return stemmers.Stemmer(language)


@cache
def _stop_words(language: str) -> frozenset[str]:
    """The words of a language that say nothing, as bm25s lists them; none where it has no list."""
    lists: Any = import_module("bm25s.stopwords")
    listed = cast("Sequence[str]", getattr(lists, f"STOPWORDS_{language.upper()}", ()))
    return frozenset(word for entry in listed for word in segmented(folded(entry)))

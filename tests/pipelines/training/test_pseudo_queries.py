import random
import re
import subprocess
import sys

import pytest
from bicross.errors import ArgumentError, SourceError
from bicross.index import Document, sentence_spans
from bicross.pipelines.training import pseudo_query_pairs
from bicross.pipelines.training.pseudo_queries import heading_pairs, sentence_pairs, title_pairs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WORDS = "wing flow drag lift jet heat shock layer panel plate wave speed".split()  # noqa: SIM905
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=14).map(lambda words: " ".join(words) + ".")
texts = st.lists(sentences, max_size=12).map(" ".join)


def joined(text: str) -> str:
    return " ".join(text.split())


def sentences_of(text: str) -> list[str]:
    return [joined(text[start:end]) for start, end in sentence_spans(text)]


def without(text: str, sentence: str) -> str:
    """The text, on one line, less that sentence; the oracle of the cloze."""
    return joined(text.replace(sentence, " "))


def collection(documents: int, seed: int = 0) -> list[Document]:
    """Documents of eight sentences of eight words, no sentence of which comes twice."""
    chance = random.Random(seed)
    return [
        Document(
            f"d{n}",
            " ".join(f"{' '.join(chance.choices(WORDS, k=6))} case {n}x{s}." for s in range(8)),
            f"title of {n}",
        )
        for n in range(documents)
    ]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts, st.integers(0, 3), st.integers(16, 40))
def test_a_sentence_is_one_of_its_passage_and_all_the_rest_is_there(text, seed, max_words):
    if not text:
        return
    document = Document("d", text, "A wing")
    pairs = list(sentence_pairs(document, max_words=max_words, seed=seed))
    assert pairs == list(sentence_pairs(document, max_words=max_words, seed=seed))
    for pair in pairs:
        assert pair.document_id == "d"
        assert pair.query in sentences_of(text)
        assert pair.passage.startswith("A wing ")
        context = joined(pair.passage.removeprefix("A wing "))
        assert len(context.split()) <= max_words
        if pair.query in pair.passage:  # one that was left where it is
            assert context in joined(text)
            assert context.count(pair.query) == 1
            context = without(context, pair.query)
        assert len(context.split()) >= 8
        # Put back at one of the places between words, the sentence gives a stretch of the text again.
        cut = context.split()
        stretches = [" ".join([*cut[:position], pair.query, *cut[position:]]) for position in range(len(cut) + 1)]
        assert any(stretch in joined(text) for stretch in stretches)


def test_nine_of_ten_sentences_are_absent_from_their_passage():
    pairs = [pair for document in collection(1500) for pair in sentence_pairs(document)]
    assert len(pairs) == 1500
    left_in = sum(pair.query in pair.passage for pair in pairs)
    assert 105 <= left_in <= 195  # four standard deviations of a tenth


def test_every_sentence_can_be_taken():
    (document,) = collection(1)
    taken = {pair.query for seed in range(200) for pair in sentence_pairs(document, seed=seed)}
    assert taken == set(sentences_of(document.text))


def test_a_sentence_that_would_be_left_to_read_is_not_taken():
    twice = "The flow is laminar here. Heat is lost along the plate. The flow is laminar here. Shock waves are weak."
    taken = {pair.query for seed in range(50) for pair in sentence_pairs(Document("d", twice, "Shock waves are weak."))}
    assert taken == {"Heat is lost along the plate."}


def test_a_title_is_answered_by_the_text_without_it():
    body = "An experimental study of a wing in a propeller slipstream was made."
    for text in (
        body,
        f"Wing in a slipstream . {body}",
        f"# Wing in a Slipstream\n\n{body}",
        f"wing in a slipstream\n====\n{body}",
    ):
        (pair,) = title_pairs(Document("d", text, "Wing in a slipstream"))
        assert (pair.query, pair.passage, pair.kind) == ("Wing in a slipstream", body, "title")
    assert not list(title_pairs(Document("d", body)))
    assert not list(title_pairs(Document("d", "Too short.", "Title")))
    assert not list(title_pairs(Document("d", "", "Title")))


def test_only_the_beginning_of_a_long_text_answers():
    (document,) = collection(1)
    (pair,) = title_pairs(document, max_words=20)
    assert pair.passage == " ".join(sentences_of(document.text)[:2])


MARKDOWN = """# Saws

A saw is a tool with a hard edge that has teeth.

## How to sharpen a saw ##
File each tooth in turn, and keep the angle that it has.

```sh
# no heading, but a comment in a block of code
```
### Storage

Hang it on a wall.
"""
RST = """
====
Saws
====
A saw is a tool with a hard edge that has teeth.

How to sharpen a saw
--------------------
File each tooth in turn, and keep the angle that it has.
"""


@pytest.mark.parametrize("text", [MARKDOWN, RST])
def test_a_heading_is_answered_by_what_is_below_it(text):
    (pair,) = heading_pairs(Document("d", text, "Saws"))
    assert (pair.query, pair.kind) == ("How to sharpen a saw", "heading")
    assert pair.passage.startswith("File each tooth in turn, and keep the angle that it has.")
    assert "Hang it" not in pair.passage


def test_without_a_title_the_first_heading_is_one_of_them():
    assert [pair.query for pair in heading_pairs(Document("d", MARKDOWN))] == ["Saws", "How to sharpen a saw"]


def test_a_query_with_two_answers_is_left_out():
    body = "{} is lost along the whole length of the plate."
    documents = [Document("a", body.format("Heat"), "Losses"), Document("b", body.format("Speed"), "losses:")]
    documents.append(Document("c", body.format("Lift"), "Gains"))
    assert [pair.query for pair in pseudo_query_pairs(documents, kinds=["title"])] == ["Gains"]
    with pytest.raises(SourceError, match="no text to make pseudo-queries of"):
        pseudo_query_pairs(documents[:2], kinds=["title"])


def test_pairs_come_in_the_order_of_the_documents():
    documents = collection(20)
    pairs = pseudo_query_pairs(iter(documents))
    expected = [pair for document in documents for make in (title_pairs, sentence_pairs) for pair in make(document)]
    assert pairs == expected


@pytest.mark.slow
def test_pairs_of_a_document_depend_on_no_other_and_on_no_process():
    documents = collection(20)
    pairs = pseudo_query_pairs(documents, kinds=["sentence"])
    assert pseudo_query_pairs(documents[7:8], kinds=["sentence"]) == [
        pair for pair in pairs if pair.document_id == "d7"
    ]
    program = (
        "from bicross.index import Document; from bicross.pipelines.training.pseudo_queries import sentence_pairs\n"
        f"(pair,) = sentence_pairs(Document('d7', {documents[7].text!r}, {documents[7].title!r}))\n"
        "print(pair.query)"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert [printed.strip()] == [pair.query for pair in pairs if pair.document_id == "d7"]


@pytest.mark.parametrize("documents", [[], [Document("d", "Short.", "Title")], [Document("d", "", "A title alone")]])
def test_no_text_to_make_pairs_of(documents):
    with pytest.raises(SourceError, match=r"no text to make pseudo-queries of \(heading, sentence, title\)"):
        pseudo_query_pairs(documents)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ["abstract"]}, r"title, heading, sentence, not \['abstract'\]"),
        ({"kinds": []}, r"sentence, not \[\]"),
        ({"max_words": 15}, "max_words must be at least 16, not 15"),
    ],
)
def test_options_that_mean_nothing(options, message):
    with pytest.raises(ArgumentError, match=message):
        pseudo_query_pairs(collection(1), **options)


ATX = re.compile(r" {0,3}#{1,6}[ \t]+(?P<heading>.*?)[ \t]*#*[ \t]*")
"""What a heading is, in an expression that takes cubic time on long runs of blanks."""


@given(st.text("#a \t", max_size=12).map(lambda line: f"# {line}" if len(line) % 2 else line))
def test_headings_are_those_of_the_slow_expression(line):
    body = "One sentence of eight words that is below it."
    match = ATX.fullmatch(line)
    headings = [match["heading"]] if match and match["heading"] else []
    pairs = list(heading_pairs(Document("d", f"{line}\n{body}", "title")))
    assert [(pair.query, pair.passage) for pair in pairs] == [(heading, body) for heading in headings]


def test_a_heading_with_a_megabyte_of_blanks_is_read_at_once():
    line = "# a" + " \t" * 500_000
    [pair] = heading_pairs(Document("d", f"{line} ##\nOne sentence of eight words that is below it.", "title"))
    assert pair.query == "a"

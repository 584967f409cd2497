import json

import pytest
from bicross.errors import ArgumentError
from bicross.index import Document
from bicross.pipelines import Context
from bicross.pipelines.answers import INSTRUCTIONS
from bicross.pipelines.answers.context import cited, rendered
from bicross.pipelines.answers.context_selection import Span

TEXT = "Vaccines train the immune system. They are safe."


def citation(metadata=None, *, title="Vaccination", id_="vaccine", text=TEXT):
    [made] = cited([Span(Document(id_, text, title, metadata or {}), 0, len(text), 1, 0.9)])
    return made


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, "[1] Vaccination (vaccine, characters 0-48)"),
        ({"page": 3}, "[1] Vaccination (vaccine, page 3, characters 0-48)"),
        ({"page_number": "iv", "section": "How\n so"}, "[1] Vaccination (vaccine, page iv, How so, characters 0-48)"),
        ({"page": True, "heading": "", "section": "Safety"}, "[1] Vaccination (vaccine, Safety, characters 0-48)"),
        ({"page": [1], "heading": 1.5}, "[1] Vaccination (vaccine, characters 0-48)"),
    ],
)
def test_a_citation_names_the_document_and_the_place(metadata, expected):
    assert citation(metadata).label == expected


def test_a_citation_is_one_line():
    assert citation(title="").label == "[1] vaccine (characters 0-48)"
    assert citation(title="Two\n lines", id_="a\tb").label == "[1] Two lines (a b, characters 0-48)"


def test_passages_stand_below_their_citations():
    spans = [Span(Document("a", TEXT), 0, 33, 1, 0.9), Span(Document("b", "", "Title alone"), 0, 0, 2, 0.5)]
    expected = "[1] a (characters 0-33)\nVaccines train the immune system.\n\n[2] Title alone (b, characters 0-0)"
    assert rendered(cited(spans)) == expected
    assert rendered([]) == ""


def context(*citations):
    return Context("how do vaccines work?", citations, 12, 50, "tokens", 1, 2, 7)


def test_messages_for_a_model():
    made = context(citation())
    system, user = made.messages()
    assert system == {"role": "system", "content": INSTRUCTIONS}
    assert user == {"role": "user", "content": f"{made.text}\n\nQuestion: how do vaccines work?"}
    [only] = made.messages("why?", instructions="")
    assert only["content"].endswith("\n\nQuestion: why?")
    assert context().messages()[1]["content"] == "(There are no passages.)\n\nQuestion: how do vaccines work?"
    with pytest.raises(ArgumentError, match="question must be a str, not 7"):
        made.messages(7)


def test_as_json():
    made = context(citation({"page": 3}))
    record = json.loads(made.to_json())
    assert record == made.to_dict()
    assert record["citations"] == [
        {
            "number": 1,
            "id": "vaccine",
            "title": "Vaccination",
            "start": 0,
            "end": 48,
            "text": TEXT,
            "page": "3",
            "heading": None,
            "rank": 1,
            "relevance": 0.9,
            "passages": 1,
            "cut": False,
        }
    ]
    numbers = {name: value for name, value in record.items() if name not in ("text", "citations", "query")}
    assert numbers == {
        "size": 12,
        "budget": 50,
        "unit": "tokens",
        "near_duplicates": 1,
        "over_budget": 2,
        "generation": 7,
    }

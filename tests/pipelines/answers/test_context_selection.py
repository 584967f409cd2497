from itertools import pairwise

import numpy as np
import pytest
from bicross.errors import ArgumentError
from bicross.index import Document, Passage
from bicross.pipelines import SearchResult
from bicross.pipelines.answers.context import cited, rendered
from bicross.pipelines.answers.context_selection import ORDERS, Limits, Span, arranged, select, with_span
from helpers.examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

WORDS = ["a", "bee", "owl.", "Ein", "Öl", "日本。", "\n", " ", "x y"]


def results_of(passages):
    """Search results, best first, of (document, start, end)."""
    return [
        SearchResult(
            rank=rank,
            document=document,
            passage=Passage(document.text[start:end], start, end),
            score=-float(rank),
            relevance=1 / rank,
            logit=-float(rank),
            retrieval_score=0.0,
            retrieval_rank=rank,
        )
        for rank, (document, start, end) in enumerate(passages, start=1)
    ]


@st.composite
def passages(draw):
    """Passages of a few documents, in a random order, some of which overlap, follow each other, or are copies."""
    documents = [
        Document(f"d{number}", "".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=12))), f"t{number}")
        for number in range(draw(st.integers(1, 3)))
    ]
    spans = st.sampled_from(documents).flatmap(
        lambda document: st.tuples(
            st.just(document), st.integers(0, len(document.text)), st.integers(0, len(document.text))
        )
    )
    chosen = draw(st.lists(spans, max_size=8, unique_by=lambda span: (span[0].id, min(span[1:]), max(span[1:]))))
    return results_of([(document, min(ends), max(ends)) for document, *ends in chosen])


def words(text):
    return len(text.split())


def uneven(text):
    """Counts that are not additive, and that a longer text may have fewer of."""
    return len(text) + 7 * (len(text) % 3)


def limits(count=len, order="relevance", **values):
    values = {"budget": None, "top_k": None, "near_duplicates": 0.9, "oversized": "cut", "unit": "tokens"} | values
    return Limits(size=lambda spans: count(rendered(cited(arranged(spans, order)))), **values)


@settings(max_examples=examples(200), deadline=None)
@given(
    results=passages(),
    budget=st.integers(1, 200),
    top_k=st.none() | st.integers(1, 4),
    count=st.sampled_from([len, words, uneven]),
    order=st.sampled_from(ORDERS),
    oversized=st.sampled_from(["error", "cut"]),
)
def test_a_context_is_within_its_budget_and_has_nothing_twice(results, budget, top_k, count, order, oversized):
    within = limits(count, order, budget=budget, top_k=top_k, oversized=oversized)
    try:
        selection = select(results, None, within)
    except ArgumentError as error:
        assert f"a budget of {budget} tokens is smaller than the" in str(error)
        assert (
            within.size([Span(results[0].document, results[0].passage.start, results[0].passage.end, 1, 1.0)]) > budget
        )
        return
    assert selection == select(results, None, within)
    shown = arranged(selection.spans, order)
    citations = cited(shown)
    text = rendered(citations)
    assert count(text) <= budget or not text
    assert [citation.number for citation in citations] == list(range(1, len(citations) + 1))
    for citation, span in zip(citations, shown, strict=True):
        assert citation.text == span.document.text[citation.start : citation.end]
        assert citation.label in text
        assert citation.text in text
    assert sum(span.passages for span in shown) <= min(
        top_k or 99, len({result.passage.text for result in results}) + 3
    )
    for number, span in enumerate(shown):
        for other in shown[:number]:
            if other.document.id == span.document.id:
                first, last = sorted([span, other], key=lambda span: span.start)
                assert first.end < last.start
                assert span.document.text[first.end : last.start].strip()
    assert {span.rank for span in shown} <= {result.rank for result in results}
    assert selection.near_duplicates + selection.over_budget + sum(span.passages for span in shown) <= len(results)


@settings(max_examples=examples(100), deadline=None)
@given(results=passages())
def test_without_limits_every_passage_is_shown(results):
    selection = select(results, None, limits(near_duplicates=None))
    texts = {span.document.id: [] for span in selection.spans}
    for span in selection.spans:
        texts[span.document.id].append((span.start, span.end))
    for result in results:
        passage = result.passage
        held = any(start <= passage.start and passage.end <= end for start, end in texts.get(result.document.id, []))
        earlier = [other.passage.text for other in results[: result.rank - 1]]
        assert held or passage.text in earlier


@settings(max_examples=examples(100), deadline=None)
@given(results=passages(), order=st.sampled_from(ORDERS))
def test_the_order_is_the_one_that_was_asked_for(results, order):
    spans = select(results, None, limits()).spans
    shown = arranged(spans, order)
    ranks = [span.rank for span in shown]
    assert sorted(ranks) == [span.rank for span in spans]
    if order == "relevance":
        assert ranks == sorted(ranks)
    elif order == "edges":
        middle = ranks.index(max(ranks)) if ranks else 0
        assert ranks[:1] == sorted(ranks)[:1]
        assert ranks[-1:] == sorted(ranks)[1:2] or len(ranks) < 2
        assert ranks[: middle + 1] == sorted(ranks[: middle + 1])
        assert ranks[middle:] == sorted(ranks[middle:], reverse=True)
    else:
        ids = [span.document.id for span in shown]
        assert list(dict.fromkeys(ids)) == [span.document.id for span in _first_of_each(spans)]
        assert len({(id_, ids.index(id_)) for id_ in ids}) == len(set(ids))
        for span, following in pairwise(shown):
            assert span.document.id != following.document.id or span.end < following.start


def _first_of_each(spans):
    seen = set()
    return [span for span in spans if not (span.document.id in seen or seen.add(span.document.id))]


def test_neighbours_and_overlaps_merge_and_others_do_not():
    document = Document("d", "One two. Three four. Five six.")
    first, third, fifth = Span(document, 0, 8, 3, 0.3), Span(document, 9, 20, 1, 0.9), Span(document, 21, 30, 2, 0.5)
    assert with_span([first], fifth) == [fifth, first]
    [merged] = with_span([fifth, first], third)
    assert (merged.start, merged.end, merged.rank, merged.relevance, merged.passages) == (0, 30, 1, 0.9, 3)
    [overlapping] = with_span([first], Span(document, 4, 20, 5, 0.1))
    assert (overlapping.text, overlapping.rank) == ("One two. Three four.", 3)
    assert len(with_span([first], Span(Document("e", document.text), 9, 20, 1, 0.9))) == 2


def test_passages_with_nearly_equal_vectors_are_left_out():
    documents = [
        Document(f"d{i}", text) for i, text in enumerate(["A cat sat.", "A cat sits.", "A dog ran.", "A cat sat."])
    ]
    results = results_of([(document, 0, len(document.text)) for document in documents])
    vectors = np.array([[1, 0], [0.96, 0.28], [0, 1], [0.6, 0.8]], np.float32)

    def shown(**values):
        selection = select(results, vectors, limits(**values))
        return [span.document.id for span in selection.spans], selection.near_duplicates

    assert shown(near_duplicates=0.95) == (["d0", "d2"], 2)
    assert shown(near_duplicates=0.97) == (["d0", "d1", "d2"], 1)
    assert shown(near_duplicates=None) == (["d0", "d1", "d2"], 1)  # the last has the text of the first
    assert shown(near_duplicates=0.95, top_k=1) == (["d0"], 0)


def test_a_vector_is_a_copy_of_itself_whatever_the_rounding():
    vector = np.full(384, 1 / np.sqrt(np.float32(384)), np.float32) * np.float32(0.9999998)
    documents = [Document("d0", "one"), Document("d1", "two")]
    results = results_of([(document, 0, 3) for document in documents])
    assert len(select(results, np.stack([vector, vector]), limits(near_duplicates=1.0)).spans) == 1


def test_a_budget_below_the_best_passage_is_an_error_or_cuts_it_after_a_sentence():
    document = Document("d", "First sentence here. The second one is here. And a third.")
    results = results_of([(document, 0, len(document.text)), (Document("e", "Short."), 0, 6)])
    whole = len(rendered(cited(select(results[:1], None, limits()).spans)))
    message = rf"{whole - 1} tokens is smaller than the best passage, of document 'd', which takes {whole} with"
    with pytest.raises(ArgumentError, match=message):
        select(results, None, limits(budget=whole - 1, oversized="error"))
    selection = select(results, None, limits(budget=whole - 1))
    [span] = selection.spans
    assert (span.text, span.cut) == ("First sentence here. The second one is here.", True)
    assert selection.over_budget == 1
    first = len(rendered(cited([Span(document, 0, 20, 1, 1.0)])))
    [span] = select(results, None, limits(budget=first)).spans
    assert span.text == "First sentence here."
    message = rf"{first - 1} tokens is smaller than the first sentence .* document 'd', which takes {first} with"
    with pytest.raises(ArgumentError, match=message):
        select(results, None, limits(budget=first - 1))


def test_a_passage_without_room_is_left_out_and_a_shorter_one_taken():
    documents = [Document("a", "Short text."), Document("b", "Long " * 50), Document("c", "Short, too.")]
    results = results_of([(document, 0, len(document.text)) for document in documents])
    selection = select(results, None, limits(budget=100))
    assert [span.document.id for span in selection.spans] == ["a", "c"]
    assert selection.over_budget == 1

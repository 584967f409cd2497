"""Texts of documents are cut where a person would cut them, and cannot change the terminal."""

import unicodedata

import pytest
from bicross.pipelines.commands.terminal import plain, snippet
from hypothesis import given
from hypothesis import strategies as st

FAMILY = "👨‍👩‍👧"
LIMIT = 240


@pytest.mark.parametrize("text", ["می‌خواهم", FAMILY, "क्‍ष", "café", "हिन्दी"])
def test_what_joins_characters_is_kept(text):
    assert plain(text).plain == text


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\u202e", "\u2066", "\ud800", "\0", "\n"])
def test_what_changes_the_terminal_is_a_blank(character):
    assert plain(f"a{character}b").plain == "a b"


def test_texts_without_blanks_are_cut_between_characters():
    chinese = "注意 " + "今" * 500
    assert snippet(chinese) == chinese[:LIMIT] + " ..."
    assert snippet("ก็" * 300) == "ก็" * (LIMIT // 2) + " ..."


@pytest.mark.parametrize(
    "character",
    [FAMILY, "e\u0301\u0323", "👍🏽", "🇩🇪", "한".encode().decode(), "\u1112\u1161\u11ab", "❤️", "क्षि", "🧑‍🚀"],
)
@pytest.mark.parametrize("shift", range(9))
def test_no_character_that_a_person_sees_is_cut(character, shift):
    shown = snippet("x" * shift + character * 300).removesuffix(" ...")
    shown_characters = shown.removeprefix("x" * shift)
    assert shown_characters == character * (len(shown_characters) // len(character))
    assert LIMIT - 40 <= len(shown) <= LIMIT


@given(st.text(max_size=600))
def test_a_snippet_is_the_beginning_of_the_line(text):
    line = " ".join(text.split())
    shown = snippet(text)
    if len(line) <= LIMIT:
        assert shown == line
    else:
        begun = shown.removesuffix(" ...")
        assert line.startswith(begun)
        assert LIMIT - 40 <= len(begun) <= LIMIT
        after = line[len(begun)]
        assert after == " " or len(begun) == LIMIT - 40 or not unicodedata.category(after).startswith("M")


def test_a_cut_between_words_is_kept():
    text = "word " * 100
    assert snippet(text) == ("word " * 48).strip() + " ..."

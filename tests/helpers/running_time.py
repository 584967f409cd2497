"""Finds texts for which a function takes more than linear time."""

import gc
import time
from collections.abc import Callable

BLANKS = (" ", "\t", "\xa0", "\u3000", "\n", " \n", "\t\n\t", "\r", "\x1c", "\u2028", "\u200b", "\ufeff")
MARKUP = ("<a ", '<a b="', "<a b='>", "<!--", "<!", "</", "</a ", "<", "<script>", "<title>", "<![CDATA[", "<?", "-->")
REFERENCES = ("&", "&#", "&#1", "&#x1", "&amp")
HEADINGS = (
    "#",
    "# ",
    "# a\n",
    "## ",
    "a\n=\n",
    "===\n",
    "---\n",
    "---",
    "`",
    "```\n",
    "~~~\n",
    "- ",
    "\n-",
    "a: b\n",
    "  - a\n",
)
BRACKETS = ('"', "'", "\\", '\\"', '."', ".)", "[", "](", "((", ")", "{", '{"a":', "[[", "},", "|", "[a]: ")
COLUMNS = (",", ";", "a\t", '"a",', '""', '"\n', '\n"', "<top>", "<num>", "q 0 d 1\n", "q 0 d 1 1 t ")
WORDS = ("a", "1", "1.", "1e", "_", "a ", "a b. ", ". ", "not ", "-", "a and ", "(a)", "x in [", "'a' ")
SCRIPTS = ("e\u0301", "\u0301", "हि", "漢", "。", "。 ", "\u1112", "ไ", "か゛", "ﬁ", "👨\u200d", "\u202e", "ß")
PIECES = (*BLANKS, *MARKUP, *REFERENCES, *HEADINGS, *BRACKETS, *COLUMNS, *WORDS, *SCRIPTS)
"""What attacks and sloppy exports repeat."""

WORST = (
    " ",
    "\xa0",
    "\n",
    " \n",
    "<a ",
    "<!--",
    "&#1",
    "# ",
    "```\n",
    '"',
    "[",
    "((",
    "1",
    "e\u0301",
    "\u0301",
    "。",
    "<top>",
)
"""Pieces that have caused quadratic or cubic time somewhere."""

SHAPES = ("{}", "# a{}x", "<p>One sentence. {}\n>\"')")
"""How the repeated piece stands in a text."""

_MEASURABLE = 0.02
"""Seconds; shorter times are mostly noise, and a quadratic function takes longer from 2**16 characters on."""
_MOST = 9.0
"""A text four times as long may take three times as long for each doubling: 4 is linear, 16 is quadratic."""
_LONG = 5.0
"""Seconds; a function that takes longer and is not linear is not tried with a longer text."""


def seconds(function: Callable[[str], object], text: str) -> float:
    """The processor time of one call, without the collection of garbage."""
    gc.disable()
    try:
        started = time.process_time()
        function(text)
        return time.process_time() - started
    finally:
        gc.enable()


def require_linear(function: Callable[[str], object], piece: str, shape: str, *, largest: int) -> None:
    """Assert that four times the text takes at most nine times as long, at the first size that can be measured.

    A function may do more with a text from some length on: then the next step must be linear. All times are the least
    of several, since other processes only add to them.
    """

    def text(size: int) -> str:
        return shape.replace("{}", piece * (size // len(piece)))

    def linear(size: int, tries: int) -> bool:
        quarter = whole = float("inf")
        for _ in range(tries):
            quarter, whole = min(quarter, seconds(function, text(size // 4))), min(whole, seconds(function, text(size)))
            if whole < _MEASURABLE or whole <= _MOST * quarter:
                return True
        return False

    size, quarter = 2**12, 0.0
    while (taken := seconds(function, text(size))) < _MEASURABLE and size < largest:
        size, quarter = min(largest, 4 * size), taken
    if taken < _MEASURABLE or taken <= _MOST * quarter or linear(size, tries=2):
        return
    assert taken < _LONG and linear(4 * size, tries=5), (
        f"{size} characters of {text(60)!r:.60} take more than linear time"
    )

"""Reads title and text of HTML pages, in time that grows with the length of the page and no faster.

Python's own ``html.parser`` takes quadratic time on some pages (``"<a " * 10_000`` takes half a minute on Python 3.11).
The markup is split as the HTML standard splits it (https://html.spec.whatwg.org/multipage/parsing.html), but less is
dropped: a comment without an end ends at the next ``>``, and a tag without one is text.
"""

import re
from collections import Counter
from collections.abc import Sequence
from html import unescape

from .page import TextPage, language_named

# Every quantifier that could give back characters is possessive: no part of a page is tried twice.
_TAG = re.compile(
    r"""<(?P<end>/?)(?P<name>[a-zA-Z][^ \t\n\r\f/>]*+)
    (?: [ \t\n\r\f]++
      | /(?!>)
      | [^ \t\n\r\f/>][^ \t\n\r\f/>=]*+  # the name of an attribute, and its value
        (?: [ \t\n\r\f]*+ = [ \t\n\r\f]*+ (?: "[^"]*+" | '[^']*+' | [^ \t\n\r\f"'>][^ \t\n\r\f>]*+ )? )?+
    )*+
    (?P<closed>/?)>""",
    re.VERBOSE,
)
_PLAIN_TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-zA-Z][^ \t\n\r\f/>]*+)[^>]*+(?P<closed>)>")
_COMMENT_END = re.compile(r"--!?>")
_SECTION_END = re.compile(r"\]\]>")
_LONG_NUMBER = re.compile(r"&#([0-9]{8,});?")

_BREAK = "\0"  # cannot be confused with the line breaks inside a block, which are mere spaces
_RAW_ENDS = {name: re.compile(rf"</{name}(?=[ \t\n\r\f/>])", re.IGNORECASE) for name in ("script", "style")}
_NO_TEXT = {*_RAW_ENDS, "title"}
_LEFT_OUT = {"nav", "noscript", "template", "button", "select", "datalist"}
"""What is not about the subject of the page, or not shown."""
_WITH_OWN_END = {"main", "nav", "noscript", "template"}
"""One of these without an end may hold the rest of the page: it does not end with the element around it."""
_LEFT_OUT_ROLES = {"navigation", "search", "menu", "menubar"}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6", "summary", "dt"}
"""A button in one of these is the heading of a part that opens, as of a question and its answer."""
_WITHOUT_END = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_MAY_HIDE = re.compile("role|hidden|style", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"""[ \t\n\r\f/"']++ (?P<name>[^ \t\n\r\f/>=]++)
    (?: [ \t\n\r\f]*+ = [ \t\n\r\f]*+
      (?: "(?P<double>[^"]*+)" | '(?P<single>[^']*+)' | (?P<bare>[^ \t\n\r\f>]++) ) )?+""",
    re.VERBOSE,
)
_INLINE = (
    {"a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i"}
    | {"img", "ins", "kbd", "label", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike"}
    | {"strong", "sub", "sup", "time", "tt", "u", "var", "wbr"}
)


def read_html(content: str) -> TextPage:
    """Return a page: its text with a line for each block, without its navigation, and the language that it names.

    Where one part is marked as the main one (``<main>``), the text is that part.
    """
    page = _Page(content)
    page.read()
    # A page that is all navigation, such as a table of contents, keeps it.
    blocks = _blocks(page.main_text()) or _blocks(page.text_kept()) or _blocks(page.text)
    return TextPage("\n".join(blocks), "".join(_blocks(page.title)[:1]), language_named(page.language))


def html_title_and_text(content: str) -> tuple[str, str]:
    """Return the title and the text of what ``read_html`` reads."""
    page = read_html(content)
    return page.title, page.text


def _blocks(pieces: Sequence[str]) -> list[str]:
    blocks = (" ".join(block.split()) for block in "".join(pieces).split(_BREAK))
    return [block for block in blocks if block]


class _Page:
    """Collects a page's title and text, with a break at every tag that begins or ends a block."""

    def __init__(self, content: str) -> None:
        self.title: list[str] = []
        self.text: list[str] = []
        self.language = ""
        self._content = content
        self._inside = ""  # the element whose content is not part of the text
        self._drawings = 0  # open at this place; they have titles, too
        self._headings = 0  # open at this place
        self._open: list[tuple[str, int]] = []  # main or to leave out, where in the text each begins; -1 for others
        self._open_of = Counter[str]()  # how many of these have a name
        self._left_out: list[tuple[int, int]] = []  # the parts of the text that the outermost of them took
        self._main: list[tuple[int, int]] = []  # the parts of the text that are marked as the main one
        self._tag = _TAG
        self._last = content.rfind(">")  # no markup ends after it
        self._last_comment_end = max(content.rfind("-->"), content.rfind("--!>"))
        self._last_section_end = content.rfind("]]>")

    def read(self) -> None:
        """Read the page from the beginning to the end."""
        content, position = self._content, 0
        while (start := content.find("<", position)) >= 0:
            self._data(content[position:start])
            position = self._markup(start)
        self._data(content[position:])

    def text_kept(self) -> list[str]:
        """Return the text without elements that are left out. One without an end stays: it would take all the rest."""
        return self._kept(0, len(self.text))

    def main_text(self) -> list[str]:
        """Return what of that text is marked as the main part; nothing where there is none, or several."""
        return self._kept(*self._main[0]) if len(self._main) == 1 else []

    def _kept(self, start: int, stop: int) -> list[str]:
        strings: list[str] = []
        for begin, end in self._left_out:
            if begin >= start and end <= stop:
                strings += [*self.text[start:begin], _BREAK]
                start = end
        return strings + self.text[start:stop]

    def _markup(self, start: int) -> int:
        """Read the markup, or the text, that begins with the ``<`` at ``start``; return where it ends."""
        content = self._content
        following = content[start + 1 : start + 3]
        if start > self._last or not following:
            self._data(content[start:])
            return len(content)
        if following[0] in "!?" or (following[0] == "/" and not _is_letter(following[1:])):
            return self._end_of_declaration(start)
        if following[0] != "/" and not _is_letter(following[0]):
            self._data("<")
            return start + 1
        match = self._tag.match(content, start)
        if match is None:  # the page ends between the attributes: from here on a tag ends at the first ">"
            self._tag = _PLAIN_TAG
            return self._markup(start)
        return self._element(match)

    def _end_of_declaration(self, start: int) -> int:
        content, end = self._content, None
        if content.startswith("<!--", start) and not content.startswith((">", "->"), start + 4):
            if self._last_comment_end >= start + 4:
                end = _COMMENT_END.search(content, start + 4)
        elif content.startswith("<![CDATA[", start) and self._last_section_end > start:
            end = _SECTION_END.search(content, start)
        return end.end() if end else content.index(">", start) + 1

    def _element(self, match: re.Match[str]) -> int:
        name, end = match["name"].lower(), match.end()
        if match["end"]:
            self._end_tag(name)
            return end
        self._start_tag(name, match[0])
        if match["closed"]:
            self._end_tag(name)
        elif name in _RAW_ENDS:
            raw_end = _RAW_ENDS[name].search(self._content, end)
            return raw_end.start() if raw_end else len(self._content)
        return end

    def _start_tag(self, name: str, tag: str) -> None:
        if name == "html":
            self.language = self.language or _language(tag)
        if name in _NO_TEXT:
            self._inside = name
        elif name not in _WITHOUT_END:
            self._open_element(name, tag)
        self._drawings += name == "svg"
        self._headings += name in _HEADINGS
        if name not in _INLINE:
            self.text.append(_BREAK)

    def _open_element(self, name: str, tag: str) -> None:
        is_left_out = name in _LEFT_OUT and not (name == "button" and self._headings)
        if is_left_out or name == "main" or _is_hidden(tag):
            self._open.append((name, len(self.text)))
        elif self._open_of[name]:  # its end is not that of the one around it
            self._open.append((name, -1))
        else:
            return
        self._open_of[name] += 1

    def _end_tag(self, name: str) -> None:
        if name == self._inside:
            self._inside = ""
        if name == "title":
            self.title.append(_BREAK)
        elif name == "svg":
            self._drawings = max(0, self._drawings - 1)
        elif name in _HEADINGS:
            self._headings = max(0, self._headings - 1)
        if name not in _INLINE:
            self.text.append(_BREAK)
        if self._open_of[name]:
            self._close_element(name)

    def _close_element(self, name: str) -> None:
        ended, begin = "", -1
        while ended != name:  # those inside of it that have no end of their own end with it
            if self._open[-1][0] in _WITH_OWN_END - {name}:
                return
            ended, begin = self._open.pop()
            self._open_of[ended] -= 1
        if begin >= 0:
            _add(self._main if name == "main" else self._left_out, begin, len(self.text))

    def _data(self, data: str) -> None:
        if data and not self._inside:
            self.text.append(_unescaped(data))
        elif data and self._inside == "title" and not self._drawings:
            self.title.append(_unescaped(data))


def _add(parts: list[tuple[int, int]], begin: int, end: int) -> None:
    """Add a part of the text, in the place of those inside of it."""
    while parts and parts[-1][0] >= begin:
        parts.pop()
    parts.append((begin, end))


def _is_hidden(tag: str) -> bool:
    """Whether the attributes of a tag say that its element is navigation, or that nobody sees it."""
    return bool(_MAY_HIDE.search(tag)) and any(map(_hides, _ATTRIBUTE.finditer(tag)))


def _hides(attribute: re.Match[str]) -> bool:
    value = (attribute["double"] or attribute["single"] or attribute["bare"] or "").lower()
    match attribute["name"].lower():
        case "role":
            return not _LEFT_OUT_ROLES.isdisjoint(value.split())
        case "hidden":
            return value != "until-found"  # which a search in the page shows
        case "aria-hidden":
            return value.strip() == "true"
        case "style":
            return "display:none" in "".join(value.split())
        case _:
            return False


def _language(tag: str) -> str:
    """The language that a tag names, in HTML or in XHTML, or ""."""
    for attribute in _ATTRIBUTE.finditer(tag):
        if attribute["name"].lower() in ("lang", "xml:lang"):
            return attribute["double"] or attribute["single"] or attribute["bare"] or ""
    return ""


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()


def _unescaped(data: str) -> str:
    """The text that its character references stand for."""
    if "&" not in data:
        return data
    # ``unescape`` takes quadratic time for a number of many digits, and refuses one of thousands.
    return unescape(_LONG_NUMBER.sub(_short_number, data))


def _short_number(match: re.Match[str]) -> str:
    digits = match[1].lstrip("0")
    return "\ufffd" if len(digits) > 7 else f"&#{digits or 0};"

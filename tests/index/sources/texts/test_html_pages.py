"""Pages are read as Python's own parser reads them where they are well formed, and without losing text where not."""

from html import escape
from html.parser import HTMLParser

import pytest
from bicross.index import read_documents
from hypothesis import given
from hypothesis import strategies as st

INLINE = ("a", "b", "code", "em", "span")
BLOCKS = ("p", "div", "h1", "li", "td", "section")


class Reference(HTMLParser):
    """The text of a page by Python's own parser."""

    def __init__(self, content):
        super().__init__()
        self.pieces, self.hidden = [], 0
        self.feed(content)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in ("script", "style", "title")
        self.pieces.append("" if tag in INLINE else "\0")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("script", "style", "title")
        self.pieces.append("" if tag in INLINE else "\0")

    def handle_data(self, data):
        self.pieces.append("" if self.hidden else data)

    @property
    def text(self):
        blocks = (" ".join(block.split()) for block in "".join(self.pieces).split("\0"))
        return "\n".join(block for block in blocks if block)


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
values = st.sampled_from(["", '="x > y"', "='<b>'", "=plain", ' = "a\'b"', "=a/b"])
attributes = st.lists(st.tuples(st.sampled_from(["href", "data-x", "@click", ":a"]), values), max_size=3).map(
    lambda pairs: "".join(f" {name}{value}" for name, value in pairs)
)
leaves = (
    words.map(escape)
    | st.sampled_from(["&eacute;", "&#233;", "&#xe9;", "&amp;lt;", "& ", "a < b", "1 > 0", "<br>", "<br />", "<hr/>"])
    | words.map(lambda text: f"<!-- {text.replace('-', '').replace('>', '')} <p> -->")
    | words.map(lambda text: f"<script>if (a < b) '{text.replace('<', '')}<p>'</script>")
    | st.just("<style>p > a { color: red }</style>")
    | st.sampled_from(["<?xml version='1.0'?>", "<![CDATA[ a <p> b ]]>"])
)
markup = st.recursive(
    leaves,
    lambda inner: st.builds(
        "<{0}{1}>{2}</{0}>".format,
        st.sampled_from([*INLINE, *BLOCKS, "P", "Div"]),
        attributes,
        st.lists(inner, max_size=4).map("".join),
    ),
    max_leaves=12,
)


@given(st.lists(markup, max_size=5).map("".join))
def test_well_formed_pages_are_read_as_by_python(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "well-formed.html"
    whole = f"<!DOCTYPE html><title>t</title><body>start {content} end</body>"
    path.write_text(whole, "utf-8", newline="")
    [document] = read_documents(path)
    assert document.text == Reference(whole).text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>one<!-- never closed <b>two</b>", "onetwo"),
        ("<p>one <a href='x>two</a> three", "one two three"),
        ('<p>one <a title="a > b" href=">">two</a>', "one two"),
        ("<p>one <a b two", "one <a b two"),
        ("<p>1 < 2 <3 and > 4", "1 < 2 <3 and > 4"),
        ("<p>one</ p>two</>three", "onetwothree"),
        ("<p>one<![if x]>two<![endif]>three", "onetwothree"),
        ("<p>one<![CDATA[a > b]]>three", "onethree"),
        ("<p>one<![CDATA[a > b", "one b"),
        ("<p>one<!-->two<!--->three<!-- a --!>four", "onetwothreefour"),
        ("<p>one<script>a</scripted></SCRIPT >two", "one\ntwo"),
        ("<script/>one<style src=x />two", "one\ntwo"),
        ("<p>one<", "one<"),
        ("<p>one</", "one</"),
        ("<p>one<!", "one<!"),
        ("<a <b>one", "one"),
    ],
)
def test_broken_pages(page, content, text):
    assert page(content).text == text


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("&#65;&#x41;&#0000000065;", "AAA"),
        ("&#" + "9" * 5000 + ";x", "\ufffdx"),
        ("&#x" + "9" * 5000 + ";x", "\ufffdx"),
        ("&#00000000;x", "\ufffdx"),
        ("&ampx &amp;amp; &unknown; &", "&x &amp; &unknown; &"),
    ],
)
def test_character_references(page, reference, text):
    assert page(f"<p>{reference}").text == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<header>Site</header><nav>a</nav><MAIN class=x><h1>M</h1><nav>in</nav>one</MAIN><footer>c", "M\none"),
        ("<main>one<main>two</main></main>three", "one\ntwo"),
        ("<main>one</main><p>two<main>three</main>", "one\ntwo\nthree"),  # which one is it?
        ("<p>one<main>two", "one\ntwo"),
        ("<p>one<main> </main>", "one"),
        ("<nav>a<main>one</main>b</nav>", "one"),
    ],
)
def test_the_main_part_of_a_page_is_its_text(page, content, text):
    assert page(content).text == text


@pytest.mark.parametrize(
    ("markup", "kept"),
    [
        ('<div class="sphinxsidebar" role="navigation"><div>Contents</div>Next</div><p>Text', "Text"),
        ("<p>Text<ul ROLE=menu><li>Open<li>Save</ul><div role='region'>More</div>", "Text More"),
        ('<form role="search"><div>Find</div></form><p>Text<img role="presentation">', "Text"),
        ("<p hidden>Gone</p><p hidden=until-found>Found</p><p title='hidden'>Text</p>", "Found Text"),
        ('<div style="color:red; display : NONE"><div>Gone</div></div><b style="display:inline">Text</b>', "Text"),
        ('<span aria-hidden="true">x</span><span aria-hidden="false">Text</span>', "Text"),
        ("<select><option>one<option selected>two</select><button>Go</button>Text", "Text"),
        ("<h3><button aria-expanded=false>What is it?</button></h3><div>Text</div>", "What is it? Text"),
        ("<nav><img hidden><p hidden>Gone<br hidden></nav>Text", "Text"),
        ("<nav><button>Gone</nav>Text", "Text"),
        ("<div hidden>No end<p>Text", "No end Text"),
        ("<div data-role=navigation>Text</div><div data-hidden>More</div>", "Text More"),
    ],
)
def test_what_is_navigation_or_not_shown_is_left_out_by_its_attributes(page, markup, kept):
    assert page(f"<body>{markup}").text.split() == kept.split()

"""Encodings of texts: what a file says of itself comes first, then what the user says, then UTF-8."""

import codecs

import pytest
from bicross.errors import ArgumentError, DocumentError
from bicross.index import read_documents


@pytest.fixture
def read(tmp_path):
    def text_of(name, content, **options):
        path = tmp_path / name
        path.write_bytes(content)
        [document] = read_documents(path, **options)
        return document.text

    return text_of


@pytest.mark.parametrize(
    ("label", "encoding", "text"),
    [
        ("gbk", "gbk", "疫苗如何工作"),
        ("GB2312", "gb18030", "疫苗如何工作"),
        ("iso-8859-1", "cp1252", "café – 5 €"),  # as browsers read it
        ("latin1", "latin-1", "café"),
        ("windows-1252", "cp1252", "“café”"),
        ("iso-8859-15", "iso-8859-15", "5 €"),
        ("windows-1251", "cp1251", "поиск"),
        ("koi8-r", "koi8-r", "поиск"),
        ("Shift_JIS", "cp932", "検索①"),
        ("x-sjis", "cp932", "検索"),
        ("euc-kr", "cp949", "검색"),
        ("big5", "big5", "搜尋"),
        ("utf-8", "utf-8", "žluťoučký"),
        ("UTF-16", "utf-8", "žluťoučký"),  # who can read the label as ASCII has no UTF-16
        ("us-ascii", "ascii", "plain"),
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        '<meta charset="{}">',
        "<META CharSet={}>",
        "<meta charset = '{}' />",
        '<meta http-equiv="Content-Type" content="text/html; charset={}">',
        '<?xml version="1.0" encoding="{}"?>',
        '<!-- <meta charset="no-such"> --><meta name="a"><meta charset="{}">',
    ],
)
def test_the_charset_of_a_page(read, label, encoding, text, form):
    page = f"{form.format(label)}<p>{text}</p>".encode(encoding)
    assert read("a.html", page) == text
    assert read("a.html", page, encoding="utf-16") == text  # the page's own word counts


def test_a_mark_counts_before_what_the_page_and_the_user_say(read):
    page = codecs.BOM_UTF8 + '<meta charset="gbk"><p>žluťoučký'.encode()
    assert read("a.html", page, encoding="cp1252") == "žluťoučký"
    assert read("a.txt", codecs.BOM_UTF16_BE + "ü".encode("utf-16-be"), encoding="gbk") == "ü"


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.rst", "a.html"])
def test_the_user_names_the_encoding_of_files_that_name_none(read, name):
    assert read(name, "<p>café".encode("cp1252"), encoding="cp1252").endswith("café")
    assert read(name, "<p>поиск".encode("cp1251"), encoding="windows-1251").endswith("поиск")


def test_only_html_names_its_encoding(read):
    assert read("a.txt", '<meta charset="gbk">é'.encode()) == '<meta charset="gbk">é'


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        (
            "a.txt",
            b"caf\xe9",
            {},
            r"a\.txt: byte 4 \(0xe9\) is not UTF-8; save the file as UTF-8, or name its encoding",
        ),
        ("a.md", b"\xd2\xdf", {}, r"a\.md: byte 1 \(0xd2\) is not UTF-8; .* \(--encoding, as in --encoding cp1252\)"),
        ("a.txt", b"a\x81", {"encoding": "cp1252"}, r"byte 2 \(0x81\) is not cp1252; save the file as UTF-8, or name"),
        ("a.txt", b"abc", {"encoding": "utf-16-le"}, r"byte 3 \(0x63\) is not utf-16-le"),
        (
            "a.html",
            b'<meta charset="utf-8">caf\xe9',
            {},
            r"byte 26 \(0xe9\) is not utf-8, as the page itself says; correct what the page says",
        ),
        ("a.html", b'<meta charset="no-such">', {}, r"the page says that its charset is 'no-such', which is not known"),
        ("a.html", b'<meta charset="zip">', {}, r"charset is 'zip', which is not known"),
        ("a.html", b'<meta charset="\xff\x00">x', {}, r"charset is '.*', which is not known"),
        ("a.txt", codecs.BOM_UTF16_LE + b"abc", {}, r"byte 5 \(0x63\) is not UTF-16, as its byte order mark says"),
    ],
)
def test_bytes_that_are_not_of_the_encoding(read, name, content, options, message):
    with pytest.raises(DocumentError, match=message):
        read(name, content, **options)


@pytest.mark.parametrize("encoding", ["no-such", "zip", "rot13", "", 7])
def test_encodings_that_are_none(read, encoding):
    with pytest.raises(ArgumentError, match="there is no text encoding"):
        read("a.txt", b"a", encoding=encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Größe – café", "cp1252"),
        ("poisson d’avril", "latin-1"),
        ("поиск", "cp1251"),
        ("机器学习的方法很多样", "gb18030"),
    ],
)
@pytest.mark.parametrize(("name", "content"), [("a.txt", "{}"), ("a.csv", "id,text\n1,{}\n"), ("a.md", "{}\n")])
def test_a_named_encoding_is_that_of_files_that_are_not_utf_8(read, text, encoding, name, content):
    assert read(name, content.format(text).encode(), encoding=encoding).strip() == text
    if text.encode(encoding, "replace").decode(encoding) == text:
        assert read(name, content.format(text).encode(encoding), encoding=encoding).strip() == text


def test_few_characters_that_are_utf_8_by_accident_are_in_the_named_encoding(read):
    assert read("a.txt", "通".encode("gbk"), encoding="gbk") == "通"  # its two bytes are UTF-8, too
    assert read("a.txt", "ü".encode("utf-16-le"), encoding="utf-16-le") == "ü"
    assert read("a.txt", b"plain", encoding="cp1252") == "plain"

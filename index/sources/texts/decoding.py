"""Decodes the bytes of a text file: in the encoding that the file names itself, or in the one that the user names."""

import codecs
import re

from ..encodings import is_utf8
from .page import PageError

_MARKS = (  # UTF-32 first, because its mark begins as that of UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_LOOKED_AT = 4096
"""Bytes in which an HTML page must name its encoding. The standard asks for it in the first 1,024."""

_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_CHARSET = re.compile(
    rb"""<meta\b[^>]*?\bcharset\s{0,9}=\s{0,9}["']?\s{0,9}([^\s"'/>;]{1,40})"""
    rb"""|<\?xml\b[^>]*?\bencoding\s{0,9}=\s{0,9}["']([^\s"'>]{1,40})""",
    re.IGNORECASE,
)
_AS_BROWSERS_READ = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
    "utf-16": "utf-8",  # who reads the name as ASCII has no UTF-16 before them
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
}
"""Encodings that web pages name, and the larger ones that are meant: https://encoding.spec.whatwg.org/#names-and-labels."""
_ALIASES = {"x-sjis": "cp932", "windows-31j": "cp932", "windows-949": "cp949", "ks_c_5601-1987": "cp949"}


def decode(content: bytes, *, encoding: str | None, is_html: bool) -> str:
    r"""Return the text, with ``\n`` at the end of every line.

    Args:
        content: The bytes of a file.
        encoding: The encoding if the file itself names none, by a byte order mark or in HTML,
            and is not UTF-8; None is UTF-8.
        is_html: Whether the file may name its encoding as HTML does.

    Raises:
        PageError: The bytes are not of that encoding, or the file names one that is not known.
    """
    name, encoding_words = _encoding(content, encoding, is_html=is_html)
    try:
        text = content.decode(name)
    except UnicodeDecodeError as error:
        length = min(error.end, error.start + 1) - error.start
        bad = content[error.start : error.start + length].hex()
        raise PageError(
            "encoding", f"byte {error.start + 1} (0x{bad}) is not {encoding_words}; {_remedy(encoding_words)}"
        ) from None
    except (UnicodeError, LookupError) as error:  # utf-16 without its mark, or no encoding of texts
        raise PageError("encoding", f"it is not {encoding_words}: {error}; {_remedy(encoding_words)}") from None
    if "\0" in text[:_LOOKED_AT]:
        raise PageError("encoding", "it has characters of zero, as files have that are not text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _encoding(content: bytes, encoding: str | None, *, is_html: bool) -> tuple[str, str]:
    """Return the encoding as Python names it, and how a message names it."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name, f"{name.removesuffix('-sig').upper()}, as its byte order mark says"
    if is_html and (label := _charset(content[:_LOOKED_AT])):
        return _known(label), f"{label}, as the page itself says"
    if encoding is None or is_utf8([content], encoding):
        return "utf-8", "UTF-8"
    return encoding, encoding


def _charset(start: bytes) -> str:
    named = _CHARSET.search(_COMMENT.sub(b"", start))
    return "" if named is None else (named[1] or named[2]).decode("ascii", "replace")


def _known(label: str) -> str:
    name = label.lower()
    try:
        name = codecs.lookup(_ALIASES.get(name, name)).name
        "".encode(name)  # refuses those that are not encodings of texts, such as rot13 and zip
    except (LookupError, ValueError):
        raise PageError(
            "encoding", f"the page says that its charset is {label!r}, which is not known; save it as UTF-8"
        ) from None
    return _AS_BROWSERS_READ.get(name, name)


def _remedy(encoding_words: str) -> str:
    if "itself says" in encoding_words:
        return "correct what the page says, or save it as UTF-8"
    return "save the file as UTF-8, or name its encoding (--encoding, as in --encoding cp1252)"

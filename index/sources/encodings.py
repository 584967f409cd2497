"""Finds the encoding of lines: the one that a byte order mark tells, that the user names, or else UTF-8."""

import codecs
from collections.abc import Iterable

ON_ERROR = "bicross.mark"
"""How to open a text so that bytes that cannot be decoded are marked, and found by ``check_decoded``."""

_MARK = "\udcff"  # no decoder yields a lone surrogate by itself; the one after it tells the byte
_REMEDY = "name the encoding of the file with encoding (--encoding), as in cp1252, or save it as UTF-8"


def encoding_of(start: bytes, named: str | None = None) -> str:
    """Return the encoding of a text.

    A byte order mark counts first, because no text in another encoding begins with one. Without a mark, and where no
    encoding is named, ASCII characters between bytes of zero tell UTF-16 and UTF-32, as RFC 4627 does for JSON.

    Args:
        start: The first four bytes, or all where there are fewer.
        named: The encoding that the user has named.
    """
    if start in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):  # first, because one begins like UTF-16
        return "utf-32"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    return named or _WITHOUT_MARK.get(tuple(map(bool, start)), "utf-8")


_WITHOUT_MARK: dict[tuple[bool, ...], str] = {
    (True, False, True, False): "utf-16-le",
    (False, True, False, True): "utf-16-be",
    (True, False, False, False): "utf-32-le",
    (False, False, False, True): "utf-32-be",
}


def is_utf8(blocks: Iterable[bytes], named: str) -> bool:
    """Whether a file is UTF-8 although the user has named another encoding, as that of the files that are not.

    Texts in other encodings are hardly ever valid UTF-8 beyond ASCII. A few characters in an encoding with two bytes
    for each may be.

    Args:
        blocks: The bytes of the file; no more are read after those that are not UTF-8.
        named: The encoding, as Python names it. Whoever names a UTF means it.
    """
    if codecs.lookup(named).name.startswith("utf"):
        return False
    least = 1 if len(_TWO_CHARACTERS.decode(named, "replace")) == len(_TWO_CHARACTERS) else LEAST_CHARACTERS
    decoder, count = codecs.getincrementaldecoder("utf-8")(), 0
    try:
        for block in blocks:
            text = decoder.decode(block)
            if not text.isascii():
                count += sum(character > "\x7f" for character in text)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return count >= least


_TWO_CHARACTERS = "\xe9\u4e2d".encode()
"""As many characters as bytes in an encoding with one byte for each."""
LEAST_CHARACTERS = 8
"""Characters beyond ASCII after which valid UTF-8 is no accident in an encoding with two bytes for each."""


def check_decoded(text: str, encoding: str) -> None:
    """Raise ``ValueError`` where a byte of a line could not be decoded."""
    position = text.find(_MARK)
    if position >= 0:
        byte = ord(text[position + 1]) - 0xDC00
        raise ValueError(
            f"the byte 0x{byte:02x} at character {position + 1} cannot be decoded as {encoding}; {_REMEDY}"
        )


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _MARK + chr(0xDC00 + error.object[error.start]), error.end


codecs.register_error(ON_ERROR, _mark_undecodable)

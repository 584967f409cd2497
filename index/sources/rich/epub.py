"""Reads EPUB files: a part for each chapter, which is a page of XHTML in a zip archive."""

import posixpath
from collections.abc import Iterator
from typing import IO
from urllib.parse import unquote
from xml.etree import ElementTree
from zipfile import BadZipFile, ZipFile

from ..budget import MAX_ROW_BYTES
from ..texts import PageError, decode, html_title_and_text
from .parts import FileProblem, Limits, Part, open_zip

_CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}rootfile"
_OPF, _DC = "{http://www.idpf.org/2007/opf}", "{http://purl.org/dc/elements/1.1/}"
_ENCRYPTED = "{http://www.w3.org/2001/04/xmlenc#}CipherReference"
_HEADING_CHARACTERS = 100


def read_epub(file: IO[bytes], limits: Limits) -> Iterator[Part]:
    """Yield the chapters that have text, in the order in which they are read."""
    with open_zip(file) as archive:
        limits.check_zip(archive, tree=False)
        container = _xml(archive, "META-INF/container.xml")
        rootfile = container.find(f".//{_CONTAINER}")
        package_path = "" if rootfile is None else rootfile.get("full-path", "")
        package = _xml(archive, package_path)
        encrypted = _encrypted(archive)
        title, about = _said(package, "title"), dict[str, object]()
        for name, field in (("creator", "author"), ("language", "language")):
            if value := _said(package, name):
                about[field] = value
        for number, name in enumerate(_chapters(package, posixpath.dirname(package_path)), start=1):
            if name in encrypted:
                raise FileProblem("damaged", "its chapters are encrypted (DRM)")
            heading, text = _page(_content(archive, name))
            text = limits.spend(text)
            if heading == title or not heading:
                heading = text.strip().partition("\n")[0][:_HEADING_CHARACTERS]
            if text.strip():
                yield Part(f"chapter={number}", text, title, {"chapter": number, "heading": heading, **about})


def _chapters(package: ElementTree.Element, folder: str) -> Iterator[str]:
    """Yield the names of the pages in the archive, as the spine lists them."""
    pages = {
        item.get("id"): posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))
        for item in package.iter(f"{_OPF}item")
        if item.get("media-type") in ("application/xhtml+xml", "text/html")
    }
    for reference in package.iter(f"{_OPF}itemref"):
        if name := pages.get(reference.get("idref")):
            yield name


def _said(package: ElementTree.Element, name: str) -> str:
    element = package.find(f".//{_DC}{name}")
    return "" if element is None else " ".join((element.text or "").split())


def _page(content: bytes) -> tuple[str, str]:
    try:
        return html_title_and_text(decode(content, encoding=None, is_html=True))
    except PageError as error:
        raise FileProblem("damaged", f"one of its chapters cannot be read: {error}") from error


def _encrypted(archive: ZipFile) -> set[str]:
    if "META-INF/encryption.xml" not in archive.namelist():
        return set()
    references = _xml(archive, "META-INF/encryption.xml").iter(_ENCRYPTED)
    return {unquote(reference.get("URI", "")) for reference in references}  # fonts, or everything


def _xml(archive: ZipFile, name: str) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(_content(archive, name))
    except ElementTree.ParseError as error:
        raise FileProblem("damaged", f"{name!r:.80} in it is not XML: {error}") from error


def _content(archive: ZipFile, name: str) -> bytes:
    try:
        if archive.getinfo(name).file_size > MAX_ROW_BYTES:
            raise FileProblem("size", f"{name!r:.80} in it has more than the {MAX_ROW_BYTES:,} bytes of one text")
        return archive.read(name)
    except KeyError:
        raise FileProblem("damaged", f"it lacks {name!r:.80}, which it needs") from None
    except (BadZipFile, RuntimeError, NotImplementedError) as error:  # damaged, with a password, packed otherwise
        raise FileProblem("damaged", f"{name!r:.80} in it cannot be unpacked: {error}") from error

"""A real file of each kind gives the expected documents; what is damaged, encrypted or too large is reported."""

import json
import os
import struct
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bicross.errors import DocumentError, SourceError
from bicross.index import read_documents
from bicross.index.sources.places import endings, folder
from bicross.index.sources.rich import mail, parts
from helpers.file_facts import without_facts
from helpers.office_files import (
    message,
    write_docx,
    write_epub,
    write_mbox,
    write_notebook,
    write_pdf,
    write_pptx,
    write_xlsx,
)

MODIFIED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def work_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(name, **options):
    """The id, the title, the text and the metadata of each document, without its size, which is checked."""
    os.utime(name, (MODIFIED.timestamp(),) * 2)
    rows = []
    for document in read_documents(name, **options):
        metadata = dict(document.metadata)
        assert metadata.pop("size") == Path(name).stat().st_size
        assert metadata.pop("modified") == MODIFIED.isoformat() == "2026-01-02T03:04:05+00:00"
        assert metadata.pop("path") == name
        rows.append((document.id, document.title, document.text, metadata))
    return rows


def test_pdf():
    write_pdf(Path("a.pdf"), "The first page.", "", "The third page,\nin two lines.", title="Untitled 1")
    assert read("a.pdf") == [
        ("a.pdf#page=1", "a", "The first page.", {"page": 1, "pages": 3}),
        ("a.pdf#page=3", "a", "The third page,\nin two lines.", {"page": 3, "pages": 3}),
    ]
    write_pdf(Path("b.pdf"), "Text.", title="A  report")
    assert read("b.pdf") == [("b.pdf#page=1", "A report", "Text.", {"page": 1, "pages": 1})]


def test_word():
    blocks = [
        ("Title", "The letter"),
        ("Normal", "Before."),
        ("Heading 1", "One"),
        ("Normal", "First."),
        ("Normal", ""),
    ]
    write_docx(Path("a.docx"), *blocks, ("Heading 2", "One"), ("Normal", "Second."), table=[["a", "b"], ["c", "d"]])
    assert read("a.docx") == [
        ("a.docx#beginning", "The letter", "Before.", {}),
        ("a.docx#One", "The letter", "One\nFirst.", {"heading": "One"}),
        ("a.docx#One (2)", "The letter", "One\nSecond.\na | b\nc | d", {"heading": "One"}),
    ]


def test_powerpoint():
    write_pptx(Path("a.pptx"), ("Bees", "They fly."), ("Honey", "It is sweet."), notes="Say more.")
    assert read("a.pptx") == [
        ("a.pptx#slide=1", "a", "Bees\nThey fly.", {"slide": 1, "heading": "Bees"}),
        ("a.pptx#slide=2", "a", "Honey\nIt is sweet.\nSay more.", {"slide": 2, "heading": "Honey"}),
    ]


def test_excel():
    rows = [["Name", "Born"], ["Ann", datetime(1990, 5, 6)], [None, None], ["Bob", 1.5]]
    write_xlsx(Path("a.xlsx"), People=rows, Empty=[], More=[["x"]])
    assert read("a.xlsx") == [
        ("a.xlsx#People", "a", "Name | Born\nAnn | 1990-05-06\nBob | 1.5", {"sheet": "People"}),
        ("a.xlsx#More", "a", "x", {"sheet": "More"}),
    ]


def test_epub():
    write_epub(Path("a.epub"), "The book", ("One", "It began."), ("The book", "It ended."))
    about = {"author": "A. Writer", "language": "en"}
    assert read("a.epub") == [
        ("a.epub#chapter=1", "The book", "One\nIt began.", {"chapter": 1, "heading": "One"} | about),
        ("a.epub#chapter=2", "The book", "The book\nIt ended.", {"chapter": 2, "heading": "The book"} | about),
    ]


def test_mail():
    about = {"from": "Ann Ötzi <ann@example.org>", "to": "bob@example.org", "date": "2024-02-29T10:01:00+00:00"}
    Path("a.eml").write_bytes(bytes(message("Grüße", "Hello Bob,\nsee you.\n")))
    assert read("a.eml") == [("a.eml", "Grüße", "Hello Bob,\nsee you.\n", about)]
    with_page = message("Page", "<p>Hello <b>Bob</b></p>", html=True)
    with_page.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="a.pdf")
    Path("b.eml").write_bytes(bytes(with_page))
    assert read("b.eml") == [("b.eml", "Page", "Hello Bob", about)]


def test_mailboxes():
    second = message("Two", "From here it goes on.\n\nFrom there, too.\n", number=2)
    write_mbox(Path("a.mbox"), message("One", "First.\n"), second, second)
    first, *others = read("a.mbox")
    assert first[:3] == ("a.mbox#1@example.org", "One", "First.\n")
    assert [row[0] for row in others] == ["a.mbox#2@example.org", "a.mbox#2@example.org (2)"]
    assert others[0][2] == "From here it goes on.\n\nFrom there, too.\n"


def test_notebooks_and_code():
    write_notebook(Path("a.ipynb"), ("markdown", "# A study\nof bees"), ("code", "count = 1"), ("code", " "))
    [page] = [without_facts(document, "a.ipynb") for document in read_documents("a.ipynb")]
    assert (page.id, page.title, page.text) == ("a.ipynb", "A study", "# A study\nof bees\n\ncount = 1")
    assert page.metadata == {"language": "Python", "path": "a.ipynb"}
    Path("tool.RS").write_text("fn main() {}\n")
    [page] = [without_facts(document, "tool.RS") for document in read_documents("tool.RS")]
    assert (page.id, page.title, page.text) == ("tool.RS", "tool.RS", "fn main() {}\n")
    assert page.metadata == {"language": "Rust", "path": "tool.RS"}


def zip_of(name, **files):
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as archive:
        for inner, content in files.items():
            archive.writestr(inner, content)


def bomb(name):
    """A document of Word that says of itself that it unpacks to two gigabytes."""
    write_docx(Path(name), ("Normal", "x"))
    content = bytearray(Path(name).read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 2**31)
    Path(name).write_bytes(content)


def large(name):
    with Path(name).open("wb") as file:
        file.write(b"%PDF-1.7\n")
        file.truncate(200 * 2**20)  # takes no space on disk


BAD = {
    "blank.pdf": (lambda name: write_pdf(Path(name), ""), "empty", "no text was found in it; pages that are pictures"),
    "broken.pdf": (lambda name: Path(name).write_bytes(b"%PDF-1.7 nonsense"), "damaged", "its end is missing: copy"),
    "other.pdf": (lambda name: Path(name).write_bytes(b"startxref"), "damaged", "it is damaged, or not what its"),
    "large.pdf": (large, "damaged", "its end is missing: copy or download it again"),
    "locked.pdf": (
        lambda name: write_pdf(Path(name), "x", password="y"),
        "damaged",
        "it is encrypted: save it without",
    ),
    "bomb.docx": (bomb, "size", "has a part that decodes to 2,1.* bytes, more than the 134,217,728"),
    "broken.docx": (
        lambda name: Path(name).write_bytes(b"PK\3\4"),
        "damaged",
        "it is damaged, or encrypted with",
    ),
    "other.docx": (lambda name: zip_of(name, a="b"), "damaged", "it is damaged, or not what its name says"),
    "broken.pptx": (lambda name: zip_of(name, a="b"), "damaged", "it is damaged, or not what its name says"),
    "broken.xlsx": (lambda name: zip_of(name, a="b"), "damaged", "it is damaged, or not what its name says"),
    "broken.epub": (lambda name: zip_of(name, a="b"), "damaged", "it lacks 'META-INF/container.xml', which it needs"),
    "locked.epub": (
        lambda name: write_epub(Path(name), "B", ("One", "x"), encrypted=True),
        "damaged",
        r"its chapters are encrypted \(DRM\)",
    ),
    "broken.mbox": (
        lambda name: Path(name).write_text("Hello\n"),
        "damaged",
        "it is not a mailbox: it does not",
    ),
    "broken.ipynb": (lambda name: Path(name).write_text("{"), "damaged", "it is not a notebook: Expecting"),
    "blank.eml": (lambda name: Path(name).write_text("\n"), "empty", "no text was found in it"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_stops_the_reading_or_is_left_out(name):
    make, kind, reason = BAD[name]
    Path("mixed").mkdir()
    make(f"mixed/{name}")
    Path("mixed/good.txt").write_text("Good.")
    with pytest.raises(DocumentError, match=f"mixed/{name}: .*{reason}"):
        list(read_documents("mixed"))
    documents = read_documents("mixed", on_error="skip")
    assert [document.id for document in documents] == ["good.txt"]
    assert [(left_out.kind, left_out.examples) for left_out in documents.report.left_out] == [
        (kind, (f"mixed/{name}",))
    ]
    assert json.loads(Path("errors.jsonl").read_text())["source"] == f"mixed/{name}"


def test_limits_that_are_named(monkeypatch):
    monkeypatch.setattr(parts, "MAX_XML_BYTES", 1000)
    write_docx(Path("a.docx"), ("Normal", "x"))
    with pytest.raises(DocumentError, match=r"its XML has [\d,]+ bytes, more than the 1,000 that are read"):
        read("a.docx")
    monkeypatch.setattr(parts, "MAX_ROW_BYTES", 10)
    write_pdf(Path("a.pdf"), "Twenty characters at")
    with pytest.raises(DocumentError, match="a part has 20 characters, more than the 10 of one document"):
        read("a.pdf")
    monkeypatch.setattr(mail, "MAX_ROW_BYTES", 10)
    write_mbox(Path("a.mbox"), message("a", "b"))
    with pytest.raises(DocumentError, match="a message has more than the 10 bytes that are read of one"):
        read("a.mbox")
    monkeypatch.setattr(parts, "MAX_SECONDS", -1.0)
    write_pdf(Path("b.pdf"), "Text.")
    with pytest.raises(DocumentError, match="reading it takes more than -1 seconds"):
        read("b.pdf")


def test_the_bytes_that_a_file_may_decode_to():
    write_xlsx(Path("a.xlsx"), People=[["many words"] * 100])
    with pytest.raises(DocumentError, match=r"raise max_bytes \(on the command line --max-bytes\)"):
        read("a.xlsx", max_bytes=1000)
    assert len(read("a.xlsx", max_bytes=None)) == 1


def test_without_the_library_a_file_is_named_with_the_remedy(monkeypatch):
    Path("mixed").mkdir()
    write_pdf(Path("mixed/a.pdf"), "Text.")
    Path("mixed/b.txt").write_text("Text.")
    for module in (folder, endings):
        monkeypatch.setattr(module, "lacks_library", lambda ending: ending == ".pdf")
    documents = read_documents("mixed")
    assert [document.id for document in documents] == ["b.txt"]
    assert [(left_out.kind, left_out.examples) for left_out in documents.report.left_out] == [
        ("extra", ("mixed/a.pdf",))
    ]
    assert documents.may_hold("a.pdf#page=3")  # a sync deletes nothing of it
    assert not documents.may_hold("a.pdf.txt")
    with pytest.raises(SourceError, match=r"mixed/a\.pdf needs a library .*: pip install 'bicross\[files\]' reads it"):
        read_documents("mixed/a.pdf")

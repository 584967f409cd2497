"""Makes real files of the kinds that people have, each by a library that writes its format."""

import email.message
import email.utils
import json
import mailbox
import zipfile
from datetime import UTC, datetime
from pathlib import Path


def write_pdf(path: Path, *pages: str, title: str = "", password: str = "") -> None:
    """By fpdf2; with a password by pypdf."""
    from fpdf import FPDF

    pdf = FPDF()
    if title:
        pdf.set_title(title)
    pdf.set_font("Helvetica")
    for text in pages:
        pdf.add_page()
        pdf.multi_cell(0, text=text)
    pdf.output(str(path))
    if password:
        from pypdf import PdfWriter

        writer = PdfWriter(clone_from=path)
        writer.encrypt(password, algorithm="AES-256")
        writer.write(path)


def write_docx(path: Path, *blocks: tuple[str, str], table: list[list[str]] = (), title: str = "") -> None:
    """By python-docx: each block has a style and a text."""
    from docx import Document

    document = Document()
    document.core_properties.title = title
    for style, text in blocks:
        document.add_paragraph(text, style=style)
    if table:
        added = document.add_table(len(table), len(table[0]))
        for row, values in zip(added.rows, table, strict=True):
            for cell, value in zip(row.cells, values, strict=True):
                cell.text = value
    document.save(str(path))


def write_pptx(path: Path, *slides: tuple[str, str], notes: str = "") -> None:
    """By python-pptx: each slide has a title and a text; the notes are those of the last."""
    from pptx import Presentation

    presentation = Presentation()
    for title, text in slides:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
        if notes and (title, text) == slides[-1]:
            slide.notes_slide.notes_text_frame.text = notes
    presentation.save(str(path))


def write_xlsx(path: Path, **sheets: list[list[object]]) -> None:
    """By openpyxl."""
    from openpyxl import Workbook

    workbook = Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(str(path))


def write_epub(path: Path, title: str, *chapters: tuple[str, str], encrypted: bool = False) -> None:
    """As the standard lays it down: a zip archive of XHTML."""
    items = "".join(
        f'<item id="c{n}" href="text/c%20{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        archive.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
            '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        )
        archive.writestr(
            "OEBPS/book.opf",
            '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
            f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title><dc:language>en</dc:language>'
            "<dc:creator>A. Writer</dc:creator></metadata>"
            f"<manifest>{items}</manifest><spine>{spine}</spine></package>",
        )
        for number, (heading, text) in enumerate(chapters):
            archive.writestr(
                f"OEBPS/text/c {number}.xhtml",
                f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{heading}</title></head>'
                f"<body><h1>{heading}</h1><p>{text}</p></body></html>",
            )
        if encrypted:
            archive.writestr(
                "META-INF/encryption.xml",
                '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#">'
                '<enc:CipherReference URI="OEBPS/text/c%200.xhtml"/></encryption>',
            )


def message(subject: str, text: str, *, number: int = 1, html: bool = False) -> email.message.EmailMessage:
    """An e-mail, by the library of Python."""
    new = email.message.EmailMessage()
    new["From"], new["To"], new["Subject"] = "Ann Ötzi <ann@example.org>", "bob@example.org", subject
    new["Date"] = email.utils.format_datetime(datetime(2024, 2, 29, 10, number, tzinfo=UTC))
    new["Message-ID"] = f"<{number}@example.org>"
    new.set_content(text, subtype="html" if html else "plain")
    return new


def write_mbox(path: Path, *messages: email.message.EmailMessage) -> None:
    """By the library of Python."""
    box = mailbox.mbox(path)
    for one in messages:
        box.add(one)
    box.close()


def write_notebook(path: Path, *cells: tuple[str, str]) -> None:
    """As the standard lays it down: each cell has a kind and a source."""
    listed = [
        {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)}
        | ({"outputs": [{"output_type": "stream", "text": ["printed"]}]} if kind == "code" else {})
        for kind, source in cells
    ]
    record = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"language": "python"}}, "cells": listed}
    path.write_text(json.dumps(record), "utf-8")

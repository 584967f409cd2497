"""Reads e-mail: a message (``.eml``), or a mailbox (``.mbox``) with a part for each message."""

from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import IO

from ..budget import MAX_ROW_BYTES
from ..texts import html_title_and_text
from .parts import FileProblem, Limits, Part

_HEADERS = {"from": "from", "to": "to", "date": "date"}
_HEADER_CHARACTERS = 1000
"""Of a header that is kept: long ones take long to parse."""


def read_message(file: IO[bytes], limits: Limits) -> Iterator[Part]:
    """Yield the text of a message; attachments are not read."""
    content = file.read(MAX_ROW_BYTES + 1)
    if len(content) > MAX_ROW_BYTES:
        raise FileProblem("size", f"the message has more than the {MAX_ROW_BYTES:,} bytes that are read of one")
    part, _ = _part(content, "", limits)
    if part is not None:
        yield part


def read_mailbox(file: IO[bytes], limits: Limits) -> Iterator[Part]:
    """Yield the messages of a mailbox that have text."""
    keys: Counter[str] = Counter()
    for number, content in enumerate(_messages(file), start=1):
        part, message_id = _part(content, f"message={number}", limits)
        if part is None:
            continue
        key = message_id or part.key
        keys[key] += 1
        key = f"{key} ({keys[key]})" if keys[key] > 1 else key
        yield Part(key, part.text, part.title, part.metadata)


def _messages(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the messages: each begins with a line ``From `` after a blank one, and has ``>From `` inside."""
    lines, size, is_after_blank = list[bytes](), 0, True
    begun = False
    while line := file.readline(2**20):
        if is_after_blank and line.startswith(b"From "):
            if lines:
                yield b"".join(lines[:-1])  # without the blank line that parts them
            lines, size, begun = [], 0, True
        elif not begun:
            raise FileProblem("damaged", "it is not a mailbox: it does not begin with a line 'From '")
        else:
            size += len(line)
            if size > MAX_ROW_BYTES:
                raise FileProblem("size", f"a message has more than the {MAX_ROW_BYTES:,} bytes that are read of one")
            lines.append(line[1:] if line.startswith(b">") and line.lstrip(b">").startswith(b"From ") else line)
        is_after_blank = line in (b"\n", b"\r\n")
    if lines:
        yield b"".join(lines)


def _part(content: bytes, key: str, limits: Limits) -> tuple[Part | None, str]:
    """Return a message as a part, or None where it has no text, and its id."""
    message = message_from_bytes(content, EmailMessage, policy=policy.default)
    headers = {name.lower(): _decoded(str(value)) for name, value in reversed(list(message.raw_items()))}
    subject = headers.get("subject", "")
    text = limits.spend(_body(message))
    metadata: dict[str, object] = {field: headers[name] for name, field in _HEADERS.items() if headers.get(name)}
    if date := metadata.pop("date", None):
        metadata["date"] = _iso(str(date))
    if not text.strip() and not subject:
        return None, ""
    return Part(key, text, subject, metadata), headers.get("message-id", "").strip("<> ")


def _body(message: EmailMessage) -> str:
    body = message.get_body(("plain", "html"))
    if body is None:
        return ""
    payload = body.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        text = payload.decode(body.get_content_charset() or "utf-8", "replace")
    except LookupError:  # an encoding that nobody knows
        text = payload.decode("utf-8", "replace")
    return html_title_and_text(text)[1] if body.get_content_subtype() == "html" else text.replace("\r\n", "\n")


def _decoded(header: str) -> str:
    raw = header[:_HEADER_CHARACTERS]
    try:
        decoded = str(make_header(decode_header(raw)))
    except (LookupError, UnicodeError, ValueError):
        decoded = raw
    return " ".join(decoded.encode("utf-8", "replace").decode().split())


def _iso(date: str) -> str:
    try:
        return parsedate_to_datetime(date).isoformat()
    except ValueError:
        return date

"""Damaged files of an index: by accident, or by someone who seals them again. Knows bytes and the manifest's fields.

Nothing here opens an index; files are put in place as new ones, since the old one may be mapped.
"""

import json
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import xxhash

HOSTILE_NUMBERS = (-(2**63), -1, 0, 1, 2, 255, 2**31 - 1, 2**31, 2**40, 2**53, 2**53 + 1, 2**63 - 1, 2**64)
HOSTILE_VALUES = (
    *HOSTILE_NUMBERS,
    *(1e300, -1e300, 0.5, float("nan"), float("inf"), None, True, False, [], {}, [[]], {"a": 1}),
    *("", ".", "..", "../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "C:\\x", "a\0b", "x" * 300, "x" * 100),
    *("ｓｅｇｍｅｎｔ", "ѕegment", "segments\u202e", "CON", "a\n", "\ud800"),
    *("Flat", "IVF4,SQ8", "IVF99999999,Flat", "auto"),
)


def files_of(index: Path) -> list[str]:
    return sorted(file.relative_to(index).as_posix() for file in index.rglob("*") if file.is_file())


def write_anew(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def accidents(content: bytes, others: Sequence[bytes], *, count: int, seed: object) -> Iterator[tuple[str, bytes]]:
    """Contents that a faulty disk or copy could leave, unlike the original; ``others`` are files put in its place."""
    rng = random.Random(repr(seed))
    damaged = [("another file", other) for other in others if other != content]
    while len(damaged) < count:
        kind = rng.choice(list(ACCIDENTS))
        changed = ACCIDENTS[kind](content, rng, rng.randrange(len(content)), rng.choice((1, 4, 16, 64, 512)))
        if changed != content:
            damaged.append((kind, changed))
    yield from damaged


def _with(content: bytes, start: int, part: bytes) -> bytes:
    part = part[: len(content) - start]
    return content[:start] + part + content[start + len(part) :]


def _swapped(content: bytes, rng: random.Random, length: int) -> bytes:
    length = min(length, len(content) // 2)
    first = rng.randrange(len(content) - 2 * length + 1)
    second = rng.randrange(first + length, len(content) - length + 1)
    first_part, second_part = content[first : first + length], content[second : second + length]
    return _with(_with(content, first, second_part), second, first_part)


ACCIDENTS: dict[str, Callable[[bytes, random.Random, int, int], bytes]] = {
    "flip": lambda content, rng, at, length: _with(content, at, bytes([content[at] ^ 1 << rng.randrange(8)])),
    "byte": lambda content, rng, at, length: _with(content, at, rng.randbytes(1)),
    "truncate": lambda content, rng, at, length: content[: rng.choice((at, len(content) - 1, 0))],
    "extend": lambda content, rng, at, length: content + rng.choice((bytes(length), rng.randbytes(length), content)),
    "zero": lambda content, rng, at, length: _with(content, at, bytes(length)),
    "swap": lambda content, rng, at, length: _swapped(content, rng, length),
    "repeat": lambda content, rng, at, length: _with(content, at, content[:length]),
}


def attacks(content: bytes, *, count: int, seed: object) -> Iterator[tuple[str, bytes]]:
    """As ``accidents``, and numbers written over what may be a size, an offset or a value; half of all near the ends.

    One in ten is several of them together.
    """
    rng = random.Random(repr(seed))
    size = len(content)
    chance = accidents(content, (), count=count, seed=(seed, "accidents"))
    for number in range(count):
        if number % 3 == 0:
            yield next(chance)
            continue
        changed = bytearray(content)
        positions: list[int] = []
        for _ in range(3 if number % 10 == 1 else 1):
            width = rng.choice((1, 2, 4, 8))
            value = rng.choice((*HOSTILE_NUMBERS, 4, 8, size, size - 8, 0x7F800000, 0x7FC00000, rng.getrandbits(64)))
            position = rng.choice((rng.randrange(size), rng.randrange(size), rng.randrange(min(size, 200)), size - 24))
            position = max(0, min(position, size - width))
            changed[position : position + width] = struct.pack("<Q", value % 2**64)[:width]
            positions.append(position)
        yield f"numbers at {positions}", bytes(changed)


def read_body(manifest: Path) -> dict[str, Any]:
    return json.loads(manifest.read_bytes().partition(b"\n")[0])


def seal(line: bytes) -> bytes:
    return line + b"\n" + xxhash.xxh3_128_hexdigest(line).encode() + b"\n"


def sealed(body: object) -> bytes:
    """Write a manifest with any values, also those that bicross never writes."""
    return seal(json.dumps(body, sort_keys=True, separators=(",", ":")).encode())


def put_and_seal(index: Path, name: str, content: bytes) -> None:
    """Put ``content`` in the place of a file, and write its size and checksum into the manifest."""
    write_anew(index / name, content)
    body = read_body(index / "MANIFEST")
    entry = {"bytes": len(content), "xxh3": xxhash.xxh3_128_hexdigest(content)}
    folder, *rest = name.split("/")
    for segment in body["segments"]:
        if folder == "segments" and segment["name"] == rest[0]:
            segment["files"][rest[1]] = entry
        if folder == "tombstones" and segment["tombstones"] and segment["tombstones"]["name"] == rest[0]:
            segment["tombstones"].update(entry)
    if folder == "quantisers":
        body["vectors"]["quantiser"].update(entry)
    write_anew(index / "MANIFEST", sealed(body))


def hostile_bodies(body: dict[str, Any], *, count: int, seed: object) -> Iterator[tuple[str, bytes]]:
    """Sealed manifests with a changed value, a missing or additional field, or a longer list."""
    rng = random.Random(repr(seed))
    for _ in range(count):
        changed = json.loads(json.dumps(body))
        holder, key, path = _somewhere(changed, rng)
        action = rng.choice(("value", "value", "value", "number", "remove", "add", "repeat"))
        if action == "remove":
            del holder[key]
        elif action == "add" and isinstance(holder, dict):
            holder[rng.choice(("friend", "../x", ""))] = rng.choice(HOSTILE_VALUES)
        elif action == "repeat" and isinstance(holder, list):
            holder.extend([holder[key]] * rng.choice((1, 3, 1000)))
        elif action == "number" and isinstance(holder[key], int):
            holder[key] += rng.choice((-1, 1, 7, 8, 1000))
        else:
            holder[key] = rng.choice(HOSTILE_VALUES)
        yield f"{action} at {path}: {str(holder)[:80]}", sealed(changed)


def _somewhere(body: Any, rng: random.Random) -> tuple[Any, Any, str]:
    """A dict or list, and a key in it."""
    holder, path = body, ""
    while True:
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        path += f"/{key}"
        inner = holder[key]
        if not isinstance(inner, (dict, list)) or not inner or rng.random() < 0.1:
            return holder, key, path
        holder = inner

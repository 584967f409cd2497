"""A process that writes until it is killed, one that reads meanwhile, and the loop that kills and compares.

Stores are named ``module:class``, since the processes import them; ``IndexStore`` is the one of an index.
"""

import dataclasses
import hashlib
import importlib
import json
import multiprocessing
import os
import random
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from helpers.forks import forked

MOST_DOCUMENTS = 60
"""A writer that finds more deletes half of them, so that later rounds are not slower than the first."""

Change = tuple[str, dict[str, str], list[str]]
"""The kind of change, the documents that it puts, and the ids that it removes."""

GRACE_SECONDS = 3.0
"""How long old generations stay: shorter than a loop, so that their removal is interrupted by kills as well."""

PATIENCE = 60.0
"""Seconds of silence after which a process counts as hanging."""


class Store(Protocol):
    """What the loop asks of a store; it is made with the path alone."""

    generation: int

    def contents(self) -> dict[str, str]: ...

    def apply(self, kind: str, put: dict[str, str], removed: list[str]) -> None: ...

    def refresh(self) -> None: ...

    def probe(self) -> None: ...


class IndexStore:
    """An index with the encoder of fakes.py, with token ids and terms, and sometimes with token vectors."""

    def __init__(self, path: Path) -> None:
        from bicross.index import Index, collection

        from helpers.fakes import HashEncoder

        collection.GRACE_SECONDS = GRACE_SECONDS
        self.encoder = HashEncoder(dimension=16)
        self.index = Index.open(path)

    @property
    def generation(self) -> int:
        return self.index.generation

    def contents(self) -> dict[str, str]:
        return {document.id: document.text for document in self.index.documents()}

    def apply(self, kind: str, put: dict[str, str], removed: list[str]) -> None:
        if kind == "compact":
            self.index.compact()
        elif kind == "retokenize":  # to another name for the same ids
            new = "a" * 64 if self.index.tokenizer_fingerprint != "a" * 64 else "b" * 64
            assert self.index.retokenize(new, lambda texts: [token_ids(text) for text in texts])
        elif kind == "index terms":  # of another name for the same terms
            new = "a" if self.index.analyzer != "a" else "b"
            assert self.index.index_terms(new, lambda texts: [text.split() for text in texts])
        elif kind == "precompute":  # in turn by one name, by another, and dropped
            held = self.index.late_interaction_fingerprint
            if held == "b" * 64:
                assert self.index.drop_token_vectors()
            else:
                new = "b" * 64 if held == "a" * 64 else "a" * 64
                assert self.index.precompute(new, lambda texts: [token_vectors(text) for text in texts])
        elif kind == "delete":
            self.index.delete(removed)
        elif kind == "sync":  # as sync_documents does it
            self._sync(put, removed)
        else:
            {"add": self.index.add, "upsert": self.index.upsert}[kind]([self._batch(put)])

    def _batch(self, put: dict[str, str]) -> Any:
        return batch_of(put, self.encoder, has_vectors=bool(self.index.late_interaction_fingerprint))

    def _sync(self, put: dict[str, str], removed: list[str]) -> None:
        with self.index.writer() as writer:
            held = list(self.index.documents())
            again = [dataclasses.replace(document, metadata={"changed": str(put)}) for document in held[:3]]
            writer.delete(removed)
            writer.replace_metadata([document for document in again if document.id not in {*put, *removed}])
            writer.upsert(self._batch(put))
            writer.commit(reason="sync")

    def refresh(self) -> None:
        self.index.refresh()

    def probe(self) -> None:
        """Search for one of the documents by its own text."""
        contents = self.contents()
        if not contents:
            return
        id_, text = random.choice(list(contents.items()))
        (hits,) = self.index.search(self.encoder.encode_queries([text]), 3)
        texts = {hit.document.id: hit.document.text for hit in hits}
        assert len(hits) == min(3, len(contents)), f"{len(hits)} hits among {len(contents)} documents"
        assert texts.items() <= contents.items(), f"found {texts}, which is not in this generation"
        assert hits[0].document.text == text, f"{id_} is not found by its own text; first is {hits[0]}"
        assert hits[0].tokens.tolist() == token_ids(text).tolist()
        if self.index.late_interaction_fingerprint:
            assert hits[0].token_vectors.tolist() == token_vectors(text).tolist()
        (hits,) = self.index.search_terms([text.split()], len(contents))
        assert text in {hit.document.text for hit in hits[: len(contents)]}, f"{id_} is not found by its terms"


def batch_of(texts: dict[str, str], encoder: Any, *, has_vectors: bool = False) -> Any:
    """An EmbeddedBatch of these texts by id: their code points are token ids and token vectors, their words terms."""
    from bicross.index import Document, EmbeddedBatch, whole

    documents = [Document(id_, text) for id_, text in texts.items()]
    vectors = encoder.encode_documents([document.passage for document in documents])
    ids = [token_ids(document.text) for document in documents]
    terms = [document.text.split() for document in documents]
    of_tokens = [token_vectors(document.text) for document in documents] if has_vectors else None
    return EmbeddedBatch(documents, [[whole(document)] for document in documents], vectors, ids, terms, of_tokens)


def token_ids(text: str) -> Any:
    import numpy as np

    return np.array([ord(character) for character in text], np.uint16)


def token_vectors(text: str) -> Any:
    import numpy as np

    return np.stack([token_ids(text) % 128, token_ids(text) // 128], axis=1).astype(np.int8)


def random_change(chance: random.Random, contents: dict[str, str], number: str) -> Change:
    """What to do next."""
    kind = chance.choices(
        ("add", "upsert", "delete", "sync", "compact", "retokenize", "index terms", "precompute"),
        (8, 4, 3, 3, 2, 1, 1, 1),
    )[0]
    ids = sorted(contents)
    drawn_ids = chance.sample(ids, min(len(ids), chance.randint(1, 3)))
    if len(ids) > MOST_DOCUMENTS:
        return "delete", {}, chance.sample(ids, len(ids) // 2)
    if kind in ("compact", "retokenize", "index terms", "precompute"):
        return kind, {}, []
    if kind == "delete" and drawn_ids:
        return kind, {}, drawn_ids
    if kind == "upsert" and drawn_ids:
        return kind, {id_: f"text {number} of {id_} again" for id_ in drawn_ids}, []
    if kind == "sync" and len(drawn_ids) > 1:
        new_ids = [drawn_ids[0], f"d{number}_0"]
        return kind, {id_: f"text {number} of {id_} in step" for id_ in new_ids}, drawn_ids[1:]
    new = [f"d{number}_{i}" for i in range(chance.randint(1, 4))]
    return "add", {id_: f"text {number} of {id_}" for id_ in new}, []


def _write_forever(make: Callable[[Path], Store], path: Path, seed: int, send: Callable[[Any], object]) -> None:
    chance = random.Random(seed)
    random.seed(seed)
    store = make(path)
    contents, number = store.contents(), 0
    while True:
        number += 1
        kind, put, removed = random_change(chance, contents, f"{seed}_{number}")
        send(("intent", (kind, put, removed)))
        store.apply(kind, put, removed)
        contents = _after(contents, put, removed)
        send(("done", store.generation))


def _after(contents: dict[str, str], put: dict[str, str], removed: list[str]) -> dict[str, str]:
    return {id_: text for id_, text in (contents | put).items() if id_ not in removed}


def _load(store: str) -> Callable[[Path], Store]:
    module, _, name = store.partition(":")
    return getattr(importlib.import_module(module), name)


def zygote(connection: Connection, store: str, path: Path) -> None:
    """For each (seed, messages, delay) received: fork a writer, let it send, kill it, answer with what it sent.

    The kill comes ``delay`` times the mean duration of a change after the last of the messages, so that, whatever the
    machine, it falls into every part of a change.
    """
    os.environ["OMP_NUM_THREADS"] = "1"  # before numpy and faiss are there: a process that forks should have no threads
    make = _load(store)
    durations = [0.01]
    while (order := connection.recv()) is not None:
        seed, messages, delay = order
        log: list[Any] = []
        try:
            with forked(lambda send, seed=seed: _write_forever(make, path, seed, send)) as writer:
                began = time.perf_counter()
                while (message := writer.receive(PATIENCE)) is not None:
                    log.append(message)
                    if message[0] == "done":
                        durations.append(time.perf_counter() - began)
                    began = time.perf_counter()
                    if len(log) == messages:
                        time.sleep(delay * sum(durations[-50:]) / len(durations[-50:]))
                        writer.kill()
        except Exception:  # noqa: BLE001 - the test is to say it
            log.append(("error", traceback.format_exc()))
        connection.send(log)


def reader(connection: Connection, store: str, path: Path) -> None:
    """Open, refresh and search until something is received; answer with what was seen."""
    make = _load(store)
    make(path)
    connection.send("reading")
    digests_by_generation: dict[int, set[str]] = {}
    errors: list[str] = []
    newest, reads, opened = -1, 0, None
    while reads == 0 or not connection.poll():
        try:
            if opened is None or reads % 5 == 0:
                opened = make(path)
            else:
                opened.refresh()
            reads += 1
            if opened.generation < newest:
                errors.append(f"the generation goes back from {newest} to {opened.generation}")
            newest = max(newest, opened.generation)
            digests_by_generation.setdefault(opened.generation, set()).add(digest(opened.contents()))
            opened.probe()
        except Exception:  # noqa: BLE001 - the test is to say it
            errors.append(traceback.format_exc())
            opened = None
            if len(errors) >= 3:
                break
        time.sleep(0.1)  # leave CPU time to the writer; what it does between two kills takes longer
    connection.send((reads, digests_by_generation, errors))


def digest(contents: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(contents.items())).encode()).hexdigest()


@dataclass
class KillReport:
    """What happened in a loop: kills, acknowledged changes, changes in flight that had been made, and what was read."""

    kills: int = 0
    acknowledged: int = 0
    in_flight: int = 0
    in_flight_made: int = 0
    reads: int = 0
    generations_read: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)
    """Changes in flight, by kind."""


class _Process:
    """A worker in a new interpreter, which goes when the test goes."""

    def __init__(self, target: Callable[[Connection, str, Path], None], store: str, path: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=target, args=(other, store, path), daemon=True)
        self._process.start()
        other.close()

    def ask(self, question: object) -> Any:
        with suppress(OSError):  # it has failed, and its message is waiting
            self._connection.send(question)
        return self.hear()

    def hear(self) -> Any:
        assert self._connection.poll(2 * PATIENCE), "the worker does not answer"
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            raise AssertionError(f"the worker died, exit code {self._process.exitcode}") from None

    def close(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()
        self._process.close()


def kill_loop(store: str, path: Path, *, rounds: int, seed: int = 0) -> KillReport:
    """Kill a writer of the store at ``path`` again and again, and compare with what it had said that it did.

    After every kill the store must hold all acknowledged changes, and of the one in flight all or nothing. Meanwhile
    a reader must see no error, no generation before the last one, and in each generation what was committed as such.
    """
    chance, result, make = random.Random(seed), KillReport(), _load(store)
    opened = make(path)
    contents = opened.contents()
    committed = {opened.generation: digest(contents)}
    writing, reading = _Process(zygote, store, path), _Process(reader, store, path)
    try:
        assert reading.hear() == "reading"
        for number in range(rounds):
            # Two messages a change, an intent and an acknowledgement; most kills then come within the next change.
            log = writing.ask((seed * 1_000_000 + number, chance.randint(1, 5), chance.uniform(0, 1.5)))
            result.kills += 1
            contents = _compare(log, make(path), contents, committed, result)
        result.reads, digests_by_generation, errors = reading.ask("stop")
    finally:
        writing.close()
        reading.close()
    assert not errors, f"the reader met {len(errors)} errors, the first:\n{errors[0]}"
    result.generations_read = len(digests_by_generation)
    wrong = [
        generation for generation, digests in digests_by_generation.items() if digests != {committed.get(generation)}
    ]
    assert not wrong, f"the reader saw in the generations {sorted(wrong)} what was not committed as such"
    return result


def _compare(
    log: list[Any], store: Store, contents: dict[str, str], committed: dict[int, str], result: KillReport
) -> dict[str, str]:
    """Play the log of a writer, compare with what is found, and return the contents from here on."""
    in_flight = None
    for kind, content in log:
        assert kind != "error", f"the writer failed:\n{content}"
        if kind == "intent":
            in_flight = content
        else:
            assert in_flight is not None
            contents, in_flight = _after(contents, in_flight[1], in_flight[2]), None
            _note(committed, content, contents)
            result.acknowledged += 1
    real = store.contents()
    if in_flight is None:
        assert real == contents, _difference(real, contents)
    else:
        result.in_flight += 1
        result.by_kind[in_flight[0]] = result.by_kind.get(in_flight[0], 0) + 1
        after = _after(contents, in_flight[1], in_flight[2])
        assert real in (contents, after), f"{in_flight} was in flight: {_difference(real, contents)}"
        result.in_flight_made += store.generation not in committed
    _note(committed, store.generation, real)
    assert committed[store.generation] == digest(real), f"generation {store.generation} is not what it was"
    return real


def _note(committed: dict[int, str], generation: int, contents: dict[str, str]) -> None:
    """A change may be followed by a compaction of its own: the generations that it made hold the same."""
    for number in range(max(committed) + 1, generation + 1):
        committed[number] = digest(contents)


def _difference(real: dict[str, str], expected: dict[str, str]) -> str:
    lost, extra = dict(expected.items() - real.items()), dict(real.items() - expected.items())
    return f"lost: {lost}; there and not acknowledged: {extra}"

"""Readers, writers and compactions at once, in threads and processes: every answer is that of one committed generation.

Nothing here waits for a time to pass: who has to wait for whom is arranged, or does not matter.
"""

import errno
import hashlib
import logging
import multiprocessing
import os
import random
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from bicross.errors import IndexCorrupt, IndexLocked
from bicross.index import Index, VectorLayout
from bicross.index.files import Filesystem
from bicross.index.reader import IndexReader
from helpers.damage import files_of
from helpers.examples import examples, thorough
from helpers.forks import forked
from helpers.toy_collections import (
    COLUMNS,
    FINGERPRINT,
    STORED,
    Oracle,
    assert_same,
    batch,
    record,
    seen,
    unit_vectors,
)

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="limits a process as Linux does")
QUERIES = unit_vectors(2, seed=11)
STEPS = 28 if thorough() else 7  # each of seven kinds of changes four times, or once


def create(path: Path, count: int = 12, layout: str = "auto") -> Index:
    return Index.create(
        path,
        FINGERPRINT,
        layout=VectorLayout(layout),
        batches=[batch(record(n, passages=1 + n % 2) for n in range(count))],
    )


def contents(index: Index) -> str:
    return _digest({document.id: document.title for document in index.documents()})


def _digest(titles: dict[str, str]) -> str:
    return hashlib.sha256(repr(sorted(titles.items())).encode()).hexdigest()


# Many readers beside one writer


Answer = tuple[int, str, list[list[tuple[str, float]]]]
"""What a reader saw: the generation, its documents, and what it found for each of ``QUERIES``."""


def answer(index: Index) -> Answer:
    """From one Index, which another thread may move on meanwhile: therefore of the snapshot that it has now."""
    snapshot = index._snapshot
    hits = IndexReader(index.path, snapshot).search(QUERIES, 5)
    held = _digest({document.id: document.title for document in snapshot.documents()})
    assert len(snapshot) == sum(1 for _ in snapshot.documents())
    return snapshot.manifest.generation, held, [[(hit.document.id, hit.score) for hit in line] for line in hits]


def read_until(path: Path, stop: Callable[[], bool], report: Callable[[Answer], object], seed: int) -> None:
    """Search, read, refresh and reopen until ``stop``, and once more after that."""
    rng = random.Random(seed)
    index, last = Index.open(path), 0
    stopping = False
    while not stopping:
        stopping = stop()
        if stopping or rng.random() < 0.3:
            index = Index.open(path, verify=rng.choice(("full", "size")))
        else:
            index.refresh()
        answered = answer(index)
        assert answered[0] >= last, f"generation {answered[0]} came after {last}"
        last = answered[0]
        report(answered)


def reading_process(path: Path, seed: int, connection) -> None:
    """Reads until it is told to stop, and sends what it saw, once for each generation."""
    answers: dict[int, Answer] = {}

    def report(answered: Answer) -> None:
        assert answers.setdefault(answered[0], answered) == answered, f"two answers in generation {answered[0]}"

    try:
        connection.send("ready")
        read_until(path, lambda: connection.poll(0.005), report, seed)
        connection.send(list(answers.values()))
    except BaseException as error:  # noqa: BLE001 - what it is, the parent says
        connection.send(repr(error))


def write(path: Path, history: dict[int, Oracle]) -> None:
    """Changes and compactions, with the contents of each generation; automatic compactions make one more."""
    rng = random.Random(7)
    index, oracle = Index.open(path), Oracle(history[1])
    for step in range(STEPS):
        kind = ("add", "upsert", "delete", "compact", "upsert", "compact now", "delete where")[step % 7]
        chosen_ids = rng.sample(sorted(oracle), min(3, len(oracle)))
        if kind == "add":
            records = [record(100 + 3 * step + i, passages=1 + i) for i in range(3)]
            index.add([batch(records)])
            oracle.update({r.document.id: r for r in records})
        elif kind == "upsert":
            records = [record(int(id_[1:]), step) for id_ in chosen_ids]
            index.upsert([batch(records)])
            oracle.update({r.document.id: r for r in records})
        elif kind == "delete":
            index.delete(chosen_ids)
            oracle = Oracle({id_: r for id_, r in oracle.items() if id_ not in chosen_ids})
        elif kind == "delete where":
            index.delete(where=f"number == {chosen_ids[0][1:]}")
            del oracle[chosen_ids[0]]
        else:
            index.compact(**({"grace": 0} if kind == "compact now" else {}))
        for generation in range(max(history) + 1, index.generation + 1):
            history[generation] = Oracle(oracle)
        assert_same(index, oracle)


def check(answers: list[Answer], history: dict[int, Oracle]) -> None:
    for generation, held, lines in answers:
        oracle = history[generation]
        assert held == _digest({id_: r.document.title for id_, r in oracle.items()}), generation
        for query, line in zip(QUERIES, lines, strict=True):
            expected = oracle.search(query, 5)
            assert [id_ for id_, _ in line] == [id_ for id_, _ in expected], generation
            assert [score for _, score in line] == pytest.approx([score for _, score in expected], abs=1e-5)


class ReadingThreads:
    """Eight, of which the first two share one Index and refresh it under each other."""

    def __init__(self, path: Path) -> None:
        self.done = threading.Event()
        self.found: list[list[Answer]] = [[] for _ in range(8)]
        self.errors: list[BaseException] = []
        self._shared = Index.open(path)
        self._path = path
        self._threads = [threading.Thread(target=self._read, args=(number,)) for number in range(8)]
        for thread in self._threads:
            thread.start()

    def _read(self, number: int) -> None:
        try:
            if number >= 2:
                read_until(self._path, lambda: self.done.wait(0.005), self.found[number].append, number)
                return
            while not self.done.wait(0.005):
                self._shared.refresh()
                self.found[number].append(answer(self._shared))
        except BaseException as error:  # noqa: BLE001 - raised by the test
            self.errors.append(error)

    def stop(self) -> None:
        self.done.set()
        for thread in self._threads:
            thread.join(60)


@pytest.mark.slow
def test_every_answer_is_that_of_a_committed_generation(tmp_path):
    """Eight threads and two processes read while a writer changes everything."""
    path = tmp_path / "i"
    create(path)
    history = {1: Oracle({f"d{n}": record(n, passages=1 + n % 2) for n in range(12)})}
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(2)]
    processes = [
        context.Process(target=reading_process, args=(path, 50 + number, theirs), daemon=True)
        for number, (_, theirs) in enumerate(pipes)
    ]
    for process in processes:
        process.start()
    assert [ours.poll(60) and ours.recv() for ours, _ in pipes] == ["ready", "ready"]
    threads = ReadingThreads(path)
    try:
        write(path, history)
    finally:
        threads.stop()
        for ours, _ in pipes:
            ours.send("stop")
    assert not threads.errors, threads.errors
    answers = list(threads.found)
    for process, (ours, theirs) in zip(processes, pipes, strict=True):
        message = ours.recv() if ours.poll(60) else "it hangs"
        assert not isinstance(message, str), message
        answers.append(message)
        process.join(60)
        ours.close()
        theirs.close()
    for of_reader in answers:
        assert of_reader
        check(of_reader, history)
        generations = [generation for generation, *_ in of_reader]
        assert generations == sorted(generations), "it went back to an older generation"
    assert {of_reader[-1][0] for of_reader in answers[2:]} == {max(history)}
    assert len({answered[0] for of_reader in answers for answered in of_reader}) > STEPS // 2
    assert Index.verify(path).problems == ()


@pytest.mark.slow
def test_a_reader_that_opens_while_old_generations_are_deleted_never_fails(tmp_path):
    """Each open is of a generation that the next compaction deletes at once."""
    path = tmp_path / "i"
    index = create(path)
    done, errors, opened = threading.Event(), [], [0]

    def read() -> None:
        try:
            while not done.is_set():
                assert len(Index.open(path)) == 12
                opened[0] += 1
        except BaseException as error:  # noqa: BLE001 - raised in the test below
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for version in range(1, examples(24) + 1):
        index.upsert([batch(record(n, version) for n in range(3))])
        index.compact(grace=0)
        assert index.info().older_generations == ()
    done.set()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert opened[0] > 0


def test_threads_that_refresh_one_index_at_once_do_not_take_it_back(tmp_path, monkeypatch):
    """The slower one found an older generation than the faster one."""
    from bicross.index import opening

    path = tmp_path / "i"
    shared = create(path)
    opened, go_on = threading.Event(), threading.Event()
    real = opening.open_newest

    def slow(*arguments, **options):
        newest = real(*arguments, **options)
        if not opened.is_set():
            opened.set()
            assert go_on.wait(60)
        return newest

    Index.open(path).delete(["d0"])
    monkeypatch.setattr(opening, "open_newest", slow)
    threads = [threading.Thread(target=shared.refresh) for _ in range(2)]
    threads[0].start()
    assert opened.wait(60)
    writer = Index.open(path)
    writer.delete(["d1"])
    threads[1].start()
    threads[1].join(0.2)  # it is done, or waits for the first
    go_on.set()
    for thread in threads:
        thread.join(60)
    assert shared.generation == writer.generation


@pytest.mark.parametrize("layout", ["auto", "SQ8"])
@pytest.mark.parametrize("steps_before", range(12))
def test_a_generation_may_go_between_any_two_steps_of_opening_it(tmp_path, monkeypatch, layout, steps_before):
    """At one step of the reader, a writer commits, compacts and deletes all that the reader is about to open."""
    path = tmp_path / "i"
    create(path, layout=layout).delete(["d0"])
    expected = seen(Index.open(path))
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == steps_before + 1:
            other = Index.open(path)
            other.upsert([batch([record(1, version=9)])])
            other.compact(grace=0)

    def before(module: str, name: str) -> None:
        original = getattr(sys.modules[f"bicross.index.{module}"], name)
        monkeypatch.setattr(f"bicross.index.{module}.{name}", lambda *a, **k: (step(), original(*a, **k))[1])

    before("reading.snapshot", "template")
    before("reading.snapshot", "Segment")
    before("reading.snapshot", "read_tombstones")
    before("segments.segment", "map_verified")
    before("segments.segment", "open_batches")
    before("segments.segment", "one_batch")
    before("vectors.faiss_index", "check_file")
    before("vectors.faiss_index", "deserialisation_limit")
    index = Index.open(path)
    assert steps > steps_before, "the reader has fewer steps than this"
    if index.generation == 2:  # it had all files before they were deleted
        assert seen(index) == expected
        assert index.refresh()
    assert {d.title for d in index.documents()} >= {"title 1.9", "title 2.0"}
    assert len(index) == 11


@pytest.mark.parametrize("layout", ["auto", "PQ8x4fs,Refine(SQ8)", "IVF2,SQ8"])
def test_a_reader_goes_on_with_files_that_were_deleted_before_it_looked_into_them(tmp_path, layout):
    """One that opens by sizes alone has mapped its files and not yet read them when a compaction deletes them."""
    path = tmp_path / "i"
    records = [record(number, passages=1 + number % 2) for number in range(12)]
    made = STORED | {"layout": VectorLayout(layout)}
    index = Index.create(path, FINGERPRINT, batches=[batch(records, **COLUMNS)], **made)
    index.upsert([batch([record(1, version=3), record(20)], **COLUMNS)])
    expected, reader = seen(index), Index.open(path, verify="size")
    before = {file for file in path.glob("segments/*/*") if file.is_file()}
    index.delete(["d4"])
    index.compact(grace=0)
    assert not any(file.exists() for file in before), "the files of the reader are gone"
    assert seen(reader) == expected
    assert [len(vectors) for vectors in reader.vectors(["d1", "d20", "d3"])] == [1, 1, 2]
    assert reader.get(["d4"])[0] == records[4].document
    assert reader.refresh()
    assert len(reader) == 12


# A writer beside a compaction


class Meanwhile(Filesystem):
    """Does something once, in the middle of writing the first file of some name."""

    def __init__(self, name: str, action: Callable[[], object]) -> None:
        self._name, self._action = name, action
        self.done = False

    def open_new(self, path: Path) -> int:
        if path.name == self._name and not self.done:
            self.done = True
            self._action()
        return super().open_new(path)


CHANGES = {
    "a deletion": (lambda index: index.delete(["d3", "d4"]), lambda oracle: [oracle.pop("d3"), oracle.pop("d4")]),
    "an addition": (
        lambda index: index.add([batch([record(70, passages=2)])]),
        lambda oracle: oracle.update(d70=record(70, passages=2)),
    ),
    "an upsert": (lambda index: index.upsert([batch([record(3, 5)])]), lambda oracle: oracle.update(d3=record(3, 5))),
    "all at once": (
        lambda index: [
            index.delete(["d3"]),
            index.add([batch([record(70)])]),
            index.upsert([batch([record(5, 5), record(70, 1)])]),
            index.delete(where="number == 6"),
        ],
        lambda oracle: [
            oracle.pop("d3"),
            oracle.pop("d6"),
            oracle.update(d5=record(5, 5), d70=record(70, 1)),
        ],
    ),
}


@pytest.mark.parametrize("file", ["documents.arrow", "vectors.faiss"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_committed_during_a_compaction_is_kept(tmp_path, change, file, caplog):
    path = tmp_path / "i"
    create(path).delete(["d1"])
    oracle = Oracle({f"d{n}": record(n, passages=1 + n % 2) for n in range(12) if n != 1})
    apply, expect = CHANGES[change]
    filesystem = Meanwhile(file, lambda: apply(Index.open(path)))
    index = Index.open(path, filesystem=filesystem)
    with caplog.at_level(logging.ERROR, "bicross"):
        index.compact(grace=0)
    assert filesystem.done
    expect(oracle)
    for opened in (index, Index.open(path)):
        assert_same(opened, oracle)
    assert Index.verify(path).problems == ()
    index.compact(grace=0)
    assert_same(index, oracle)
    assert (index.info().deleted, index.info().segments) == (0, 1)


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_committed_while_the_layout_changes_is_kept(tmp_path, change):
    """All segments share one quantiser: what came meanwhile must be stored by the new one too."""
    path = tmp_path / "i"
    Index.create(path, FINGERPRINT, layout=VectorLayout("SQ8"))
    apply, expect = CHANGES[change]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bicross.index.collection.segments_to_merge", lambda manifest: [])
        Index.open(path).add([batch(record(n, passages=1 + n % 2) for n in range(12))])
        filesystem = Meanwhile("documents.arrow", lambda: apply(Index.open(path)))
        index = Index.open(path, filesystem=filesystem)
        index.compact(grace=0)
    assert filesystem.done
    assert index.info().vectors.factory == "SQ8"
    oracle = Oracle({f"d{n}": record(n, passages=1 + n % 2) for n in range(12)})
    expect(oracle)
    assert {document.id: document for document in index.documents()} == {i: r.document for i, r in oracle.items()}
    for query, hits in zip(QUERIES, index.search(QUERIES, 20), strict=True):
        assert {hit.document.id: hit.score for hit in hits} == pytest.approx(dict(oracle.search(query, 20)), abs=0.1)
    assert Index.verify(path).problems == ()


@pytest.mark.parametrize("event", ["overwritten", "rolled back", "compacted"])
def test_a_compaction_of_what_is_no_longer_there_is_given_up(tmp_path, event):
    path = tmp_path / "i"
    index = create(path)
    index.add([batch([record(70)])])
    index.delete(["d1"])

    def happen() -> None:
        if event == "overwritten":
            Index.create(path, FINGERPRINT, batches=[batch([record(80)])], overwrite=True)
        elif event == "rolled back":
            Index.open(path).rollback(1)
        else:
            with pytest.raises(IndexLocked, match="is being written to by"):
                Index.open(path).compact()

    compacting = Index.open(path, filesystem=Meanwhile("vectors.faiss", happen))
    if event == "compacted":
        compacting.compact()
        assert len(compacting) == 12
    else:
        with pytest.raises(IndexLocked, match="was replaced or rolled back while it was compacted"):
            compacting.compact()
        assert len(Index.open(path)) == (1 if event == "overwritten" else 12)
    assert Index.verify(path).problems == ()
    Index.open(path).compact(grace=0)
    assert len(list((path / "segments").iterdir())) == 1


def test_a_writer_that_clears_up_leaves_a_compaction_alone_that_has_just_begun(tmp_path, monkeypatch):
    """It begins after the writer asked whether there is one, and has written files when the writer deletes."""
    from bicross.index.writing import generations

    path = tmp_path / "i"
    index = create(path)
    index.add([batch([record(70)])])
    written, may_commit = threading.Event(), threading.Event()

    class Slow(Filesystem):
        def open_new(self, path: Path) -> int:
            if path.name == "vectors.faiss":
                written.set()
                assert may_commit.wait(60)
            return super().open_new(path)

    errors: list[BaseException] = []

    def compact() -> None:
        try:
            Index.open(path, filesystem=Slow()).compact()
        except BaseException as error:  # noqa: BLE001 - raised in the test below
            errors.append(error)

    compaction = threading.Thread(target=compact)
    asked = generations.is_compacting

    def ask_and_begin(where: Path) -> bool:
        answer = asked(where)
        if not answer and not compaction.ident:
            compaction.start()
            assert written.wait(60)
        return answer

    monkeypatch.setattr(generations, "is_compacting", ask_and_begin)
    index.delete(["d1"])
    may_commit.set()
    compaction.join(60)
    assert not errors, errors
    assert len(Index.open(path)) == 12
    assert Index.verify(path).problems == ()


# One writer


def test_a_second_writer_in_a_thread_is_refused_and_told_who_writes(tmp_path):
    path = tmp_path / "i"
    index = create(path)
    refused: list[str] = []

    def write_too() -> None:
        for change in (
            lambda: Index.open(path).delete(["d1"]),
            lambda: Index.open(path).add([batch([record(70)])]),
            lambda: Index.open(path).rollback(1),
            lambda: Index.create(path, FINGERPRINT, overwrite=True),
        ):
            with pytest.raises(IndexLocked) as error:
                change()
            refused.append(str(error.value))

    with index.writer() as writer:
        writer.delete(["d0"])
        thread = threading.Thread(target=write_too)
        thread.start()
        thread.join(60)
        writer.commit(reason="delete")
    assert len(refused) == 4
    assert all(
        f"is being written to by process {os.getpid()} on {socket.gethostname()};" in message for message in refused
    )
    assert len(Index.open(path)) == 11


@forks
def test_a_second_writer_in_a_process_is_refused_and_a_killed_one_holds_nothing(tmp_path):
    path = tmp_path / "i"
    index = create(path)

    def hold(send) -> None:
        with Index.open(path).writer() as writer:
            writer.delete(["d0"])
            writer.add(batch([record(70)]))
            send("writing")
            threading.Event().wait(120)

    with forked(hold) as child:
        assert child.receive(60) == "writing"
        with pytest.raises(IndexLocked, match=f"by process {child.pid} on {socket.gethostname()};"):
            index.delete(["d1"])
        assert len(Index.open(path)) == 12
        child.kill()
    # Its name is still in the lock, which it does not hold.
    assert index.delete(["d1"]) == 1
    assert sorted(d.id for d in Index.open(path).documents()) == sorted(f"d{n}" for n in range(12) if n != 1)
    assert Index.verify(path).problems == ()


@forks
def test_a_killed_compaction_holds_nothing(tmp_path):
    path = tmp_path / "i"
    create(path).delete(["d1"])

    def hold(send) -> None:
        def pause() -> None:
            send("compacting")
            threading.Event().wait(120)

        Index.open(path, filesystem=Meanwhile("vectors.faiss", pause)).compact()

    index = Index.open(path)
    with forked(hold) as child:
        assert child.receive(60) == "compacting"
        with pytest.raises(IndexLocked, match=f"by process {child.pid} on"):
            index.compact()
        index.delete(["d2"])  # its files are not taken for garbage while it lives
        assert len(list((path / "segments").iterdir())) == 2
        child.kill()
    index.compact(grace=0)
    assert len(index) == 10
    assert len(list((path / "segments").iterdir())) == 1


# The machine is at its limits


@pytest.mark.slow
@linux_only
def test_too_little_memory_to_open_is_not_called_damage_and_changes_nothing(tmp_path):
    """Whatever is left, from nothing to enough: the outcome is a MemoryError or an open index."""
    path = tmp_path / "i"
    large = [record(n) for n in range(12)]
    text = "x" * (2 << 20)
    documents = [type(r.document)(r.document.id, text, r.document.title, r.document.metadata) for r in large]
    vectors = batch(large)
    Index.create(path, FINGERPRINT, batches=[type(vectors)(documents, vectors.passages, vectors.vectors)])
    before = {name: (path / name).read_bytes() for name in files_of(path)}
    outcomes: set[str] = set()
    for spare in (64, 256, 1024, 4096, 8192, 16384, 20480, 24576, 25600, 26624, 65536, 262144):

        def task(send, spare=spare) -> None:
            import resource

            Index.open(path).search(QUERIES, 3)  # all that is imported late is there
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + spare * 1024, resource.RLIM_INFINITY))
            try:
                index = Index.open(path)
                outcome = "opened"
                index.search(QUERIES, 3)
            except MemoryError:
                outcome = "MemoryError"
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
            send(outcome)

        with forked(task) as child:
            outcome = child.receive(60)
        assert outcome in ("opened", "MemoryError"), (spare, outcome)
        outcomes.add(outcome)
    assert outcomes == {"opened", "MemoryError"}
    assert {name: (path / name).read_bytes() for name in files_of(path)} == before
    assert len(Index.open(path)) == 12


@linux_only
def test_too_many_open_files_is_not_called_damage(tmp_path):
    path = tmp_path / "i"
    create(path)

    def task(send) -> None:
        import resource

        for limit in range(3, 40):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, 4096))
            try:
                Index.open(path)
                outcome = "opened"
            except OSError as error:
                outcome = errno.errorcode[error.errno]
            except IndexCorrupt as error:
                outcome = str(error)
            resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))
            send(outcome)

    outcomes = set()
    with forked(task) as child:
        while (outcome := child.receive(60)) is not None:
            outcomes.add(outcome)
    assert outcomes == {"opened", "EMFILE"}


DISK_CHANGES = {
    "add": lambda index: index.add([batch(record(n) for n in range(70, 90))]),
    "upsert": lambda index: index.upsert([batch(record(n, 1) for n in range(10))]),
    "delete": lambda index: index.delete(["d3"]),
    "compact": lambda index: index.compact(),
}


@linux_only
@pytest.mark.parametrize("change", DISK_CHANGES)
def test_no_file_may_grow_and_the_old_generation_stays(tmp_path, change):
    """The limit on the size of a file is the system's own: from one at which nothing can be written up to enough."""
    path = tmp_path / "i"
    create(path).delete(["d1"])
    expected, generation = seen(Index.open(path)), Index.open(path).generation
    failures = 0
    for limit in (0, 1, 100, 500, 1000, 2000, 10_000):

        def task(send, limit=limit) -> None:
            import resource

            index = Index.open(path)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                DISK_CHANGES[change](index)
                send("done")
            except OSError as error:
                send(errno.errorcode[error.errno])

        with forked(task) as child:
            outcome = child.receive(60)
        if outcome == "done":
            break
        assert outcome == "EFBIG", (limit, outcome)
        failures += 1
        assert seen(Index.open(path)) == expected
        assert Index.open(path).generation == generation
        assert Index.verify(path).problems == ()
    assert failures >= 3
    assert outcome == "done"
    assert Index.open(path).generation > generation
    assert Index.verify(path).problems == ()


class FullDevice(Filesystem):
    """A file of some name is on a disk that is full: the system itself says so."""

    def __init__(self, name: str) -> None:
        self._name = name

    def open_new(self, path: Path) -> int:
        descriptor = super().open_new(path)
        if path.name != self._name and path.parent.name != self._name:
            return descriptor
        os.close(descriptor)
        return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "name",
    [
        "documents.arrow",
        "metadata.arrow",
        "passages.arrow",
        "ids.arrow",
        "vectors.faiss",
        "tombstones",
        "MANIFEST.2.tmp",
        "MANIFEST.tmp",
    ],
)
def test_a_full_device_is_an_error_and_the_old_generation_stays(tmp_path, name):
    path = tmp_path / "i"
    create(path).delete(["d1"])
    expected = seen(Index.open(path))
    with pytest.raises(OSError, match="No space left"):
        Index.open(path, filesystem=FullDevice(name)).upsert([batch(record(n, 1) for n in range(5))])
    assert seen(Index.open(path)) == expected
    assert Index.verify(path).problems == ()
    Index.open(path).upsert([batch(record(n, 1) for n in range(5))])
    assert Index.verify(path).problems == ()
    assert {d.title for d in Index.open(path).documents()} >= {"title 0.1", "title 5.0"}

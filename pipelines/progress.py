"""Progress bars for documents and for the steps of a training."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from operator import length_hint
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from ..errors.counts import counted
from ..index import Document
from ..training import TrainingProgress, Watch


@runtime_checkable
class _HasFraction(Protocol):
    """Documents of a source that knows which share of it has been read, from 0 to 1."""

    @property
    def fraction(self) -> float: ...


class DocumentProgress:
    """Counts the documents that were read and those that are done; the others are in progress."""

    def __init__(self, documents: Iterable[Document], bar: Progress | None, label: str) -> None:
        """Count ``documents``; ``bar=None`` draws nothing."""
        self._documents, self._bar = documents, bar
        self._read = self._done = 0
        self._task = None if bar is None else bar.add_task(label, total=_total(documents), documents=0)

    def read(self) -> Iterator[Document]:
        """Yield the documents, and count them."""
        for document in self._documents:
            self._read += 1
            yield document

    def done(self, documents: int) -> None:
        """Count so many more documents as done."""
        self._done += documents
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._completed(), documents=self._done)

    @property
    def documents_done(self) -> int:
        """How many documents are done."""
        return self._done

    def finish(self) -> None:
        """Fill the bar: all documents are done, and their number is known."""
        if self._bar is not None and self._task is not None:
            completed = self._completed()
            self._bar.update(self._task, total=completed, completed=completed)

    def _completed(self) -> float:
        """Return how much is done: a share of the source if it reports one, else a number of documents."""
        if isinstance(self._documents, _HasFraction):
            return self._documents.fraction * self._done / max(1, self._read)
        return self._done


class _Rate(ProgressColumn):
    """The number of documents, and the recent rate: skipped documents would inflate the mean."""

    def render(self, task: Task) -> Text:
        documents, seconds = int(task.fields["documents"]), task.elapsed or 0.0
        shares = task.speed or (task.completed / seconds if seconds > 0 else 0.0)
        rate = f", {shares * documents / task.completed:,.0f}/s" if shares and task.completed else ""
        return Text(counted(documents, "document") + rate)


@contextmanager
def progress_over(documents: Iterable[Document], label: str, *, shown: bool) -> Generator[DocumentProgress]:
    """Count documents that are read and done, drawing on standard error if ``shown``."""
    if not shown:
        yield DocumentProgress(documents, None, label)
        return
    # The spinner moves while the first batch is embedded, and then nothing else has moved yet.
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        progress = DocumentProgress(documents, bar, label)
        yield progress
        progress.finish()


@contextmanager
def chunk_progress(total: int, *, shown: bool) -> Generator[Callable[[int, int], None]]:
    """Yield a function that takes the bytes and the documents of a chunk that is done; it draws if ``shown``.

    Args:
        total: The bytes of all chunks.
        shown: Whether to draw on standard error.
    """
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), _Rate(), TimeRemainingColumn())
    documents = 0
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("Embedding", total=total, documents=0)

        def show(done_bytes: int, done_documents: int) -> None:
            nonlocal documents
            documents += done_documents
            bar.update(task, advance=done_bytes, documents=documents)

        yield show


class _Steps(ProgressColumn):
    """The number of steps, the recent rate, the loss, and the last evaluation."""

    def render(self, task: Task) -> Text:
        parts = [f"{int(task.completed):,}/{int(task.total or 0):,}"]
        if task.speed:
            parts.append(f"{task.speed:.2f}/s")
        parts += [f"{name} {value:.4f}" for name in ("loss", "quality") if (value := task.fields[name]) is not None]
        return Text(", ".join(parts))


@contextmanager
def training_progress(*, shown: bool) -> Generator[Watch | None]:
    """Yield a function that draws the progress of a training on standard error, or None unless ``shown``."""
    if not shown:
        yield None
        return
    # On one line of 80 characters, or it would flicker.
    steps = _Steps(table_column=Column(no_wrap=True))
    columns = (TextColumn("Training"), BarColumn(bar_width=8), steps, TimeRemainingColumn(compact=True))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("Training", total=None, start=False, loss=None, quality=None)

        def watch(now: TrainingProgress) -> None:
            if not bar.tasks[0].started:  # in a resumed run the earlier steps say nothing about the rate
                bar.start_task(task)
            bar.update(task, total=now.steps, completed=now.step, loss=now.loss, quality=now.quality)

        yield watch


@contextmanager
def doing(description: str, *, shown: bool) -> Generator[None]:
    """Show on standard error what the block does, with a spinner, if ``shown``."""
    if not shown:
        yield
        return
    with Console(stderr=True).status(f"{description} ..."):
        yield


@contextmanager
def counting(label: str, *, shown: bool) -> Generator[Callable[[int, int], None]]:
    """Yield a function that takes how many items are done, of how many; it draws on standard error if ``shown``."""
    with Progress(console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _total(documents: Iterable[Document]) -> float | None:
    if isinstance(documents, _HasFraction):
        return 1.0
    return length_hint(documents) or None

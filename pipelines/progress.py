"""A progress bar over documents: count, share, rate and remaining time. Knows nothing of what is done with them."""

from collections.abc import Generator, Iterable, Iterator, Sized
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from ..index import Document, DocumentReader


class _Rate(ProgressColumn):
    """Documents a second since the start."""

    def render(self, task: Task) -> Text:
        documents, seconds = int(task.fields["documents"]), task.elapsed or 0.0
        rate = f", {documents / seconds:,.0f}/s" if seconds > 0 else ""
        return Text(f"{documents:,} documents{rate}")


@contextmanager
def progress_over(documents: Iterable[Document], label: str, *, shown: bool) -> Generator[Iterable[Document]]:
    """Yield the documents again, drawing on standard error as they are taken, if ``shown``."""
    if not shown:
        yield documents
        return
    columns = (TextColumn("{task.description}"), BarColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield _counted(documents, label, progress)


def _counted(documents: Iterable[Document], label: str, progress: Progress) -> Iterator[Document]:
    """Advance by the share of the source where it says so, by documents where their number is known."""
    task = progress.add_task(label, total=_total(documents), documents=0)
    number = 0
    for number, document in enumerate(documents, start=1):
        yield document
        done = documents.fraction if isinstance(documents, DocumentReader) else number
        progress.update(task, completed=done, documents=number)
    progress.update(task, total=number, completed=number, documents=number)


def _total(documents: Iterable[Document]) -> float | None:
    if isinstance(documents, DocumentReader):
        return 1.0
    return len(documents) if isinstance(documents, Sized) else None

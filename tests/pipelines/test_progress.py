import io
import json

import pytest
from bicross.index import Document, read_documents
from bicross.pipelines import add_documents, build_index, progress, upsert_documents
from bicross.pipelines.indexing import embedding
from bicross.pipelines.progress import counting, progress_over, training_progress
from bicross.training import TrainingProgress
from helpers.fakes import HashEncoder
from rich.console import Console

ENCODER = HashEncoder()


def documents(count):
    return [Document(f"d{i}", f"text {i}") for i in range(count)]


@pytest.fixture
def screen(monkeypatch):
    """What a terminal gets, drawn at every change."""
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=100, legacy_windows=False)
    monkeypatch.setattr(progress, "Console", lambda stderr: console)
    return drawn


@pytest.mark.parametrize("source", ["list", "generator", "reader"])
def test_the_bar_moves_with_what_is_done_not_with_what_is_read(tmp_path, monkeypatch, source):
    (tmp_path / "some.jsonl").write_text("".join(json.dumps({"id": f"d{i}", "text": "text"}) + "\n" for i in range(8)))
    collection = {
        "list": documents(8),
        "generator": (document for document in documents(8)),
        "reader": read_documents(tmp_path / "some.jsonl"),
    }[source]
    tasks = []
    monkeypatch.setattr(progress, "Console", lambda stderr: Console(file=io.StringIO()))
    with progress_over(collection, "Embedding", shown=True) as counted:
        task = counted._bar.tasks[0]
        reading = counted.read()
        for read, done in [(4, 2), (4, 4), (0, 2)]:
            for _ in range(read):
                next(reading)
            if source == "reader":
                collection.fraction = 1.0 if tasks else 0.5  # half of the file, then all of it
            counted.done(done)
            tasks.append((task.completed, task.total))
    unit = 8 if source == "reader" else 1
    total = {"list": 8, "generator": None, "reader": 1.0}[source]
    assert [(round(completed * unit, 1), of) for completed, of in tasks] == [(2, total), (6, total), (8, total)]
    assert task.percentage == 100
    assert task.fields["documents"] == 8


@pytest.mark.slow
def test_what_is_held_or_doubled_counts_as_done(tmp_path, monkeypatch, screen):
    monkeypatch.setattr(embedding, "BATCH_DOCUMENTS", 4)
    build_index(documents(10), tmp_path / "i", encoder=ENCODER, progress=True)
    assert screen.getvalue().count("10 documents") >= 1
    changed = [*documents(10), Document("d3", "another"), Document("d3", "another again")]
    assert upsert_documents(tmp_path / "i", changed, encoder=ENCODER, progress=True) == 1
    assert "12 documents" in screen.getvalue()
    assert add_documents(tmp_path / "i", [Document("new", "text")], encoder=ENCODER, progress=True) == 1
    assert "1 document" in screen.getvalue()


def test_rate_and_remaining_time_are_shown(screen):
    with progress_over(documents(10), "Embedding", shown=True) as counted:
        task = counted._bar.tasks[0]
        for _ in counted.read():
            counted.done(1)
            counted._bar.refresh()
        assert task.speed > 0
    assert "/s" in screen.getvalue()
    assert "0:00:00" in screen.getvalue()


def test_a_training_shows_steps_loss_and_quality(screen):
    with training_progress(shown=True) as watch:
        watch(TrainingProgress(1, 1200, None, None))
        watch(TrainingProgress(300, 1200, 0.51239, 0.7))
    shown = screen.getvalue()
    assert "300/1,200" in shown
    assert "loss 0.5124, quality 0.7000" in shown
    with training_progress(shown=False) as watch:
        assert watch is None


def test_counting_is_drawn_on_standard_error_and_only_if_asked_for(capsys):
    with counting("Searching", shown=False) as count:
        count(3, 4)
    assert capsys.readouterr() == ("", "")
    with counting("Searching", shown=True) as count:
        count(4, 4)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Searching" in err

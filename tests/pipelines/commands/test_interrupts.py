"""Ctrl-C and SIGTERM end every long command at once, and what is kept can be used."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from bicross.index import Document, Index
from bicross.pipelines import build_index
from bicross.pipelines.commands import app
from bicross.pipelines.commands.terminal import said_on_interrupt, saying, unless_committed
from helpers.examples import thorough
from helpers.fakes import HashEncoder

PROGRAM = Path(__file__).parents[2] / "helpers" / "interrupted_commands.py"
LONGEST_SECONDS = 60  # not a measurement: a command that does not end must not hold the tests
DOCUMENTS = [Document(f"d{number}", f"text number {number} of many") for number in range(300)]


def run(arguments, *, after=None, number=signal.SIGINT, seconds_a_text=0.003):
    """Run a command; after some seconds, send it a signal. Returns exit code and what it said on standard error."""
    environment = {
        **os.environ,
        "SECONDS_A_TEXT": str(seconds_a_text),
        "PYTHONPATH": str(PROGRAM.parents[1]),
        "OMP_NUM_THREADS": "1",
    }
    signals = [] if after is None else [(after, number)]
    return signalled([PROGRAM, *arguments], signals, environment=environment)


def signalled(arguments, signals, *, environment=None):
    """Run a Python program that prints ``ready``; then send it signals, each after some seconds. Returns as ``run``."""
    command = [sys.executable, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        try:
            assert child.stdout.readline() == "ready\n"
            for after, number in signals:
                time.sleep(after)
                child.send_signal(number)
            _, stderr = child.communicate(timeout=LONGEST_SECONDS)
        finally:
            child.kill()
    return child.returncode, stderr


def contents(path):
    """All that a search could find in an index: documents, passages and vectors."""
    index = Index.open(path)
    assert Index.verify(path).problems == ()
    queries = HashEncoder().encode_queries([document.text for document in DOCUMENTS[:5]])
    hits = index.search(queries, 20)
    return sorted(index.documents(), key=lambda document: document.id), [
        [(hit.document.id, round(hit.score, 5), hit.passage) for hit in of_query] for of_query in hits
    ]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "rows.jsonl"
    path.write_text("".join(json.dumps({"id": d.id, "text": d.text}) + "\n" for d in DOCUMENTS))
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "index"
    build_index(DOCUMENTS, path, encoder=HashEncoder(), reranker=None)
    return contents(path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5) if thorough() else (0, 3))
def test_an_interrupted_build_is_continued_to_the_same_index(tmp_path, source, whole, seed):
    moment = random.Random(seed)
    path = tmp_path / "index"
    arguments = ["index", source, "-o", path, "--no-tokens"]
    number = signal.SIGTERM if seed == 3 else signal.SIGINT
    interrupted, resume = 0, list[str]()
    while True:
        after = moment.uniform(0, 2) if interrupted < 2 else None
        code, stderr = run([*arguments, *resume], after=after, number=number)
        if code == 0:
            break
        assert (code, interrupted < 2) == (128 + number, True), stderr
        interrupted += 1
        unfinished = Index.on_disk(path).unfinished
        if unfinished is None:
            assert f"bicross: interrupted. Nothing was written to {path}: run the same command again." in stderr
        else:
            assert f"bicross: interrupted. {path} keeps {unfinished:,} documents of this build." in stderr
            if seed == 0:
                again, refused = run(arguments)
                assert (again, f"with {unfinished:,} documents; continue it with --resume, or" in refused) == (1, True)
            resume = ["--resume"]
    assert contents(path) == whole


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4 if thorough() else 2))
def test_an_interrupted_addition_changes_nothing_or_all(tmp_path, source, whole, seed):
    path = tmp_path / "index"
    build_index([], path, encoder=HashEncoder(), reranker=None)
    code, stderr = run(["add", path, source, "--replace"], after=random.Random(seed).uniform(0, 1.5))
    if code:
        assert code == 130, stderr
        changed = len(Index.open(path)) > 0
        expected = "The change is committed" if changed else f"Nothing was added to {path}: run the same command again."
        assert f"bicross: interrupted. {expected}" in stderr
        assert len(Index.open(path)) == (300 if changed else 0)
        assert run(["add", path, source, "--replace"], seconds_a_text=0)[0] == 0
    assert contents(path) == whole


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4 if thorough() else 2))
def test_an_interrupted_compaction_changes_nothing_that_is_found(tmp_path, source, whole, seed):
    path = tmp_path / "index"
    extra = [Document(f"extra{number}", "text to be deleted") for number in range(2000)]
    build_index([*extra, *DOCUMENTS], path, encoder=HashEncoder(), reranker=None)
    with Index.open(path).writer() as writer:
        writer.delete([document.id for document in extra[:300]])
        writer.commit(reason="delete")
    code, stderr = run(["compact", path], after=random.Random(seed).uniform(0, 0.4))
    assert code in (0, 130)
    if code:
        assert "bicross: interrupted. " in stderr
    Index.open(path).delete([document.id for document in extra])
    assert run(["compact", path])[0] == 0
    assert contents(path) == whole


@pytest.mark.slow
def test_a_second_signal_and_a_main_thread_that_hears_nothing_end_the_process_too():
    program = (
        "import sys, time, ctypes, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # it is ignored where the tests run in background
        "from bicross.pipelines.commands.terminal import ending_process, saying\n"
        "with ending_process(), saying(lambda: 'This was kept.'):\n"
        "    print('ready', flush=True)\n"
        "    try:\n"
        "        {}\n"
        "    finally:\n"
        "        time.sleep(300)\n"
    )
    for work, signals in (("time.sleep(300)", 2), ("ctypes.PyDLL(None) and ctypes.CDLL(None).usleep(300_000_000)", 1)):
        code, stderr = signalled(["-c", program.format(work)], signals * [(0.3, signal.SIGINT)])
        assert (code, "bicross: interrupted. This was kept." in stderr) == (130, True)


@pytest.mark.slow
def test_an_interrupt_that_python_drops_is_sent_again():
    """An exception in a ``__del__`` or in a callback is printed and forgotten: the command went on to its end."""
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from bicross.pipelines.commands.terminal import ending_process, interrupts, saying\n"
        "interrupts.UNWINDING_SECONDS = 300\n"
        "class Slow:\n"
        "    def __del__(self):\n"
        "        print('ready', flush=True)\n"
        "        time.sleep(300)\n"
        "try:\n"
        "    with ending_process(), saying(lambda: 'This was kept.'):\n"
        "        Slow()\n"
        "        time.sleep(300)\n"
        "except KeyboardInterrupt as interrupted:\n"
        "    sys.exit(interrupted.number)\n"
    )
    assert signalled(["-c", program], [(0.3, signal.SIGINT)]) == (2, "")


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A BEIR folder with a judged question for each of twenty documents."""
    path = tmp_path_factory.mktemp("judged")
    (path / "qrels").mkdir()
    queries = [{"_id": f"q{n}", "text": f"which text is number {n}"} for n in range(20)]
    (path / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries))
    lines = [f"q{n}\td{n}\t1\n" for n in range(20)]
    (path / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines))
    return path


@pytest.mark.slow
def test_an_interrupted_tuning_stores_nothing_or_all(tmp_path, judged):
    arguments = ["tune", None, judged, "--latency-queries", "0", "--retrieve-k", "20", "--scores", tmp_path / "scores"]
    stored = []
    for number, after in enumerate([None, *(random.Random(seed).uniform(0, 2.5) for seed in range(2))]):
        arguments[1] = path = tmp_path / str(number)
        build_index(DOCUMENTS[:40], path, encoder=HashEncoder(), reranker=None)
        code, stderr = run(arguments, after=after, seconds_a_text=0 if after is None else 0.005)
        if code:
            assert (code, after is not None) == (130, True), stderr
            is_stored = bool(Index.open(path).settings)
            expected = "The change is committed" if is_stored else f"Nothing was stored in {path}: run the same command"
            assert f"bicross: interrupted. {expected}" in stderr or "bicross: interrupted.\n" in stderr, stderr
            assert run(arguments, seconds_a_text=0)[0] == 0
        stored.append(Index.open(path).settings)
    assert stored[0]
    assert all(settings == stored[0] for settings in stored[1:])


@pytest.mark.slow
def test_an_interrupted_training_goes_on_to_the_same_model(tmp_path):
    program = PROGRAM.parent / "interrupted_training.py"
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[1]), "OMP_NUM_THREADS": "1"}
    moments = [f"{random.Random(seed).uniform(0.1, 0.9):.2f}" for seed in (1, 2)]
    command = [sys.executable, str(program), str(tmp_path), *moments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr
    whole = (tmp_path / "whole" / "model.safetensors").read_bytes()
    for number, (code, stderr, again) in enumerate(json.loads(done.stdout)):
        assert (code in (0, 130), again) == (True, 0), stderr
        if code:
            assert f"bicross: interrupted. {tmp_path / str(number)} " in stderr
            assert "Run the same command again to " in stderr
        assert (tmp_path / str(number) / "model.safetensors").read_bytes() == whole


@pytest.mark.slow
def test_an_interrupted_demo_says_what_is_there(tmp_path):
    code, stderr = run(["demo", "-o", tmp_path / "demo", "--limit", "400"], after=3, seconds_a_text=0.05)
    assert code == 130
    assert f"bicross: interrupted. Nothing was written to {tmp_path / 'demo'}: run the same command again." in stderr


@pytest.mark.slow
def test_a_signal_after_the_work_does_not_change_the_exit_code(tmp_path, source):
    """Python takes its time to shut down, in which the system would end it by the signal."""
    program = (
        "import atexit, sys, threading, time\n"
        "from bicross.pipelines.commands import app\n"
        "{}\n"
        "app._run = lambda argv: 3\n"
        "code = app.main()\n"
        "print('ready', flush=True)\n"
        "sys.exit(code)\n"
    )
    in_python = "threading.Thread(target=time.sleep, args=(300,)).start()"
    in_a_library = "atexit.register(lambda: __import__('ctypes').PyDLL(None).usleep(1_500_000))"
    in_the_shutdown = (
        "class Late:\n    __del__ = lambda self: __import__('ctypes').PyDLL(None).usleep(1_500_000)\nlate = Late()"
    )
    for late in (in_python, in_a_library, in_the_shutdown):
        assert signalled(["-c", program.format(late)], [(0.5, signal.SIGTERM)]) == (3, "")


def test_the_innermost_message_counts_and_is_said_once():
    def interrupted():
        with saying(lambda: "outer"), saying(lambda: "inner"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert said_on_interrupt() == "inner"
    assert said_on_interrupt() == ""


def test_a_message_that_fails_does_not_hide_the_interrupt():
    def interrupted():
        with saying(lambda: str(1 // 0)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert said_on_interrupt() == ""


def test_a_change_that_was_committed_is_said_to_be_there(tmp_path):
    path = tmp_path / "index"
    built = unless_committed(path, "nothing")
    assert built() == "nothing"
    build_index(DOCUMENTS[:10], path, encoder=HashEncoder(), reranker=None)
    assert built() == f"The change is committed: {path} is at generation 1."
    changed = unless_committed(path, "nothing")
    assert changed() == "nothing"
    Index.open(path).delete(["d0"])
    assert changed() == f"The change is committed: {path} is at generation 2."


def test_an_interrupt_in_a_program_that_calls_main_is_an_exit_code(monkeypatch, capsys):
    def interrupted(*_, **__):
        with saying(lambda: "Nothing was changed."):
            raise KeyboardInterrupt

    monkeypatch.setattr(app, "app", interrupted)
    assert app.main(["info", "index"]) == 130
    assert capsys.readouterr().err == "\nbicross: interrupted. Nothing was changed.\n"
    before = signal.getsignal(signal.SIGINT)
    threading.Thread(target=app.main, args=(["info", "index"],)).start()
    assert signal.getsignal(signal.SIGINT) is before

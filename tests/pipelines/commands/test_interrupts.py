"""Ctrl-C and SIGTERM end every long command at once, and what is kept can be used."""

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest
from bicross.index import Document, Index
from bicross.pipelines import build_index
from bicross.pipelines.commands import app
from bicross.pipelines.commands.terminal import said_on_interrupt, saying, unless_committed, unless_written
from helpers.examples import thorough
from helpers.fakes import HashEncoder
from helpers.interrupted_commands import NOT_BEGUN, Ended

PROGRAM = Path(__file__).parents[2] / "helpers" / "interrupted_commands.py"
LONGEST_SECONDS = 60  # not a measurement: a command that does not end must not hold the tests
MOMENTS = range(20 if thorough() else 4)
"""At how many random moments each of five commands is interrupted."""
PACE = 0.003
"""Seconds that a fake model takes for a text."""
DOCUMENTS = [Document(f"d{number}", f"text number {number} of many") for number in range(300)]


class Commands:
    """Runs commands of bicross in the processes that a program forks; see ``helpers.interrupted_commands``."""

    def __init__(self, program):
        self._program = program

    def run(self, *arguments, **request):
        """Run a command, and perhaps send it a signal. Returns as ``helpers.interrupted_commands.answer``."""
        request["command"] = list(map(str, arguments))
        self._program.stdin.write(json.dumps(request) + "\n")
        self._program.stdin.flush()
        return Ended(*json.loads(self._program.stdout.readline()))

    def seconds(self, *arguments, **request):
        """Run a command to its end. Returns how long it took."""
        ended = self.run(*arguments, **request)
        assert ended.code == 0, ended.said
        return ended.seconds

    def interrupted(self, chance, seconds, arguments, **request):
        """Interrupt a command at a random moment of the time that it takes.

        Args:
            chance: Draws the moment.
            seconds: How long the command takes.
            arguments: Returns the arguments, for a place where nothing has been done; called again, for an earlier
                moment, if the first one came too late.
            request: The signal, and the pace of the models.
        """
        moment, ended = chance.uniform(0.05, 0.95) * seconds, None
        while ended is None or ended.code == 0:
            ended, moment = self.run(*arguments(), after=moment, **request), 0.6 * moment
        assert ended.code == 128 + request.get("number", signal.SIGINT), ended.said
        return ended


@contextmanager
def forking(*options):
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[1]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(PROGRAM), *map(str, options)]
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True, env=environment) as program:
        yield Commands(program)
        program.stdin.close()


@pytest.fixture(scope="module")
def commands():
    with forking() as running:
        yield running


def said_nothing_or(ended, message):
    """Whether an interrupted command, which had perhaps not begun to change anything, said what it leaves behind."""
    said_nothing = ended.said.endswith(("bicross: interrupted.\n", f"{NOT_BEGUN}\n"))
    return said_nothing or f"bicross: interrupted. {message}" in ended.said


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


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Paths where nothing is yet."""
    folder = tmp_path_factory.mktemp("places")
    return (folder / str(number) for number in itertools.count())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_is_continued_to_the_same_index(commands, places, source, whole, number):
    def begin():
        nonlocal path
        path = next(places)
        return "index", source, "-o", path, "--no-tokens"

    path = next(places)
    seconds = commands.seconds(*begin(), seconds_a_text=PACE)
    for seed in MOMENTS if number == signal.SIGINT else MOMENTS[:1]:
        ended = commands.interrupted(random.Random(seed), seconds, begin, number=number, seconds_a_text=PACE)
        disk = Index.on_disk(path)
        unfinished = disk.unfinished
        again = ("index", source, "-o", path, "--no-tokens")
        if disk.newest is not None:  # the signal came between the commit and the end
            assert said_nothing_or(ended, "The change is committed")
            assert contents(path) == whole
            continue
        if unfinished is None:
            assert said_nothing_or(ended, f"Nothing was written to {path}: run the same command again.")
        else:
            assert f"bicross: interrupted. {path} keeps {unfinished:,} documents of this build." in ended.said
            refused = commands.run(*again)
            assert (refused.code, "continue it with --resume, or" in refused.said) == (1, True)
            again += ("--resume",)
        assert commands.run(*again).code == 0
        assert contents(path) == whole


@pytest.mark.slow
def test_an_interrupted_addition_changes_nothing_or_all(commands, places, source, whole):
    def begin():
        nonlocal path
        path = shutil.copytree(empty, next(places))
        return "add", path, source, "--replace"

    path = empty = next(places)
    build_index([], empty, encoder=HashEncoder(), reranker=None)
    seconds = commands.seconds(*begin(), seconds_a_text=PACE)
    for seed in MOMENTS:
        ended = commands.interrupted(random.Random(seed), seconds, begin, seconds_a_text=PACE)
        changed = len(Index.open(path)) > 0
        expected = "The change is committed" if changed else f"Nothing was added to {path}: run the same command again."
        assert said_nothing_or(ended, expected)
        assert len(Index.open(path)) == (300 if changed else 0)
        assert commands.run("add", path, source, "--replace").code == 0
        assert contents(path) == whole


@pytest.mark.slow
def test_a_killed_sync_changes_nothing_or_all_and_the_next_one_completes_it(commands, places, source, whole):
    def begin():
        nonlocal path
        path = shutil.copytree(before, next(places))
        return "sync", source, path

    path = before = next(places)
    gone = [Document(f"gone{number}", "text to be deleted") for number in range(100)]
    changed = [Document(document.id, f"old {document.text}") for document in DOCUMENTS[100:200]]
    build_index([*DOCUMENTS[:100], *changed, *gone], before, encoder=HashEncoder(), reranker=None)
    seconds, chance = commands.seconds(*begin(), seconds_a_text=PACE), random.Random(1)
    assert contents(path) == whole
    for _ in MOMENTS if thorough() else MOMENTS[:2]:
        moment = chance.uniform(0.3, 1) * seconds
        ended = commands.run(*begin(), after=moment, number=signal.SIGKILL, seconds_a_text=PACE)
        assert ended.code in (0, -signal.SIGKILL)
        assert contents(path) in (contents(before), whole)
        assert commands.run("sync", source, path).code == 0
        assert contents(path) == whole
    ended = commands.run(*begin(), "--watch", after=seconds, seconds_a_text=PACE)
    assert (ended.code, contents(path) in (contents(before), whole)) == (130, True), ended.said


@pytest.mark.slow
def test_an_interrupted_compaction_changes_nothing_that_is_found(commands, places, whole):
    def begin():
        nonlocal path
        path = shutil.copytree(full, next(places))
        return "compact", path

    path = full = next(places)
    extra = [Document(f"extra{number}", "text to be deleted") for number in range(600)]
    build_index([*extra, *DOCUMENTS], full, encoder=HashEncoder(), reranker=None)
    with Index.open(full).writer() as writer:
        writer.delete([document.id for document in extra[:100]])
        writer.commit(reason="delete")
    seconds = commands.seconds(*begin())
    for seed in MOMENTS:
        ended = commands.interrupted(random.Random(seed), seconds, begin)
        changed = Index.open(path).generation > Index.open(full).generation
        expected = "The change is committed" if changed else f"Nothing was changed in {path}: run the same command"
        assert said_nothing_or(ended, expected)
        Index.open(path).delete([document.id for document in extra])
        assert commands.run("compact", path).code == 0
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
def test_an_interrupted_tuning_stores_nothing_or_all(commands, places, judged, tmp_path):
    def begin():
        nonlocal path
        path = shutil.copytree(untuned, next(places))
        return "tune", path, judged, *options

    options = ("--latency-queries", "0", "--retrieve-k", "20", "--scores", tmp_path / "scores")
    path = untuned = next(places)
    build_index(DOCUMENTS[:40], untuned, encoder=HashEncoder(), reranker=None)
    seconds = commands.seconds(*begin(), seconds_a_text=PACE)
    settings = Index.open(path).settings
    assert settings.keys() > Index.open(untuned).settings.keys()
    for seed in MOMENTS:
        shutil.rmtree(tmp_path / "scores", ignore_errors=True)
        ended = commands.interrupted(random.Random(seed), seconds, begin, seconds_a_text=PACE)
        is_stored = Index.open(path).settings != Index.open(untuned).settings
        expected = "The change is committed" if is_stored else f"Nothing was stored in {path}: run the same command"
        assert said_nothing_or(ended, expected)
        assert commands.run("tune", path, judged, *options).code == 0
        assert Index.open(path).settings == settings


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("evaluate", "INDEX", "JUDGED", "--split", "train"),
            "Nothing was measured or written: run the same command again.",
        ),
        (("duplicates", "SOURCE"), "Nothing was written: run the same command again."),
        (("dedupe", "SOURCE", "TARGET"), "Nothing was written: run the same command again."),
        (("cluster", "SOURCE"), "Nothing was written: run the same command again."),
        (("score", "PAIRS", "--format", "tsv"), "What was written is not all: run the same command again."),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_an_interrupted_command_that_keeps_nothing_says_so(
    commands, places, judged, source, tmp_path, options, message
):
    paths = {"INDEX": tmp_path / "index", "JUDGED": judged, "SOURCE": source, "PAIRS": tmp_path / "pairs.tsv"}
    if options[0] == "evaluate":
        build_index(DOCUMENTS[:40], paths["INDEX"], encoder=HashEncoder(), reranker=None)
    paths["PAIRS"].write_text("".join(f"{document.text}\tanother\n" for document in DOCUMENTS))

    def begin():
        paths["TARGET"] = next(places).with_suffix(".jsonl")
        return [paths.get(option, option) for option in options]

    seconds = commands.seconds(*begin(), seconds_a_text=PACE)
    for seed in MOMENTS if thorough() else MOMENTS[:1]:
        ended = commands.interrupted(random.Random(seed), seconds, begin, seconds_a_text=PACE)
        written = paths["TARGET"].exists()  # the signal came between the last line and the end
        assert said_nothing_or(ended, f"{paths['TARGET']} is written." if written else message)


def test_a_file_is_said_to_be_written_once_it_is(tmp_path):
    path = tmp_path / "out.jsonl"
    for text in ("old", "new"):
        message = unless_written(path)
        assert message() == "Nothing was written: run the same command again."
        (tmp_path / "part").write_text(text)
        (tmp_path / "part").replace(path)
        assert message() == f"{path} is written."


@pytest.mark.slow
def test_an_interrupted_training_goes_on_to_the_same_model(places, tmp_path):
    def begin():
        nonlocal path
        path = next(places)
        return *command, path

    command = ("train", "reranker", tmp_path / "judged", "--model", tmp_path / "base", "--encoder", tmp_path / "bi")
    command += ("--rank", "4", "--depth", "6", "--steps", "6", "--evaluate-every", "2", "--lists-per-step", "2")
    command += ("--max-length", "32", "--device", "cpu", "-o")
    path = next(places)
    with forking("--train", tmp_path) as commands:
        seconds = commands.seconds(*begin())
        whole = (path / "model.safetensors").read_bytes()
        for seed in MOMENTS if thorough() else MOMENTS[:2]:
            ended = commands.interrupted(random.Random(seed), seconds, begin)
            assert said_nothing_or(ended, f"{path} ")
            if str(path) in ended.said:
                assert "Run the same command again to " in ended.said
            again = commands.run(*command, path)
            assert again.code == 0 or "holds a finished model" in again.said
            assert (path / "model.safetensors").read_bytes() == whole


@pytest.mark.slow
def test_an_interrupted_demo_says_what_is_there(commands, places):
    path = next(places)
    ended = commands.run("demo", "-o", path, "--limit", "400", after=3, seconds_a_text=0.2)
    assert ended.code == 130
    assert said_nothing_or(ended, f"Nothing was written to {path}: run the same command again.")


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_during_the_imports_is_no_traceback(number, tmp_path):
    """The module that the command line imports last sends the signal to its own process."""
    slow = tmp_path / "sitecustomize.py"
    slow.write_text(
        "import builtins, os, signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # ignored where the tests run in the background
        "importing = builtins.__import__\n"
        "def hook(name, *rest, **named):\n"
        "    if name == 'typer':\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "    return importing(name, *rest, **named)\n"
        "builtins.__import__ = hook\n",
        encoding="utf-8",
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "bicross", "--help"]
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (128 + number, "", "\nbicross: interrupted.\n")

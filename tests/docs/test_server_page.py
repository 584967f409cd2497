"""Every command line of the guide to the server runs, against a server of the index that the guide names."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from os.path import expandvars
from pathlib import Path

import pytest
from bicross.pipelines.commands import main

PAGE = Path(__file__).parents[2] / "docs" / "server.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
BLOCKS_OF_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
DOCUMENT = {
    "id": "vaccine",
    "title": "Vaccination",
    "text": "A vaccine trains the immune system to recognise a virus before an infection.",
    "year": 2021,
}
ADDRESS = "http://127.0.0.1:8080"


def command_lines():
    text = "".join(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("pip ")]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_command_lines_of_the_page_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("BICROSS_WRITE_KEY", "the-write-key-of-the-guide")
    (tmp_path / "articles.jsonl").write_text(json.dumps(DOCUMENT) + "\n", encoding="utf-8")
    assert main(["index", "articles.jsonl", "-o", "my-index"]) == 0
    serve, *asking = command_lines()
    words = [*shlex.split(serve), "--json"]
    words[words.index("8080")] = "0"
    command = [sys.executable, "-m", "bicross.pipelines.commands.app", *words[1:]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            listening, ready = (json.loads(process.stdout.readline()) for _ in range(2))
            assert (listening["status"], ready["status"]) == ("listening", "ready")
            assert ready["settings"]["my-index"]["retrieve_k"] == {"value": 100, "from": "default"}
            assert len(asking) >= 6
            for line in asking:
                assert ADDRESS in line
                if line.startswith("bicross "):
                    assert main(shlex.split(line.replace(ADDRESS, ready["url"]))[1:]) == 0
                    continue
                answer = subprocess.run(
                    [*map(expandvars, shlex.split(line.replace(ADDRESS, ready["url"]))), "--fail-with-body"],
                    capture_output=True,
                    text=True,
                )
                assert answer.returncode == 0, f"{line}\n{answer.stdout}{answer.stderr}"
                assert answer.stdout
            for code in BLOCKS_OF_PYTHON.findall(PAGE.read_text(encoding="utf-8")):
                exec(compile(code.replace(ADDRESS, ready["url"]), str(PAGE), "exec"), {})
            assert capsys.readouterr().out.endswith("Vaccination\n")
            process.terminate()
            assert json.loads(process.stdout.readline())["status"] == "ended"
            assert process.wait(60) == 0
        finally:
            process.kill()

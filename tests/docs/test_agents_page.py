"""The guide to agents: its programs run against its commands, and the configurations name commands that there are."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from bicross.pipelines.commands import main
from bicross.pipelines.commands.app import app

PAGE = Path(__file__).parents[2] / "docs" / "agents.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
DOCUMENT = {
    "id": "vaccine",
    "title": "Vaccination",
    "text": "A vaccine trains the immune system to recognise a virus before an infection.",
    "year": 2021,
}
ADDRESS = "http://127.0.0.1:8765"
COMMAND = [sys.executable, "-m", "bicross.pipelines.commands.app"]


def blocks(language):
    return [code for kind, code in BLOCK.findall(PAGE.read_text(encoding="utf-8")) if kind == language]


def commands():
    lines = [shlex.split(line) for code in blocks("sh") for line in code.splitlines()]
    return [words[1:] for words in lines if words[0] == "bicross"]


def test_what_agents_are_configured_with_is_a_command():
    configured = [json.loads(code) for code in blocks("json")]
    servers = [server for record in configured for member in record.values() for server in member.values()]
    assert len(servers) == 2
    assert all(server["command"] == "bicross" for server in servers)
    for name, *words in [*commands(), *(server["args"] for server in servers)]:
        command = typer.main.get_command(app).get_command(None, name)
        command.make_context("bicross", words)
    assert "bicross mcp /home/me/my-index" in "".join(blocks("text"))


@pytest.mark.slow
def test_the_programs_of_the_page_run(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bicross").write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n', encoding="utf-8")
    (tmp_path / "bicross").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "articles.jsonl").write_text(json.dumps(DOCUMENT) + "\n", encoding="utf-8")
    assert main(["index", "articles.jsonl", "-o", "my-index"]) == 0
    _, over_http = commands()
    over_http[over_http.index("8765")] = "0"
    with subprocess.Popen([*COMMAND, *over_http, "--json"], stdout=subprocess.PIPE, text=True) as process:
        try:
            _, ready = (json.loads(process.stdout.readline()) for _ in range(2))
            capfd.readouterr()
            namespace = {}
            for code in blocks("python"):
                exec(compile(code.replace(ADDRESS, ready["url"]), str(PAGE), "exec"), namespace)
            title, error, cited = capfd.readouterr().out.splitlines()
            assert title == "Vaccination"
            assert error.startswith("True where: there is no field 'date' to filter by; there are: 'year'")
            assert cited.startswith("[1] Vaccination (vaccine, ")
            process.terminate()
            assert json.loads(process.stdout.readline())["status"] == "ended"
            assert process.wait(60) == 0
        finally:
            process.kill()

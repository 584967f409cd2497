"""The README's Python runs as it stands, and its commands exist."""

import ast
import json
import re
from pathlib import Path

from bicross.pipelines.commands.app import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

ARTICLES = [
    ("vaccine", "Vaccination", "A vaccine trains the immune system to recognise a virus before an infection."),
    ("antibody", "Antibodies", "An antibody is a protein that the immune system makes to bind to a foreign body."),
    ("phone", "Telephone", "Alexander Graham Bell received the first patent for the telephone in 1876."),
    ("bread", "Bread", "Bread is baked from flour, water and yeast."),
]


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    rows = [{"id": id_, "title": title, "text": text} for id_, title, text in ARTICLES]
    Path("articles.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    [code] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert re.fullmatch(r"1 [01]\.\d+ Vaccination \| A vaccine trains .*", lines[0])
    antibody, telephone = ast.literal_eval(lines[-1])
    assert (antibody[0], telephone[0]) == ("antibody", "phone")


def test_the_commands_of_the_readme_exist(capsys):
    commands = set(re.findall(r"bicross (\w+)", " ".join(re.findall(r"`[^`]+`|```.*?```", README, re.DOTALL))))
    assert {"index", "search", "info"} <= commands
    for command in sorted(commands):
        assert main([command, "--help"]) == 0, command
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile
    capsys.readouterr()


def test_every_folder_of_the_readme_is_there():
    for folder in re.findall(r"^\| `(\w+)/`", README, re.MULTILINE):
        assert (ROOT / folder).is_dir(), folder
    for link in re.findall(r"\]\(([^)h#][^)]*)\)", README):
        assert (ROOT / link).exists(), link

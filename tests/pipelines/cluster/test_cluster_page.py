"""The code of the guide to clusters runs, page by page in order, on the Ray of the tests."""

import json
import re
import shlex
from pathlib import Path

import pytest
from bicross.pipelines.commands import main
from bicross.rerank import CrossEncoderReranker

PAGE = Path(__file__).parents[3] / "docs" / "cluster.md"
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<code>.*?)^```$", re.M | re.S)
DOCUMENTS = [
    {"id": "vaccine", "text": "A vaccine trains the immune system to recognise a virus before an infection."},
    {"id": "tide", "text": "The moon pulls on the oceans, so that the sea rises and falls twice a day."},
]
NEWS = [{"id": "comet", "text": "A comet passed."}]


@pytest.mark.slow
def test_the_code_of_the_page_runs(ray_address, tmp_path, monkeypatch):
    """Ray has one node here, and two workers: each imports an engine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "shared").mkdir()
    for name, rows in {"articles": DOCUMENTS, "shared/articles": DOCUMENTS, "news": NEWS}.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    namespace, ran = {}, []
    text = re.sub(r"\bworkers([ =])[38]", r"workers\g<1>2", PAGE.read_text(encoding="utf-8"))
    for block in BLOCK.finditer(text.replace("10.0.0.1:6379", ray_address).replace("/shared/", "shared/")):
        if block["language"] == "python":
            code = block["code"].replace('"shared/my-index"', '"shared/another-index"')
            exec(compile(code, str(PAGE), "exec"), namespace)
            ran.append("python")
        for line in block["code"].splitlines() if block["language"] == "sh" else ():
            words = shlex.split(line)
            if words[:1] == ["bicross"] and words[1] != "serve":  # test_ray_shards.py has a server
                assert main(words[1:]) == 0, line
                ran.append(words[1])
    assert ran == ["index", "index", "add", "python", "python", "python", "search", "python"]
    results = namespace["results"]
    assert [result.document.id for result in results] == ["vaccine", "tide"]
    pairs = [("how do vaccines work?", result.document.text) for result in results]
    assert [result.logit for result in results] == CrossEncoderReranker(device="cpu").score(pairs).tolist()

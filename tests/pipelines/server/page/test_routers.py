"""The files of the page as a program gets them: with a strict policy, without a key, and nothing of other hosts."""

import re
from pathlib import Path

import pytest
from bicross.pipelines.server import page
from helpers.served import KEY, animals, served

FILES = sorted((Path(page.__file__).parent / "static").iterdir())
NAMESPACE = "http://www.w3.org/2000/svg"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return animals(tmp_path_factory.mktemp("page") / "index")


@pytest.fixture(scope="module")
def client(index):
    with served({"animals": index}, loaded=False) as (client, _):
        yield client


def test_the_page_has_a_strict_policy(client):
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert policy == page.POLICY
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_served_and_names_only_others_that_are(client, path):
    text = path.read_text(encoding="utf-8")
    if path.name != "index.html":
        answer = client.get(f"/page/{path.name}")
        assert (answer.status_code, answer.text) == (200, text)
    assert "//" not in re.sub(r"^ *//.*| // .*", "", text.replace(NAMESPACE, ""), flags=re.MULTILINE)
    named = re.findall(r'from "\./([^"]+)"|(?:src|href)="page/([^"]+)"', text)
    assert {first or second for first, second in named} <= {file.name for file in FILES}


def test_the_page_has_no_script_or_style_of_its_own_and_makes_no_html_of_texts():
    html = next(path for path in FILES if path.name == "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\bstyle=|\bon\w+=|<script(?![^>]* src=)", html)
    for path in FILES:
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", path.read_text("utf-8"))


@pytest.mark.parametrize(
    "path", ["/page/", "/page/nothing.js", "/page/index.html", "/page/../app.py", "/page/%2e%2e/app.py"]
)
def test_no_other_file_can_be_had(client, path):
    assert client.get(path).status_code == 404
    assert client.post("/").status_code == 405


def test_the_page_needs_no_key_and_tells_nothing(index):
    with served({"animals": index}, key=KEY, loaded=False) as (client, _):
        for path in ("/", "/page/main.js"):
            answer = client.get(path, headers={"Host": "search.example"})
            assert (answer.status_code, "animals" in answer.text) == (200, False)
        for path in ("/v1/index", "/page", "/pages/main.js"):
            assert client.get(path).status_code == 401
        assert client.post("/").status_code == 401


def test_another_host_does_not_get_the_page_of_a_server_without_a_key(client):
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 403

"""The page in real Chromium: what a person types and clicks, and what is then shown."""

import re

import pytest
from bicross.index import Document
from helpers.browser import browser, why_no_browser
from helpers.fakes import OverlapReranker
from helpers.served import ANIMALS, KEY, animals, listening

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_no_browser()), reason=why_no_browser() or "there is a browser"),
]
EVIL = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
PLACES = ["park", "field", "sofa"]
MANY = [
    Document(
        f"text-{i}",
        f"Dogs bark. In the {PLACES[i % 3]} number {i} the dog sleeps {'well ' * (i % 5)}. They run.",
        f"Text {i}",
        {
            "legs": i % 5,
            "place": PLACES[i % 3],
            "tags": ["even" if i % 2 == 0 else "odd"],
            "tame": i % 2 == 0,
            "day": f"2024-01-{i + 1:02}",
        },
    )
    for i in range(30)
]
STRANGE = [
    Document("evil", f"The 🦊🦊 hides. A wombat digs {EVIL} a burrow. 🦊 ends.", f"Wombats {EVIL}", {EVIL: EVIL}),
    Document("../a b?c#d&e=f", "A wombat digs deep.", "", {"legs": 4}),
]
NIGHT = "?q=the+dog+sleeps"


class CountingReranker(OverlapReranker):
    """An ``OverlapReranker`` whose scores can be remembered."""

    fingerprint = model_fingerprint = "overlap"


@pytest.fixture(scope="module")
def reranker():
    return CountingReranker()


@pytest.fixture(scope="module")
def url(tmp_path_factory, reranker):
    folder = tmp_path_factory.mktemp("page")
    indexes = {"animals": animals(folder / "a", ANIMALS + MANY), "strange": animals(folder / "b", STRANGE)}
    with listening(indexes, reranker=reranker) as url:
        yield url


@pytest.fixture(scope="module")
def chromium():
    with browser() as launched:
        yield launched


@pytest.fixture
def opened(chromium, url):
    """Opens the page in a context of its own. What goes wrong in it, or leaves the server's address, is an error."""
    contexts, problems = [], []

    def open_(address="", base=url, problem=r"^$", **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: request.url.startswith(base) or problems.append(request.url))
        page.expected = problem
        page.goto(f"{base}/{address}")
        return page

    yield open_
    expected = [page.expected for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    assert [text for text in problems if not any(re.search(pattern, text) for pattern in expected)] == []


def shown(page):
    """The ids of the results, when no search runs any more."""
    page.wait_for_selector("#results[aria-busy=false]", state="attached")
    return page.eval_on_selector_all("#results > li", "items => items.map(item => item.dataset.id)")


def status(page, text):
    page.wait_for_function("text => document.getElementById('status').textContent.startsWith(text)", arg=text)


def slide(page, name, value):
    """Move a slider to a value, as a person does with the keyboard."""
    output = page.locator(f"output[for={name}]")
    page.focus(f"#{name}")
    page.keyboard.press("Home")
    for _ in range(30):
        if output.inner_text() == value:
            return
        page.keyboard.press("ArrowRight")
    raise AssertionError(f"{name} has no {value}")


def test_a_search_shows_titles_relevance_marks_and_times(opened):
    page = opened()
    status(page, "34 documents in animals.")
    assert page.evaluate("document.activeElement.id") == "query"
    page.keyboard.type("the dog sleeps")
    page.keyboard.press("Enter")
    status(page, "10 results.")
    ids = shown(page)
    assert len(ids) == 10
    assert page.title() == "the dog sleeps · bicross"
    assert page.url.endswith("/?q=the+dog+sleeps")
    titles = {document.id: document.title for document in ANIMALS + MANY}
    assert page.locator("#results h3").all_inner_texts() == [titles[id_] for id_ in ids]
    bars = page.eval_on_selector_all("[role=meter] rect", "bars => bars.map(bar => bar.width.baseVal.value)")
    assert len(bars) == 10
    assert bars == sorted(bars, reverse=True)
    assert "the dog sleeps" in page.inner_text("#results mark >> nth=0")
    times = page.inner_text("#times")
    assert re.search(r"First stage\s+[\d.]+ ms for 34 candidates\s+Reranking\s+[\d.]+ ms for 34", times), times


def test_the_slope_shows_where_each_document_came_from(opened):
    page = opened(NIGHT)
    ids = shown(page)
    final = page.eval_on_selector_all("#slope ol.rank > li", "rows => rows.map(row => row.dataset.id)")
    assert final[:10] == ids
    left = page.eval_on_selector_all("#slope ol.retrieval_rank .rank", "rows => rows.map(row => +row.textContent)")
    assert left == sorted(left)
    assert left[:10] == list(range(1, 11))
    lines = page.eval_on_selector_all("#slope path", "paths => paths.map(path => path.dataset.id)")
    assert sorted(lines) == sorted(final)
    moved = page.inner_text(".movement >> nth=0")
    assert re.match(r"(▲|▼) \d+ → 1|=", moved), moved
    assert "of the best 10 rose" in page.get_attribute("#slope svg", "aria-label")
    page.hover(f"#results > li[data-id={ids[2]}]")
    assert page.eval_on_selector_all("path.active", "paths => paths.map(path => path.dataset.id)") == [ids[2]]


def test_sliders_search_anew_and_nothing_is_scored_twice(opened, reranker):
    page = opened(NIGHT)
    shown(page)
    scored = len(reranker.calls)
    slide(page, "rerank_k", "5")
    page.wait_for_function("() => document.getElementById('times').textContent.includes('for 5')")
    slide(page, "retrieve_k", "10")
    page.wait_for_function("() => document.getElementById('times').textContent.includes('for 10 candidates')")
    assert page.url.endswith(f"{NIGHT}&retrieve_k=10&rerank_k=5")
    slide(page, "blend", "0.00")
    page.wait_for_function("() => document.querySelectorAll('.movement.same').length === 10")
    passages = {f"{document.title} {document.text}" for document in ANIMALS + MANY}
    assert not any(passage in passages for call in reranker.calls[scored:] for _, passage in call)
    page.click("#reset")
    page.wait_for_function("() => document.getElementById('times').textContent.includes('for 34')")
    assert page.url.endswith(NIGHT)


def test_a_slow_reranker_gives_a_first_answer_and_then_better_ones(opened):
    page, asked = opened(), []

    def partly(route):
        answer = route.fetch()
        asked.append(route.request.post_data_json["deadline_ms"])
        record = answer.json() | ({"reranked": 8} if len(asked) < 3 else {})
        route.fulfill(response=answer, json=record)

    page.route("**/v1/search", partly)
    page.fill("#query", "the dog sleeps")
    page.keyboard.press("Enter")
    status(page, "10 results.")
    assert asked == [800, 1600, 3200]


def test_what_is_asked_while_the_models_are_loading_is_answered_then(opened):
    page, asked, typed = opened(problem="status of 503"), [], []
    error = {"error": {"type": "loading", "code": 503, "message": "the models are loading", "param": None}}

    def loading(route):
        asked.append(route.request.url)
        if typed:
            route.continue_()
        else:
            route.fulfill(status=503, json=error, headers={"Retry-After": "0.01"})

    page.route("**/v1/index", loading)
    page.reload()
    status(page, "The models are loading.")
    assert page.is_hidden("#settings")
    page.keyboard.type("the dog sleeps")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{NIGHT}")
    typed.append(True)
    status(page, "10 results.")
    assert page.input_value("#query") == "the dog sleeps"
    assert len(asked) > 1


def test_cutoffs_move_each_other(opened):
    page = opened(f"{NIGHT}&retrieve_k=20")
    shown(page)
    slide(page, "rerank_k", "30")
    page.wait_for_url("**retrieve_k=30&rerank_k=30")
    slide(page, "retrieve_k", "3")
    page.wait_for_url("**retrieve_k=3&rerank_k=30")
    assert page.inner_text("output[for=rerank_k]") == "3"
    page.wait_for_function("() => document.querySelectorAll('#results > li').length === 3")
    slide(page, "rerank_k", "none")
    page.wait_for_function("() => document.getElementById('moves').hidden")
    assert "none" in page.inner_text("#times")
    slide(page, "blend", "0.05")
    page.wait_for_url("**retrieve_k=3&blend=0.05")
    page.wait_for_function("() => !document.getElementById('moves').hidden")


def test_filters_come_from_the_fields_of_the_index(opened):
    page = opened(NIGHT)
    shown(page)
    page.select_option("[aria-label=place]", "sofa")
    page.fill("[aria-label='legs: least']", "2")
    page.select_option("[aria-label='tags has']", "odd")
    page.select_option("[aria-label=tame]", "false")
    page.fill("#where", "legs < 4")
    page.wait_for_url(re.compile("where=legs"))
    expected = [d.id for d in MANY if d.metadata["place"] == "sofa" and 2 <= d.metadata["legs"] < 4]
    expected = {id_ for id_ in expected if int(id_.removeprefix("text-")) % 2}
    page.fill("[aria-label='day: greatest']", "2024-01-20")
    page.wait_for_url(re.compile("day.max=2024-01-20"))
    expected = {id_ for id_ in expected if int(id_.removeprefix("text-")) < 20}
    status(page, f"{len(expected)} result")
    assert set(shown(page)) == expected
    page.reload()
    assert set(shown(page)) == expected
    assert page.input_value("[aria-label=place]") == "sofa"
    assert page.inner_text("#whole-filter").startswith("(legs < 4) and ")
    page.click("#clear-filters")
    status(page, "10 results.")
    assert page.url.endswith(NIGHT)


def test_nothing_found_and_a_filter_that_cannot_be_read(opened):
    page = opened(f"{NIGHT}&where=legs+%3E+100", problem="status of 400")
    status(page, "Nothing matches the filters.")
    assert shown(page) == []
    page.fill("#where", "legs >")
    page.wait_for_selector("#error:not([hidden])")
    assert "filter" in page.inner_text("#error")
    assert page.get_attribute("#where", "aria-invalid") == "true"
    page.fill("#where", "")
    status(page, "10 results.")
    assert page.is_hidden("#error")


@pytest.mark.parametrize(
    ("address", "said"),
    [("index=nowhere", "no index nowhere"), ("f.legs.min=many", "cannot be compared"), ("doc=nobody", "no document")],
)
def test_a_link_that_cannot_be_followed_is_an_error(opened, address, said):
    page = opened(f"?q=dog&{address}", problem="status of 40[04]")
    page.wait_for_selector("#error:not([hidden])")
    assert said in page.inner_text("#error")
    assert page.locator("dialog[open]").count() == 0


def test_a_busy_server_is_asked_again_and_one_that_is_gone_is_said(opened):
    page, asked = opened(problem="ERR_FAILED|status of 429"), []
    error = {"error": {"type": "busy", "code": 429, "message": "the server is busy", "param": None}}

    def busy(route):
        asked.append(route.request.url)
        if len(asked) > 2:
            route.continue_()
        else:
            route.fulfill(status=429, json=error, headers={"Retry-After": "0.01"})

    page.route("**/v1/search", busy)
    page.fill("#query", "one")
    page.keyboard.press("Enter")
    status(page, "10 results.")
    assert len(asked) == 3
    page.route("**/v1/search", lambda route: route.abort())
    page.fill("#query", "another")
    page.keyboard.press("Enter")
    page.wait_for_selector("#error:not([hidden])")
    assert "cannot be reached" in page.inner_text("#error")
    assert shown(page) == []


def test_links_and_the_back_button_carry_the_whole_state(opened):
    page = opened(f"?q=sleeps&top_k=3&blend=0.5&f.legs.max=4&doc={MANY[0].id}")
    page.wait_for_selector("dialog[open]")
    assert page.inner_text("#document-title") == "Text 0"
    assert page.inner_text("output[for=blend]") == "0.50"
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile("max=4$"))
    assert len(shown(page)) == 3
    page.fill("#query", "field")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("q=field"))
    state = shown(page)
    page.go_back()
    page.wait_for_function("() => document.getElementById('query').value === 'sleeps'")
    assert shown(page) != state
    page.go_back()
    page.wait_for_selector("dialog[open]")
    page.go_forward()
    page.wait_for_selector("dialog[open]", state="detached")


def test_keyboard_alone(opened):
    page = opened()
    status(page, "34")
    page.keyboard.type("the dog sleeps")
    page.keyboard.press("Enter")
    ids = shown(page)
    focused = "document.activeElement.closest('#results > li')?.dataset.id"
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == ids[0]
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("k")
    assert page.evaluate(focused) == ids[1]
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    assert f"doc={ids[1]}" in page.url
    assert "reranked" in page.inner_text("dialog .stages")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog[open]", state="detached")
    assert page.evaluate(focused) == ids[1]
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"
    page.keyboard.type("bees")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("q=bees"))


def test_documents_are_shown_as_text_whatever_they_contain(opened):
    page = opened("?q=wombat+digs+a+burrow&index=strange", problem="TrustedHTML")
    assert shown(page)[0] == "evil"
    assert page.inner_text("#results h3 >> nth=0") == f"Wombats {EVIL}"
    marked = page.text_content("#results mark")
    assert marked.startswith("A wombat digs <script>")
    assert "🦊" not in marked
    page.click("#results h3 a >> nth=0")
    page.wait_for_selector("dialog[open]")
    assert page.text_content("#document .text") == STRANGE[0].text
    assert page.text_content("#document mark") == marked
    assert EVIL in page.inner_text("#document .all-facts")
    assert page.locator("main img, main script, dialog img, dialog script").count() == 0
    assert page.title() == "wombat digs a burrow · bicross"
    refused = page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>' } catch (error) { return error.name } }"
    )
    assert refused == "TypeError"


def test_the_part_of_a_long_passage_that_is_shown_has_its_best_sentence(opened):
    passages = ["short 🦊.", "🦊 word. " * 90, "word. " * 200, "x" * 1500]
    spans = [None, (0, 5), (3, 8), (100, 130), (410, 440), (600, 700), (0, 700)]
    cases = [(p, s) for p in passages for s in spans if s is None or s[1] <= len(p)]
    given = [[passage, span and {"start": span[0], "end": span[1]}] for passage, span in cases]
    excerpt = "given.map(([text, span]) => excerpt(text, span))"
    shown = opened().evaluate(
        f"async (given) => {{ const {{ excerpt }} = await import('/page/texts.js'); return {excerpt} }}", given
    )
    for (passage, span), part in zip(cases, shown, strict=True):
        text = part["before"] + part["marked"] + part["after"]
        assert passage[slice(*span) if span else slice(0)] == part["marked"]
        assert passage.startswith(text) or part["isCutBefore"]
        assert passage.endswith(text) or part["isCutAfter"]
        assert text in passage
        assert len(text) <= max(420, len(part["marked"]) + 140)


def test_an_id_of_any_characters_has_its_own_link(opened):
    page = opened("?q=deep&index=strange")
    assert shown(page)[0] == STRANGE[1].id
    assert page.inner_text("#results h3 >> nth=0") == STRANGE[1].text
    address = page.get_attribute("#results h3 a >> nth=0", "href")
    page = opened(address.replace("q=deep", "q="))
    page.wait_for_selector("dialog[open]")
    assert page.text_content("#document .text") == STRANGE[1].text


def test_another_index_is_chosen(opened):
    page = opened("?q=wombat&f.legs.min=2")
    status(page, "10 results.")
    page.select_option("#index", "strange")
    status(page, "2 results.")
    assert page.url.endswith("/?q=wombat&index=strange")


def test_a_key_is_asked_for_and_kept_for_the_tab(opened, tmp_path):
    with listening({"animals": animals(tmp_path / "index")}, key=KEY) as url:
        page = opened("?q=owl", base=url, problem="status of 401")
        for key in ("another-key-of-someone", KEY):
            page.wait_for_selector("#key-dialog[open]")
            page.fill("#key", key)
            page.keyboard.press("Enter")
        assert shown(page)[0] == "owl"
        page.reload()
        assert shown(page)[0] == "owl"
        page.click("#forget-key")
        page.wait_for_selector("#key-dialog[open]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_read_in_light_and_dark(opened, scheme):
    page = opened(NIGHT, viewport={"width": 360, "height": 740}, color_scheme=scheme, has_touch=True)
    shown(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.get_attribute("#settings", "open") is None
    page.click("#settings summary")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(CONTRASTS) == []


CONTRASTS = """() => {
  const light = (color) => {
    const [red, green, blue] = color.match(/[\\d.]+/g).map(Number)
      .map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$/.test(color)) return color;
    }
  };
  const bad = [];
  for (const element of document.querySelectorAll("body *")) {
    const texts = [...element.childNodes].filter((node) => node.nodeType === 3 && node.textContent.trim() !== "");
    if (texts.length === 0 || !element.checkVisibility()) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(`${element.tagName}.${element.className}: ${element.textContent}`);
  }
  return bad;
}"""

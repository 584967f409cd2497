// The page: it keeps the state, asks the server, and shows what it answers.

import { Controls, cutoffs, requestOf } from "./controls.js";
import { DocumentView } from "./document.js";
import { byId, debounced, element } from "./elements.js";
import { Filters, whereOf } from "./filters.js";
import { askForKey, forget } from "./keys.js";
import { Results } from "./results.js";
import { Slope } from "./slope.js";
import { Spans } from "./spans.js";
import { addressOf, emptyState, remember, stateOf } from "./state.js";
import { ask, documentPath, paused } from "./server.js";

const FIRST_ANSWER_MS = 800; // what is not reranked by then is asked for again: the server remembers what it scored
const MOST_ANSWERS = 6;
const MOST_WAITS = 5;
const DRAGGED_MS = 120;
const TYPED_MS = 300;

const state = stateOf(location.search);
const spans = new Spans();
const linkOf = (id) => addressOf({ ...state, document: id });
const slope = new Slope(linkOf);
const results = new Results(linkOf, (id) => slope.point(id));
const view = new DocumentView(documentClosed);
const controls = new Controls(byId("stages"), controlMoved);
const filters = new Filters(byId("filters"), filterChanged);
const searchDragged = debounced(DRAGGED_MS, search);
const searchTyped = debounced(TYPED_MS, search);

let catalog = { indexes: [], limits: { k: 1 } };
let described = null;
let found = null;
let running = null;

function say(text) {
  byId("status").textContent = text;
}

function showError(error) {
  const place = byId("error");
  place.hidden = error === null;
  place.textContent = error === null ? "" : error.message.charAt(0).toUpperCase() + error.message.slice(1);
  filters.refuse(error?.param === "where");
}

// Asks the server, again where it says when, and the person for a key where the server wants one.
async function asking(path, options = {}) {
  for (let waits = 0; ; ) {
    try {
      return await ask(path, options);
    } catch (error) {
      const isLoading = error.type === "loading";
      if (error.status === 401) await askForKey();
      else if (error.wait === null || (waits >= MOST_WAITS && !isLoading)) throw error;
      else {
        waits += 1;
        say(isLoading ? "The models are loading." : "The server is busy; it is asked again.");
        await paused(error.wait);
      }
    }
  }
}

async function readCatalog() {
  catalog = await asking("v1/index");
  const select = byId("index");
  select.replaceChildren(...catalog.indexes.map(({ name }) => element("option", { value: name }, name)));
  byId("indexes").hidden = catalog.indexes.length < 2;
}

function showState() {
  described = catalog.indexes.find(({ name }) => name === state.index) ?? catalog.indexes[0];
  byId("index").value = described.name;
  byId("settings").hidden = false;
  document.title = state.query === "" ? "bicross" : `${state.query} · bicross`;
  controls.show(state, described, catalog.limits);
  filters.show(state, described);
}

function clearResults() {
  found = null;
  results.busy = false;
  results.show([], () => null);
  slope.hide();
  byId("times").hidden = true;
}

async function search() {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  showError(null);
  if (state.query.trim() === "") {
    clearResults();
    say(`${described.documents.toLocaleString("en")} documents in ${described.name}.`);
    return;
  }
  if (state.index !== null && state.index !== described.name) {
    refuse(new Error(`this server has no index ${state.index}`));
    return;
  }
  results.busy = true;
  try {
    await answerTo(mine.signal);
    results.busy = false;
    if (described.reranker !== null) await spans.find(state.query, found, mine.signal, markFound);
  } catch (error) {
    if (error.name === "AbortError") return;
    refuse(error);
  }
}

function refuse(error) {
  clearResults();
  say("");
  showError(error);
}

// Shows the first answer soon. While it is not reranked as deep as was asked, it is asked for again, with more time.
async function answerTo(signal) {
  const spent = { retrieve: 0, rerank: 0, total: 0 };
  let milliseconds = FIRST_ANSWER_MS;
  for (let answers = 1; ; answers += 1) {
    const body = requestOf(state, described, milliseconds);
    const where = whereOf(state, described);
    const answer = await asking("v1/search", { body: where === null ? body : { ...body, where }, signal });
    const { rerank } = cutoffs(state, described);
    const isPartial = body.deadline_ms !== undefined && answer.reranked < Math.min(rerank, answer.candidates);
    const goesOn = isPartial && answers < MOST_ANSWERS;
    for (const stage of Object.keys(spent)) spent[stage] += answer.milliseconds[stage];
    showAnswer({ ...answer, milliseconds: { ...spent, retrieve: answer.milliseconds.retrieve } }, goesOn);
    if (!goesOn) break;
    milliseconds *= 2;
  }
  if (found.generation !== described.generation) {
    await readCatalog();
    showState();
  }
}

function showAnswer(answer, goesOn) {
  found = answer;
  results.show(answer.results, (result) => spans.known(state.query, answer, result));
  if (answer.reranked > 0) slope.show(answer.order, answer.results.length);
  else slope.hide();
  showTimes(answer);
  const count = answer.results.length === 1 ? "1 result" : `${answer.results.length} results`;
  const nothing = whereOf(state, described) === null ? "No results." : "Nothing matches the filters.";
  const reranked = goesOn ? `, ${answer.reranked} candidates reranked so far` : "";
  say(answer.results.length === 0 ? nothing : `${count}${reranked}.`);
}

function showTimes({ milliseconds, candidates, reranked, generation }) {
  const shown = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en")} ms`;
  const entries = [
    ["First stage", `${shown(milliseconds.retrieve)} for ${candidates} candidates`],
    ["Reranking", reranked === 0 ? "none" : `${shown(milliseconds.rerank)} for ${reranked}`],
    ["Total", shown(milliseconds.total)],
    ["Generation", String(generation)],
  ];
  const place = byId("times");
  const pair = ([name, value]) => element("div", {}, element("dt", {}, name), " ", element("dd", {}, value));
  place.replaceChildren(...entries.map(pair));
  place.hidden = false;
}

function markFound(result, span) {
  results.mark(result, span);
}

const resultOf = (id) => found?.results.find((result) => result.document.id === id) ?? null;

async function showDocument() {
  if (state.document === null) {
    view.close();
    return;
  }
  const id = state.document;
  const result = resultOf(id);
  try {
    const shown = result?.document ?? (await asking(documentPath(id, described.name))).document;
    if (state.document === id) view.open(shown, result, result && spans.known(state.query, found, result));
  } catch (error) {
    showError(error);
  }
}

function documentClosed() {
  if (state.document === null) return;
  state.document = null;
  remember(state, "");
}

function controlMoved(name, values) {
  Object.assign(state, values);
  remember(state, name);
  controls.show(state, described, catalog.limits);
  searchDragged();
}

function filterChanged(kind) {
  remember(state, kind);
  filters.show(state, described);
  searchTyped();
}

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  state.query = byId("query").value;
  remember(state, "");
  if (described === null) return; // it is searched when the server has said what it holds
  showState();
  search();
});

byId("index").addEventListener("change", () => {
  Object.assign(state, emptyState(), { query: state.query, index: byId("index").value });
  remember(state, "");
  showState();
  search();
});

byId("forget-key").addEventListener("click", forget);

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-open]");
  if (link === null || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  state.document = link.dataset.open;
  remember(state, "");
  showDocument();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
  const isTyping = event.target.closest("input, select, textarea") !== null;
  const isInBox = event.target === byId("query");
  if (event.key === "/" && !isTyping) {
    byId("query").focus();
    byId("query").select();
  } else if (event.key === "ArrowDown" ? !isTyping || isInBox : event.key === "j" && !isTyping) {
    if (results.links.length === 0) return;
    results.move(1);
  } else if ((event.key === "ArrowUp" || event.key === "k") && !isTyping) {
    if (!results.move(-1)) byId("query").focus();
  } else return;
  event.preventDefault();
});

addEventListener("popstate", async () => {
  const asked = () => JSON.stringify([state.index, requestOf(state, described, 0), whereOf(state, described)]);
  const before = described && asked();
  Object.assign(state, stateOf(location.search));
  byId("query").value = state.query;
  if (described === null) return;
  showState();
  const after = asked();
  if (after !== before) await search();
  await showDocument();
});

byId("query").value = state.query;
byId("settings").open = matchMedia("(min-width: 60rem)").matches;
try {
  await readCatalog();
  showState();
  await search();
  await showDocument();
} catch (error) {
  refuse(error);
}

// The list of results.

import { byId, drawn, element } from "./elements.js";
import { excerpt, titleOf } from "./texts.js";

const MOST_FACTS = 6;
const LONGEST_FACT = 60;

const sign = (moved) => (moved > 0 ? "▲" : moved < 0 ? "▼" : "=");

export function movement(result) {
  const moved = result.retrieval_rank - result.rank;
  const kind = moved > 0 ? "up" : moved < 0 ? "down" : "same";
  const words = moved === 0 ? "as in the first stage" : `from ${result.retrieval_rank} in the first stage`;
  return element("span", { class: `movement ${kind}`, title: words },
    element("span", { "aria-hidden": "true" }, moved === 0 ? sign(0) : `${sign(moved)} ${result.retrieval_rank} → ${result.rank}`),
    element("span", { class: "unseen" }, words));
}

export function relevanceBar(result) {
  const shown = result.relevance.toFixed(2);
  const values = { "aria-valuemin": 0, "aria-valuemax": 1, "aria-valuenow": shown, "aria-label": "relevance" };
  return element("span", { class: "relevance" },
    drawn("svg", { class: "bar", role: "meter", viewBox: "0 0 100 1", preserveAspectRatio: "none", ...values },
      drawn("rect", { class: "part", width: 100 * result.relevance, height: 1 })),
    element("span", { "aria-hidden": "true" }, shown));
}

export function passageText(passage, span) {
  const shown = excerpt(passage.text, span);
  return element("p", { class: "passage", dir: "auto" },
    shown.isCutBefore || passage.start > 0 ? "… " : "",
    shown.before,
    shown.marked === "" ? null : element("mark", {}, shown.marked),
    shown.after,
    shown.isCutAfter ? " …" : "");
}

function facts(document) {
  const entries = Object.entries(document.metadata).filter(([, value]) => value !== null && typeof value !== "object");
  const items = entries.slice(0, MOST_FACTS).map(([name, value]) => {
    const text = String(value);
    return element("li", {}, element("span", { class: "name" }, `${name} `), text.length > LONGEST_FACT ? `${text.slice(0, LONGEST_FACT)}…` : text);
  });
  return items.length === 0 ? null : element("ul", { class: "facts", "aria-label": "Metadata" }, ...items);
}

export class Results {
  constructor(linkOf, pointed) {
    this.linkOf = linkOf;
    this.list = byId("results");
    this.list.addEventListener("pointerover", (event) => pointed(event.target.closest("[data-id]")?.dataset.id ?? null));
    this.list.addEventListener("focusin", (event) => pointed(event.target.closest("[data-id]")?.dataset.id ?? null));
    this.list.addEventListener("pointerleave", () => pointed(null));
  }

  set busy(isBusy) {
    this.list.setAttribute("aria-busy", String(isBusy));
  }

  show(results, spanOf) {
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.open : null;
    this.list.replaceChildren(...results.map((result) => this.item(result, spanOf(result))));
    if (focused !== null) this.links.find((link) => link.dataset.open === focused)?.focus({ preventScroll: true });
  }

  item(result, span) {
    const { id } = result.document;
    const title = titleOf(result.document);
    const link = element("a", { href: this.linkOf(id), "data-open": id, dir: "auto" }, title);
    const bar = element("p", { class: "scores" }, relevanceBar(result), movement(result));
    const parts = [element("h3", {}, link), bar, passageText(result.passage, span), facts(result.document)];
    return element("li", { "data-id": id }, element("article", {}, ...parts.filter((part) => part !== null)));
  }

  // Marks the best sentence of a result that is shown.
  mark(result, span) {
    const item = [...this.list.children].find((child) => child.dataset.id === result.document.id);
    item?.querySelector(".passage").replaceWith(passageText(result.passage, span));
  }

  get links() {
    return [...this.list.querySelectorAll("h3 a")];
  }

  // Moves the focus by so many results; before the first one is the search box.
  move(steps) {
    const links = this.links;
    const next = links.indexOf(document.activeElement) + steps;
    if (next < 0) return false;
    links[Math.min(next, links.length - 1)]?.focus();
    return true;
  }
}

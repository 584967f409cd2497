// The slope view: the order of the first stage on the left, the final order on the right, and a line for each document.

import { byId, drawn, element } from "./elements.js";

const MOST = 20;

const directionOf = (entry) => Math.sign(entry.retrieval_rank - entry.rank);
const NAMES = new Map([[1, "up"], [0, "same"], [-1, "down"]]);

// What both columns have: the best of either order.
function shownEntries(order, results) {
  const most = Math.min(MOST, results);
  const entries = order.filter((entry) => entry.retrieval_rank <= most || entry.rank <= most);
  return { most, entries };
}

function summaryOf(entries, most) {
  const best = entries.filter((entry) => entry.rank <= most);
  const counted = (direction) => best.filter((entry) => directionOf(entry) === direction).length;
  const left = entries.filter((entry) => entry.rank > most).length;
  const climb = Math.max(0, ...best.map((entry) => entry.retrieval_rank - entry.rank));
  const climber = best.find((entry) => climb > 0 && entry.retrieval_rank - entry.rank === climb);
  const parts = [`${counted(1)} of the best ${best.length} rose, ${counted(-1)} fell, ${counted(0)} stayed`];
  if (left > 0) parts.push(`${left} of the first stage's best ${most} left`);
  if (climber !== undefined) parts.push(`the largest rise is from ${climber.retrieval_rank} to ${climber.rank}`);
  return `${parts.join("; ")}.`;
}

export class Slope {
  constructor(linkOf) {
    this.linkOf = linkOf;
    [this.section, this.place, this.summary] = [byId("moves"), byId("slope"), byId("moves-summary")];
    for (const event of ["pointerover", "focusin"]) {
      this.place.addEventListener(event, (given) => this.point(given.target.closest("[data-id]")?.dataset.id ?? null));
    }
    for (const event of ["pointerleave", "focusout"]) this.place.addEventListener(event, () => this.point(null));
  }

  hide() {
    this.section.hidden = true;
  }

  show(order, results) {
    const { most, entries } = shownEntries(order, results);
    this.section.hidden = entries.length === 0;
    if (this.section.hidden) return;
    const columns = ["retrieval_rank", "rank"].map((by) => entries.toSorted((a, b) => a[by] - b[by]));
    this.summary.textContent = summaryOf(entries, most);
    this.place.replaceChildren(
      element("p", { class: "head" }, "First stage"),
      element("p", { class: "head" }, ""),
      element("p", { class: "head" }, "Reranked"),
      this.column(columns[0], "retrieval_rank", most),
      this.lines(columns, entries),
      this.column(columns[1], "rank", most),
    );
  }

  column(entries, by, most) {
    const rows = entries.map((entry) => {
      const link = element("a", { href: this.linkOf(entry.id), "data-open": entry.id, title: entry.label }, entry.label || entry.id);
      const rank = element("span", { class: "rank" }, String(entry[by]));
      const kind = `${NAMES.get(directionOf(entry))}${entry[by] > most ? " beyond" : ""}`;
      return element("li", { class: kind, "data-id": entry.id }, ...(by === "rank" ? [rank, link] : [link, rank]));
    });
    return element("ol", { class: by, "aria-label": by === "rank" ? "Final order" : "Order of the first stage" }, ...rows);
  }

  lines([before, after], entries) {
    const places = new Map(after.map((entry, row) => [entry.id, row + 0.5]));
    const paths = before.map((entry, row) => {
      const [from, to] = [row + 0.5, places.get(entry.id)];
      const path = `M0 ${from}C45 ${from} 55 ${to} 100 ${to}`;
      const title = drawn("title", {}, `${entry.label || entry.id}: from ${entry.retrieval_rank} to ${entry.rank}`);
      const kind = NAMES.get(directionOf(entry));
      return drawn("path", { d: path, class: kind, "data-id": entry.id, "vector-effect": "non-scaling-stroke" }, title);
    });
    const size = { viewBox: `0 0 100 ${entries.length}`, preserveAspectRatio: "none" };
    return drawn("svg", { ...size, role: "img", "aria-label": this.summary.textContent }, ...paths);
  }

  // Shows which lines and names belong to a document; null shows all alike.
  point(id) {
    this.place.classList.toggle("pointed", id !== null);
    for (const part of this.place.querySelectorAll("[data-id]")) {
      part.classList.toggle("active", part.dataset.id === id);
    }
  }
}

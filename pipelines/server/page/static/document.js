// The dialog that shows a whole document.

import { byId, element } from "./elements.js";
import { movement, relevanceBar } from "./results.js";
import { Characters, titleOf } from "./texts.js";

function marked(document, result, span) {
  const characters = new Characters(document.text);
  if (result === null) return [document.text];
  const { start, end } = result.passage;
  const passage = new Characters(characters.part(start, end));
  const inside = span === null ? [passage.whole] : [
    passage.part(0, span.start),
    element("mark", {}, passage.part(span.start, span.end)),
    passage.part(span.end, passage.length),
  ];
  const isWhole = start === 0 && end >= characters.length;
  const found = isWhole ? inside : [element("span", { class: "found", id: "found" }, ...inside)];
  return [characters.part(0, start), ...found, characters.part(end, characters.length)];
}

function stages(result) {
  const rows = result.stages.map((stage) =>
    element("tr", {}, element("th", { scope: "row" }, stage.stage), element("td", {}, String(stage.rank)), element("td", {}, stage.score.toFixed(3))));
  const head = ["stage", "rank", "score"].map((name) => element("th", { scope: "col" }, name));
  return element("table", { class: "stages" }, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
}

function shownValue(value) {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function facts(document) {
  const list = element("dl", { class: "all-facts" }, element("dt", {}, "id"), element("dd", { dir: "auto" }, document.id));
  for (const [name, value] of Object.entries(document.metadata)) {
    list.append(element("dt", { dir: "auto" }, name), element("dd", { dir: "auto" }, shownValue(value)));
  }
  return list;
}

export class DocumentView {
  constructor(closed) {
    this.dialog = byId("document");
    this.place = this.dialog.querySelector("article");
    this.dialog.addEventListener("close", closed);
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  // Shows a document, with what the search found in it; null where it did not find it.
  open(document, result, span) {
    const title = element("h2", { id: "document-title", dir: "auto", tabindex: "-1" }, titleOf(document));
    const scores = result === null ? [] : [element("p", { class: "scores" }, relevanceBar(result), movement(result))];
    const text = element("p", { class: "text", dir: "auto" }, ...marked(document, result, span));
    const details = result === null ? [] : [stages(result)];
    this.place.replaceChildren(title, ...scores, text, ...details, facts(document));
    if (!this.dialog.open) this.dialog.showModal();
    title.focus();
    this.place.querySelector("#found")?.scrollIntoView({ block: "nearest" });
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }
}

// The sliders of the stages, and what they make of the state.

import { element } from "./elements.js";

const COUNTS = [1, 2, 3, 5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 750, 1000];
const BLENDS = Array.from({ length: 21 }, (_, step) => step / 20);

// What an index searches with where the state has nothing.
const defaultOf = (described, name) => described.settings[name].value;

const numberOf = (value, otherwise) => (typeof value === "number" ? value : otherwise);

export function cutoffs(state, described) {
  const retrieve = state.retrieve_k ?? Math.max(defaultOf(described, "retrieve_k"), state.top_k ?? 0);
  const results = Math.min(state.top_k ?? defaultOf(described, "top_k"), retrieve);
  const rerank = state.rerank_k ?? defaultOf(described, "rerank_k");
  return { retrieve, results, rerank: numberOf(rerank, null) === null ? rerank : Math.min(rerank, retrieve) };
}

// The body of a search.
export function requestOf(state, described, milliseconds) {
  const { retrieve, results, rerank } = cutoffs(state, described);
  const body = { query: state.query, index: described.name, explain: true };
  if (state.retrieve_k !== null) body.retrieve_k = retrieve;
  if (state.top_k !== null) body.top_k = results;
  if (described.reranker !== null) {
    if (state.rerank_k === 0) body.rerank = false;
    else if (state.rerank_k !== null) body.rerank_k = rerank;
    if (state.blend !== null && state.rerank_k !== 0) body.blend = state.blend;
    if (rerank !== "auto") body.deadline_ms = milliseconds;
  }
  return body;
}

function stepsFor(all, most, ...others) {
  const steps = [...all.filter((step) => step <= most), ...others.filter((value) => typeof value === "number")];
  return [...new Set(steps)].sort((a, b) => a - b);
}

class Slider {
  constructor(name, label, hint, changed) {
    this.name = name;
    this.output = element("output", { for: name });
    this.input = element("input", { type: "range", id: name, min: 0, step: 1, "aria-describedby": `${name}-hint` });
    this.row = element(
      "div",
      { class: "slider" },
      element("label", { for: name }, label, " ", this.output),
      this.input,
      element("small", { id: `${name}-hint` }, hint),
    );
    this.input.addEventListener("input", () => {
      const value = this.steps[Number(this.input.value)];
      this.show(value, "");
      changed(name, value);
    });
  }

  set(steps, value, origin) {
    this.steps = steps;
    this.input.max = steps.length - 1;
    this.input.value = typeof value === "number" ? steps.indexOf(value) : steps.length - 1;
    this.show(value, origin);
  }

  show(value, origin) {
    let text = String(value);
    if (value === "auto") text = "as many as needed";
    if (this.name === "rerank_k" && value === 0) text = "none";
    if (this.name === "blend" && value !== null) text = value.toFixed(2);
    this.output.textContent = origin === "" ? text : `${text} (${origin})`;
    this.input.setAttribute("aria-valuetext", this.output.textContent);
  }
}

export class Controls {
  constructor(place, changed) {
    const moved = (name, value) => changed(name, this.fitting(name, value));
    this.sliders = [
      new Slider("retrieve_k", "Retrieved", "documents that the first stage finds", moved),
      new Slider("rerank_k", "Reranked", "of them, scored by the cross-encoder", moved),
      new Slider("blend", "Blend", "0 is the order of the first stage, 1 that of the reranker", moved),
      new Slider("top_k", "Results", "that are shown", moved),
    ];
    this.reset = element("button", { type: "button", id: "reset" }, "As the index was tuned");
    this.reset.addEventListener("click", () => changed("all", { retrieve_k: null, rerank_k: null, blend: null, top_k: null }));
    place.append(...this.sliders.map((slider) => slider.row), this.reset);
  }

  // What a slider changes: more to rerank or to show needs more to retrieve, and a blend needs scores.
  fitting(name, value) {
    const values = { [name]: value };
    const { retrieve, rerank } = cutoffs(this.state, this.described);
    const isCount = name === "rerank_k" || name === "top_k";
    if (isCount && value > retrieve) values.retrieve_k = value;
    if (name === "blend" && rerank === 0) values.rerank_k = defaultOf(this.described, "rerank_k") === 0 ? retrieve : null;
    return values;
  }

  show(state, described, limits) {
    [this.state, this.described] = [state, described];
    const most = Math.min(limits.k, Math.max(described.documents, 1));
    const effective = cutoffs(state, described);
    const shown = { retrieve_k: effective.retrieve, rerank_k: effective.rerank, top_k: effective.results };
    for (const slider of this.sliders) {
      const { name } = slider;
      const isSecond = name === "rerank_k" || name === "blend";
      slider.row.hidden = isSecond && described.reranker === null;
      const value = name === "blend" ? state.blend ?? defaultOf(described, "blend") ?? 1 : shown[name];
      const counts = name === "rerank_k" ? [0, ...COUNTS] : COUNTS;
      const others = [value, defaultOf(described, name)];
      const steps = name === "blend" ? stepsFor(BLENDS, 1, ...others) : stepsFor(counts, most, ...others);
      slider.set(steps, value, state[name] === null ? described.settings[name].from : "");
    }
    this.reset.hidden = this.sliders.every((slider) => state[slider.name] === null);
  }
}

// The sentence of each passage that the reranker finds most relevant, asked for once.

import { ask } from "./server.js";
import { Characters } from "./texts.js";

const LEAST = 0.1;

const keyOf = (query, { index, generation }, { document, passage }) =>
  JSON.stringify([query, index, generation, document.id, passage.start]);

export class Spans {
  constructor() {
    this.found = new Map();
  }

  // The span in the passage of a result; null where there is none, or it was not asked for yet.
  known(query, answer, result) {
    return this.found.get(keyOf(query, answer, result)) ?? null;
  }

  // Asks for those of an answer that are not known, and calls the function for each.
  async find(query, answer, signal, call) {
    const unknown = answer.results.filter((result) => !this.found.has(keyOf(query, answer, result)) && result.passage.text.trim() !== "");
    if (unknown.length === 0) return;
    const documents = unknown.map((result) => result.passage.text);
    const relevant_spans = { mode: "enabled", threshold: LEAST, max_spans: 1 };
    let record;
    try {
      record = await ask("v2/rerank", { body: { query, documents, relevant_spans }, signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      return; // the results are there without marks
    }
    for (const { index, relevant_spans: [best = null] } of record.results) {
      const result = unknown[index];
      const isWhole = best !== null && best.end - best.start >= new Characters(result.passage.text.trim()).length;
      const span = best === null || isWhole ? null : { start: best.start, end: best.end };
      this.found.set(keyOf(query, answer, result), span);
      if (span !== null) call(result, span);
    }
  }
}

// Parts of texts. The server counts characters as Python does, a browser in halves of some of them.

const SHOWN = 420;
const BEFORE = 140;

export class Characters {
  constructor(text) {
    this.whole = text;
    this.points = /[\ud800-\udfff]/.test(text) ? Array.from(text) : null;
  }

  get length() {
    return this.points === null ? this.whole.length : this.points.length;
  }

  part(start, end) {
    return this.points === null ? this.whole.slice(start, end) : this.points.slice(start, end).join("");
  }
}

// The part of a passage that a result shows: its beginning, or what is around its best sentence.
export function excerpt(passage, span) {
  const characters = new Characters(passage);
  if (characters.length <= SHOWN) return pieces(characters, 0, characters.length, span);
  const start = span === null || span.end <= SHOWN ? 0 : Math.max(0, span.start - BEFORE);
  return pieces(characters, start, Math.min(characters.length, Math.max(start + SHOWN, span?.end ?? 0)), span);
}

function pieces(characters, start, end, span) {
  const from = Math.min(end, Math.max(start, span?.start ?? end));
  const to = Math.min(end, Math.max(from, span?.end ?? end));
  return {
    isCutBefore: start > 0,
    before: characters.part(start, from),
    marked: characters.part(from, to),
    after: characters.part(to, end),
    isCutAfter: end < characters.length,
  };
}

// The name under which a document is shown.
export function titleOf(record) {
  return record.title.trim() || new Characters(record.text.trim()).part(0, 80).trim() || record.id;
}

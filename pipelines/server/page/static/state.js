// The state of the page. The address has all of it, so that a link shows what its sender saw.

const OPERATORS = ["min", "max", "is", "starts", "has"];
const SAME_STEP = 1500;

export const emptyState = () => ({
  query: "",
  index: null,
  top_k: null,
  retrieve_k: null,
  rerank_k: null,
  blend: null,
  where: "",
  filters: new Map(),
  document: null,
});

const count = (text, least) => (/^\d{1,6}$/.test(text ?? "") && Number(text) >= least ? Number(text) : null);

function share(text) {
  return /^(0(\.\d+)?|1(\.0+)?)$/.test(text ?? "") ? Number(text) : null;
}

export function stateOf(search) {
  const given = new URLSearchParams(search);
  const state = emptyState();
  state.query = given.get("q") ?? "";
  state.index = given.get("index");
  state.top_k = count(given.get("top_k"), 1);
  state.retrieve_k = count(given.get("retrieve_k"), 1);
  state.rerank_k = count(given.get("rerank_k"), 0);
  state.blend = share(given.get("blend"));
  state.where = given.get("where") ?? "";
  state.document = given.get("doc");
  for (const [name, value] of given) {
    const [, field, operator] = /^f\.(.*)\.([a-z]+)$/s.exec(name) ?? [];
    if (OPERATORS.includes(operator) && value !== "") setFilter(state, field, operator, value);
  }
  return state;
}

export function addressOf(state) {
  const given = new URLSearchParams();
  const add = (name, value) => {
    if (value !== null && value !== "") given.append(name, value);
  };
  add("q", state.query);
  add("index", state.index);
  for (const name of ["top_k", "retrieve_k", "rerank_k", "blend"]) add(name, state[name]);
  add("where", state.where);
  for (const [field, values] of state.filters) {
    for (const [operator, value] of Object.entries(values)) add(`f.${field}.${operator}`, value);
  }
  add("doc", state.document);
  const query = given.toString();
  return query === "" ? "./" : `?${query}`;
}

export function setFilter(state, field, operator, value) {
  const values = { ...state.filters.get(field) };
  if (value === "") delete values[operator];
  else values[operator] = value;
  if (Object.keys(values).length === 0) state.filters.delete(field);
  else state.filters.set(field, values);
}

let lastKind = "";
let lastTime = 0;

// Puts the state into the address. Steps of one control that follow each other are one step back.
export function remember(state, kind) {
  const address = addressOf(state);
  if (address === addressOf(stateOf(location.search))) return;
  const now = Date.now();
  const isSameStep = kind === lastKind && now - lastTime < SAME_STEP && kind !== "";
  [lastKind, lastTime] = [kind, now];
  if (isSameStep) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
}

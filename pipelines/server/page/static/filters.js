// Filters of the fields that an index has, and the expression that the server gets.

import { byId, element } from "./elements.js";
import { setFilter } from "./state.js";

const RANGES = ["integers", "numbers"];
const DAY = /^\d{4}-\d{2}-\d{2}/;
const LISTS = ["lists of texts", "lists of integers", "lists of numbers"];

// The kind of value that most documents have in a field.
const kindOf = (field) => Object.entries(field.kinds).sort((a, b) => b[1] - a[1])[0][0];

function quoted(text) {
  return JSON.stringify(text).replaceAll("\\b", "\\x08").replaceAll("\\f", "\\x0c");
}

const isNumber = (text) => /^-?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text);

function clauses(name, values, kind) {
  const field = `field(${quoted(name)})`;
  const literal = (value) => {
    const isBare = kind === "booleans" ? ["true", "false"].includes(value) : !kind.endsWith("texts") && isNumber(value);
    return isBare ? value : quoted(value);
  };
  const made = [];
  if (values.min !== undefined) made.push(`${field} >= ${literal(values.min)}`);
  if (values.max !== undefined) made.push(`${field} <= ${literal(values.max)}`);
  if (values.is !== undefined) made.push(`${field} == ${literal(values.is)}`);
  if (values.starts !== undefined) made.push(`startswith(${field}, ${quoted(values.starts)})`);
  if (values.has !== undefined) made.push(`${literal(values.has)} in ${field}`);
  return made;
}

// The whole filter of the state; null where there is none.
export function whereOf(state, described) {
  const kinds = new Map(described.fields.map((field) => [field.name, kindOf(field)]));
  const made = [...state.filters].flatMap(([name, values]) => clauses(name, values, kinds.get(name) ?? "texts"));
  const written = state.where.trim();
  if (written === "" && made.length === 0) return null;
  return written === "" || made.length === 0 ? written || made.join(" and ") : `(${written}) and ${made.join(" and ")}`;
}

export class Filters {
  constructor(place, changed) {
    [this.place, this.changed, this.described] = [place, changed, null];
    this.expression = element("input", {
      id: "where", type: "text", placeholder: "year >= 2020 and lang == 'en'", spellcheck: "false", autocomplete: "off",
    });
    this.expression.addEventListener("input", () => {
      this.state.where = this.expression.value;
      changed("where");
    });
    this.fields = element("div");
    const label = element("label", { for: "where" }, "Expression");
    this.clear = element("button", { type: "button", id: "clear-filters" }, "No filters");
    this.clear.addEventListener("click", () => {
      this.state.filters.clear();
      this.state.where = "";
      changed("clear");
    });
    this.whole = element("output", { id: "whole-filter", for: "where" });
    place.append(this.fields, label, this.expression, this.whole, this.clear);
  }

  show(state, described) {
    this.state = state;
    if (this.described !== described) {
      this.described = described;
      this.inputs = [];
      this.fields.replaceChildren(...described.fields.map((field) => this.row(field)).filter((row) => row !== null));
    }
    for (const { input, field, operator } of this.inputs) {
      const value = state.filters.get(field)?.[operator] ?? "";
      if (input.value !== value) input.value = value;
    }
    if (this.expression.value !== state.where) this.expression.value = state.where;
    const whole = whereOf(state, described);
    this.whole.textContent = whole ?? "";
    this.whole.hidden = this.clear.hidden = whole === null;
  }

  refuse(isRefused) {
    this.expression.setAttribute("aria-invalid", String(isRefused));
    if (isRefused) byId("settings").open = true;
  }

  row(field) {
    const kind = kindOf(field);
    const { name } = field;
    if (RANGES.includes(kind)) return this.range(field, { type: "number", step: kind === "integers" ? 1 : "any" });
    if (kind === "texts" && DAY.test(field.minimum) && DAY.test(field.maximum)) return this.range(field, { type: "date" });
    if (kind === "booleans") {
      const select = element("select", {});
      select.append(new Option("any", ""), new Option("yes", "true"), new Option("no", "false"));
      return element("div", { class: "field" }, this.name(name), this.watched(select, field, "is", name));
    }
    if (kind === "texts") return element("div", { class: "field" }, this.name(name), this.texts(field));
    if (!LISTS.includes(kind)) return null;
    return element("div", { class: "field" }, this.name(name), this.choice(field, "has", `${name} has`) ?? this.has(field));
  }

  range(field, attributes) {
    const least = { ...attributes, placeholder: String(field.minimum ?? "") };
    const greatest = { ...attributes, placeholder: String(field.maximum ?? "") };
    return element("div", { class: "field", role: "group", "aria-label": field.name },
      this.name(field.name),
      this.input(field, "min", `${field.name}: least`, least),
      element("span", {}, "to"),
      this.input(field, "max", `${field.name}: greatest`, greatest));
  }

  name(name) {
    return element("span", { class: "name", dir: "auto" }, name);
  }

  texts(field) {
    const placeholder = field.minimum === null ? "starts with" : `starts with, as ${field.minimum}`;
    const starts = () => this.input(field, "starts", `${field.name} starts with`, { type: "text", placeholder });
    return this.choice(field, "is", field.name) ?? starts();
  }

  has(field) {
    return this.input(field, "has", `${field.name} has`, { type: "text", placeholder: "has" });
  }

  // A list of the values that the field has, where the index knows them all.
  choice(field, operator, label) {
    if (field.values.length === 0) return null;
    const select = element("select", {});
    select.append(new Option("any", ""), ...field.values.filter((value) => value !== "").map((value) => new Option(value, value)));
    return this.watched(select, field, operator, label);
  }

  input(field, operator, label, attributes) {
    return this.watched(element("input", { autocomplete: "off", ...attributes }), field, operator, label);
  }

  watched(input, field, operator, label) {
    input.setAttribute("aria-label", label);
    input.addEventListener("input", () => {
      setFilter(this.state, field.name, operator, input.value);
      this.changed(`f.${field.name}`);
    });
    this.inputs.push({ input, field: field.name, operator });
    return input;
  }
}

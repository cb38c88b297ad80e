// Panels that are elements, not charts: one large number, tables, text.

import { el, markdown } from "./dom.js";
import { dateTime, format } from "./format.js";
import { fieldConfig } from "./frames.js";
import { address, interpolate } from "./links.js";
import { color } from "./theme.js";

/** The first field large; the others, such as n and the period before, small below. */
export function drawStat(body, panel, frames) {
  const fields = frames.flatMap((f) => f.columns.map((c, i) => ({ column: c, config: fieldConfig(panel, c.name), value: f.rows[0]?.[i] ?? null })))
    .filter((f) => !f.config.custom.hideFrom?.viz);
  const [first, ...rest] = fields;
  const text = (f) => format(f.value, f.config.unit, f.config.decimals);
  const value = el("div", { class: "stat-value" }, first.value === null ? (first.config.noValue ?? "No data") : text(first));
  if (first.value === null) value.classList.add("missing");
  else if (first.config.color?.mode === "fixed") value.style.color = color(first.config.color.fixedColor);
  body.append(el("div", { class: "stat", "data-drawn": "true" }, value,
    el("div", { class: "stat-rest" }, rest.map((f) => el("span", {}, el("span", { class: "stat-name" }, f.config.displayName ?? f.column.name), ` ${text(f)}`)))));
  return () => {};
}

export function drawTable(body, panel, frames, context) {
  const frame = frames[0];
  const columns = frame.columns.map((c, at) => ({ ...c, at, config: fieldConfig(panel, c.name) })).filter((c) => !c.config.custom.hidden);
  let order = null;
  const holder = el("div", { class: "table-holder", tabindex: "0", role: "region", "aria-label": panel.title, "data-drawn": "true" });
  const render = () => {
    const rows = [...frame.rows];
    if (order) rows.sort((a, b) => compare(a[order.at], b[order.at]) * order.direction);
    const heads = columns.map((c) => {
      const sorted = order?.at === c.at ? (order.direction > 0 ? "ascending" : "descending") : "none";
      const sort = () => {
        order = { at: c.at, direction: order?.at === c.at ? -order.direction : c.type === "number" ? -1 : 1 };
        render();
        holder.querySelectorAll("th button")[columns.indexOf(c)].focus();
      };
      return el("th", { scope: "col", class: kind(c), "aria-sort": sorted }, el("button", { type: "button", onclick: sort }, c.config.displayName ?? c.name));
    });
    const lines = rows.map((row) => el("tr", {}, columns.map((c) => el("td", { class: kind(c) }, cell(c, row, frame, context)))));
    holder.replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, lines)));
    if (frame.truncated) holder.append(el("p", { class: "note" }, `Only the first ${frame.rows.length} rows are shown.`));
  };
  render();
  body.append(holder);
  return () => {};
}

const kind = (c) => (c.type === "number" ? "number" : "");

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

function cell(column, row, frame, context) {
  const value = row[column.at];
  const text = column.type === "time" && value !== null ? dateTime(value, context.zone) : format(value, column.config.unit, column.config.decimals);
  const link = column.config.links?.[0];
  if (!link || value === null || value === "") return text;
  const fields = Object.fromEntries(frame.columns.map((c, i) => [c.name, row[i]]));
  // A link that is nothing but a column holds a whole address, such as a release's page.
  const whole = link.url.match(/^\$\{__data\.fields(?:\["([^"]+)"\]|\.(\w+))\}$/);
  const target = address(whole ? String(fields[whole[1] ?? whole[2]] ?? "") : interpolate(link.url, { range: context.query, times: context.range, variables: context.variables, fields, value }), context.base);
  if (!target) return text;
  return el("a", { href: target.href, title: link.title, "data-inside": target.inside, rel: target.inside ? undefined : "noreferrer", target: target.inside ? undefined : "_blank" }, text);
}

export function drawText(body, panel, _, context) {
  const filled = (panel.options?.content ?? "").replace(/\$\{(\w+)\}/g, (all, name) => {
    const variable = context.variables.find((v) => v.name === name);
    if (!variable) return "";
    return variable.all ? "All" : variable.chosen.map((c) => variable.options.find((o) => o.value === c)?.text ?? c).join(", ");
  });
  const text = el("div", { class: "text", "data-drawn": "true" }, markdown(filled));
  for (const a of text.querySelectorAll("a[data-link]")) {
    const target = address(interpolate(a.dataset.link, { range: context.query, variables: context.variables }), context.base);
    if (!target) continue;
    a.href = target.href;
    if (target.inside) a.dataset.inside = "true";
  }
  body.append(text);
  return () => {};
}

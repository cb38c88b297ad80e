// The preview: reads the address, draws the dashboard, follows its links.

import "./style.css";

import { el } from "./dom.js";
import { queryParam } from "./links.js";
import { Panel } from "./panel.js";
import { icon, timePicker, variablePicker } from "./pickers.js";
import { base, get, grafana, read, run, write } from "./state.js";
import { onSystemChange, restore, toggle } from "./theme.js";
import { usable } from "./zone.js";

restore();
const app = document.getElementById("app");
const models = new Map();
let list = [];
let running = null;
let panels = [];

async function start() {
  list = await get("/api/dashboards");
  await open();
}

async function open() {
  running?.abort();
  const controller = running = new AbortController();
  const state = read();
  document.body.dataset.ready = "false";
  if (!models.has(state.uid)) models.set(state.uid, await get(`/api/dashboards/${encodeURIComponent(state.uid)}`));
  if (controller.signal.aborted) return;
  const model = models.get(state.uid);
  state.from ||= model.time.from;
  state.to ||= model.time.to;
  document.title = `${model.title} · Headway preview`;
  for (const p of panels) p.dispose?.();
  panels = [];
  const controls = el("div", { class: "controls" });
  const grid = el("div", { class: "grid" });
  const banner = el("p", { class: "banner", role: "alert", hidden: true });
  app.replaceChildren(header(state), controls, el("main", { id: "main" }, banner, grid), footer());
  for (const p of model.panels) {
    if (p.type === "row") {
      const row = el("h2", { class: "row" }, p.title);
      row.style.gridRow = `${p.gridPos.y + 1} / span ${p.gridPos.h}`;
      grid.append(row);
    }
    for (const each of p.type === "row" ? p.panels ?? [] : [p]) {
      const panel = new Panel(each);
      panels.push(panel);
      grid.append(panel.node);
    }
  }
  await load(model, state, controls, banner, controller.signal);
}

async function load(model, state, controls, banner, signal) {
  const arrived = [];
  let context = null, events = null;
  const flush = () => {
    if (!context || !events) return;
    context.annotations = events;
    for (const { panel, frames, error } of arrived.splice(0)) {
      const target = panels.find((p) => p.model.id === panel);
      target?.show(frames ?? [], error, { ...context, annotations: eventsFor(events, target.model, model) });
    }
  };
  const fail = (text) => {
    banner.hidden = false;
    banner.textContent = text;
  };
  try {
    await run(state, signal, (line) => {
      if (line.variables) {
        const zone = usable(line.variables.find((v) => v.name === "timezone")?.chosen[0] ?? "UTC");
        context = { base, variables: line.variables, range: line.range, zone, annotations: [], query: `from=${encodeURIComponent(state.from)}&to=${encodeURIComponent(state.to)}` };
        drawControls(controls, state, model, context);
        for (const p of panels.filter((each) => !each.model.targets?.length)) p.show([], null, context);
      } else if (line.annotations) {
        if (line.error) fail(line.error);
        events = line.annotations.flatMap(toEvents);
      } else if (line.panel) {
        arrived.push(line);
      } else if (line.error) {
        fail(line.error);
        for (const p of panels) p.message("error", "This query was not run", line.error);
      }
      flush();
    });
  } catch (cause) {
    if (signal.aborted) return;
    fail(`Headway did not answer: ${cause.message}`);
    for (const p of panels.filter((each) => each.node.dataset.state === "loading")) p.message("error", "No answer", cause.message);
  }
  if (!signal.aborted) document.body.dataset.ready = "true";
}

function toEvents({ name, color, frame }) {
  const at = (column) => frame.columns.findIndex((c) => c.name === column);
  const [time, end, text] = [at("time"), at("timeEnd"), at("text")];
  return frame.rows.map((row) => ({ name, color, time: row[time], end: row[end], text: row[text] ?? name, region: end >= 0 && row[end] !== null }));
}

/** An annotation may be for some panels only. */
function eventsFor(events, panel, model) {
  return events.filter(({ name }) => {
    const filter = model.annotations.list.find((a) => a.name === name)?.filter;
    return !filter?.ids?.length || filter.ids.includes(panel.id) !== Boolean(filter.exclude);
  });
}

function header(state) {
  const links = list.map((d) => el("a", { class: "tab", href: write({ ...state, uid: d.uid }), "aria-current": d.uid === state.uid ? "page" : null, "data-inside": "true" }, d.title));
  return el("header", { class: "top" },
    el("a", { class: "skip", href: "#main" }, "Skip to the panels"),
    el("div", { class: "brand" }, mark(), el("span", {}, "Headway")),
    el("nav", { "aria-label": "Dashboards" }, links),
    el("div", { class: "notice" }, grafana ? el("a", { href: grafana, rel: "noreferrer" }, "Preview — use Grafana for daily work", icon("out")) : "Preview — use Grafana for daily work"),
    el("button", { type: "button", class: "icon-button", id: "theme", "aria-label": "Switch between dark and light", onclick: () => { toggle(); redraw(); } }, icon("sun")));
}

function footer() {
  return el("footer", {}, "This is a preview of Headway's Grafana dashboards, for a first look. ",
    grafana ? el("a", { href: grafana, rel: "noreferrer" }, "Use Grafana for daily work") : "Use Grafana for daily work",
    ": alerts, sharing, your own panels.");
}

function mark() {
  const box = el("span", { class: "mark", "aria-hidden": "true" });
  for (let i = 0; i < 3; i++) box.append(el("span"));
  return box;
}

function drawControls(controls, state, model, context) {
  const go = (change) => navigate(write({ ...read(), uid: state.uid, from: state.from, to: state.to, ...change }));
  const visible = context.variables.filter((v) => !v.hidden);
  const setVariable = (name, values) => go({ variables: { ...Object.fromEntries(visible.map((v) => [v.name, v.all ? ["$__all"] : v.chosen])), [name]: values } });
  const text = (name) => context.variables.find((v) => v.name === name)?.chosen[0];
  controls.replaceChildren(
    el("h1", {}, model.title),
    text("data") ? el("span", { class: `chip ${/sample/i.test(text("data")) ? "sample" : ""}`, id: "data-kind" }, text("data")) : "",
    el("div", { class: "spacer" }),
    ...visible.map((v) => variablePicker(v, setVariable)),
    timePicker(state, context.range, context.zone, go),
    el("button", { type: "button", class: "icon-button", id: "refresh", "aria-label": "Run the queries again", onclick: () => open() }, icon("refresh")));
  // The tabs carry the time and the choices of this page.
  const kept = [context.query, ...visible.map(queryParam)].filter(Boolean).join("&");
  for (const tab of document.querySelectorAll("a.tab")) tab.href = `${tab.pathname}?${kept}`;
}

function redraw() {
  for (const p of panels) p.redraw();
}

function navigate(href) {
  history.pushState(null, "", href);
  open().catch(failed);
}

function failed(cause) {
  app.replaceChildren(el("main", { class: "fatal" }, el("h1", {}, "The preview could not start"), el("p", {}, cause.message)));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-inside=true]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  navigate(link.href);
  scrollTo(0, 0);
});
addEventListener("popstate", () => open().catch(failed));
onSystemChange(redraw);
start().catch(failed);

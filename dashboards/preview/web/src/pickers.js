// The controls above the panels: variables and the time range.

import { el, popover } from "./dom.js";
import { day } from "./format.js";
import { midnight } from "./zone.js";

const PRESETS = [["now-7d", "Last 7 days"], ["now-30d", "Last 30 days"], ["now-90d", "Last 90 days"], ["now-180d", "Last 180 days"], ["now-1y", "Last year"]];

export function timePicker(state, range, zone, go) {
  const preset = PRESETS.find(([from]) => from === state.from && state.to === "now");
  const label = preset ? preset[1] : `${day(range.from, zone)} – ${day(range.to, zone)}`;
  return popover([icon("clock"), label], { class: "picker", "aria-label": `Time range: ${label}`, id: "time-picker" }, (panel, close) => {
    for (const [from, text] of PRESETS) {
      panel.append(el("button", { type: "button", class: "choice", "aria-pressed": String(preset?.[0] === from),
        onclick: () => { close(); go({ from, to: "now" }); } }, text));
    }
    const iso = (ms) => new Date(ms).toLocaleDateString("sv-SE", { timeZone: zone });
    const first = el("input", { type: "date", value: iso(range.from), required: true });
    const last = el("input", { type: "date", value: iso(range.to), required: true });
    panel.append(el("form", { class: "absolute", onsubmit: (event) => {
      event.preventDefault();
      const from = midnight(first.value, zone);
      // The last day counts in full.
      const to = midnight(iso(midnight(last.value, zone) + 36 * 3600 * 1000), zone);
      if (from >= to) {
        last.setCustomValidity("The range ends before it begins.");
        last.reportValidity();
        return;
      }
      close();
      go({ from: String(from), to: String(to) });
    }, oninput: () => last.setCustomValidity("") }, el("label", {}, "From", first), el("label", {}, "To", last), el("button", { class: "apply" }, "Apply")),
    el("p", { class: "note" }, `Days are cut in ${zone}.`));
  });
}

export function variablePicker(variable, go) {
  const text = (value) => variable.options.find((o) => o.value === value)?.text ?? value;
  const summary = variable.all ? "All" : variable.chosen.length > 2 ? `${variable.chosen.length} chosen` : variable.chosen.map(text).join(", ") || "None";
  const name = variable.label || variable.name;
  return popover([el("span", { class: "picker-name" }, name), summary], { class: "picker", "aria-label": `${name}: ${summary}`, id: `var-${variable.name}` }, (panel, close) => {
    if (!variable.multi && !variable.include_all) {
      for (const option of variable.options) {
        panel.append(el("button", { type: "button", class: "choice", "aria-pressed": String(variable.chosen.includes(option.value)),
          onclick: () => { close(); go(variable.name, [option.value]); } }, option.text));
      }
      return;
    }
    const chosen = new Set(variable.all ? [] : variable.chosen);
    const apply = () => { close(); go(variable.name, chosen.size ? [...chosen] : ["$__all"]); };
    const list = el("div", { class: "choices" });
    const all = el("input", { type: "checkbox", checked: chosen.size === 0 });
    all.addEventListener("change", () => {
      chosen.clear();
      for (const box of list.querySelectorAll("input[data-value]")) box.checked = false;
      all.checked = true;
    });
    list.append(el("label", { class: "check" }, all, "All"));
    for (const option of variable.options) {
      const box = el("input", { type: "checkbox", checked: chosen.has(option.value), "data-value": option.value });
      box.addEventListener("change", () => {
        if (!variable.multi) chosen.clear();
        if (box.checked) chosen.add(option.value); else chosen.delete(option.value);
        all.checked = chosen.size === 0;
      });
      list.append(el("label", { class: "check" }, box, option.text));
    }
    const search = el("input", { type: "search", placeholder: `Find ${name.toLowerCase()}`, "aria-label": `Find ${name.toLowerCase()}` });
    search.addEventListener("input", () => {
      const wanted = search.value.toLowerCase();
      for (const label of list.querySelectorAll("label")) label.hidden = !label.textContent.toLowerCase().includes(wanted);
    });
    search.addEventListener("keydown", (event) => { if (event.key === "Enter") apply(); });
    panel.append(search, list, el("button", { type: "button", class: "apply", onclick: apply }, "Apply"));
  });
}

const PATHS = {
  clock: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm0 3v3.7l2.4 1.4",
  sun: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M13 3l-1.2 1.2M4.2 11.8 3 13",
  refresh: "M13.5 8a5.5 5.5 0 1 1-1.7-4M13.5 1.5V5H10",
  info: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM8 7.2v4M8 4.6v.4",
  out: "M6 3H3v10h10v-3M9 2.5h4.5V7M13 3 7.5 8.5",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

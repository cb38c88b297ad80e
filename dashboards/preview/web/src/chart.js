// The chart library, with only the parts in use, and what every chart shares.

import { BarChart, HeatmapChart, LineChart } from "echarts/charts";
import { GridComponent, MarkAreaComponent, MarkPointComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

import { el } from "./dom.js";
import { tick } from "./format.js";
import { palette } from "./theme.js";

use([BarChart, HeatmapChart, LineChart, GridComponent, MarkAreaComponent, MarkPointComponent, TooltipComponent, VisualMapComponent, CanvasRenderer]);

export const FONT = '"Inter", "Segoe UI", system-ui, -apple-system, "Liberation Sans", Arial, sans-serif';

/** Draws options into a new element that follows its own size. */
export function chart(body, label, options) {
  const holder = el("div", { class: "chart", role: "img", "aria-label": label });
  body.append(holder);
  const instance = init(holder, null, { renderer: "canvas" });
  instance.setOption({ animation: false, textStyle: { fontFamily: FONT, fontSize: 11 }, ...options });
  holder.dataset.drawn = "true";
  const observer = new ResizeObserver(() => instance.resize());
  observer.observe(holder);
  return { instance, dispose: () => { observer.disconnect(); instance.dispose(); } };
}

export function axisText() {
  return { color: palette().muted, fontSize: 11, hideOverlap: true };
}

/** How far from the axis its name stands: beyond the widest tick. */
export function nameGap(axis, unit) {
  const count = Math.round(axis.max / axis.interval);
  const widest = Math.max(...Array.from({ length: count + 1 }, (_, i) => tick(i * axis.interval, unit).length));
  return widest * 6.5 + 14;
}

export function gridLines() {
  return { show: true, lineStyle: { color: palette().grid, width: 1 } };
}

export function tooltip(formatter, trigger) {
  const p = palette();
  return { trigger, confine: true, appendTo: "body", className: "chart-tooltip", backgroundColor: p.pop, borderColor: p.grid, borderWidth: 1,
    padding: 0, transitionDuration: 0, axisPointer: { type: "line", lineStyle: { color: p.muted, width: 1, type: "dashed" } }, formatter };
}

/** A tooltip of a heading and rows [colour, name, value]. */
export function tip(heading, rows, notes = []) {
  return el("div", { class: "tip" },
    el("div", { class: "tip-head" }, heading),
    rows.map(([color, name, value]) => {
      const swatch = el("span", { class: "swatch" });
      swatch.style.background = color ?? "transparent";
      return el("div", { class: "tip-row" }, swatch, el("span", { class: "tip-name" }, name), el("strong", {}, value));
    }),
    notes.map((n) => el("div", { class: "tip-note" }, n)));
}

/** A legend below a chart; each entry is a button that hides its series. */
export function legend(body, entries, onToggle) {
  body.append(el("div", { class: "legend" }, entries.map(({ name, color, shape, last }) => {
    const swatch = el("span", { class: `swatch ${shape ?? ""}` });
    if (shape === "dashed") swatch.style.background = `repeating-linear-gradient(90deg, ${color} 0 4px, transparent 4px 7px)`;
    else swatch.style.background = color;
    const button = el("button", { type: "button", class: "legend-item", "aria-pressed": "true" }, swatch, el("span", {}, name),
      last ? el("span", { class: "legend-last" }, last) : null);
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      onToggle(name, shown);
    });
    return button;
  })));
}

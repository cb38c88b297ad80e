// One panel: its frame, its description, and one of four honest states:
// loading, drawn, no data, or the error in words.

import { el, markdown, popover } from "./dom.js";
import { isEmpty } from "./frames.js";
import { address, interpolate } from "./links.js";
import { drawBarchart, drawBargauge } from "./bars.js";
import { drawHeatmap } from "./heatmap.js";
import { drawStat, drawTable, drawText } from "./plain.js";
import { drawTimeseries } from "./timeseries.js";
import { icon } from "./pickers.js";

const DRAW = { timeseries: drawTimeseries, stat: drawStat, table: drawTable, barchart: drawBarchart, bargauge: drawBargauge, heatmap: drawHeatmap, text: drawText };

export class Panel {
  constructor(model) {
    this.model = model;
    this.body = el("div", { class: "panel-body" });
    this.status = el("p", { class: "sr-only", role: "status" });
    const id = `panel-${model.id}`;
    this.titleBox = el("div", { class: "panel-title" });
    this.node = el("section", { class: `panel type-${model.type}`, id, "data-panel": model.id, "data-type": model.type, "data-state": "loading", "aria-labelledby": model.title ? `${id}-title` : null },
      model.title ? el("header", { class: "panel-head" }, el("h3", { id: `${id}-title` }, this.titleBox), this.description()) : null, this.body, this.status);
    this.place();
    if (model.targets?.length) this.body.append(el("div", { class: "skeleton", "aria-hidden": "true" }));
    this.titleBox.append(model.title ?? "");
  }

  place() {
    const { x, y, w, h } = this.model.gridPos;
    this.node.style.gridColumn = `${x + 1} / span ${w}`;
    this.node.style.gridRow = `${y + 1} / span ${h}`;
    this.node.style.setProperty("--rows", h);
  }

  description() {
    if (!this.model.description) return null;
    return popover(icon("info"), { class: "info", "aria-label": `About ${this.model.title}` }, (panel) => panel.append(el("div", { class: "about" }, markdown(this.model.description))));
  }

  show(frames, error, context) {
    this.last = { frames, error, context };
    this.dispose?.();
    this.dispose = null;
    this.body.replaceChildren();
    this.link(context);
    if (error) return this.message("error", "This query failed", error);
    if (this.model.type !== "text" && isEmpty(frames)) {
      const meaning = this.model.fieldConfig?.defaults?.noValue;
      return this.message("empty", meaning ?? "No data in this time range", meaning ? "" : "A metric without data has no value; it is not zero.");
    }
    try {
      this.dispose = DRAW[this.model.type](this.body, this.model, frames, context);
      this.node.dataset.state = "drawn";
    } catch (cause) {
      this.message("error", "The preview cannot draw this panel", String(cause));
    }
  }

  message(state, head, detail) {
    this.node.dataset.state = state;
    this.status.textContent = `${this.model.title ?? "Panel"}: ${head}`;
    this.body.replaceChildren(el("div", { class: `message ${state}` }, el("strong", {}, head), el("span", {}, detail)));
  }

  /** A panel with a link drills down by its title. */
  link(context) {
    const link = this.model.links?.[0];
    if (!link?.url) return;
    const target = address(interpolate(link.url, { range: context.query, variables: context.variables }), context.base);
    if (target) this.titleBox.replaceChildren(el("a", { href: target.href, title: link.title, "data-inside": target.inside }, this.model.title));
  }

  redraw() {
    if (this.last) this.show(this.last.frames, this.last.error, this.last.context);
  }
}

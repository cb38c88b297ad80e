// Bars over named things: a chart with columns, and gauges as plain elements.

import { el } from "./dom.js";
import { axisSteps, format, isWhole, tick } from "./format.js";
import { fieldConfig } from "./frames.js";
import { color, palette, withAlpha } from "./theme.js";
import { axisText, chart, gridLines, legend, nameGap, tip, tooltip } from "./chart.js";

export function drawBarchart(body, panel, frames) {
  const frame = frames[0];
  const xAt = Math.max(0, frame.columns.findIndex((c) => (panel.options?.xField ? c.name === panel.options.xField : c.type === "string")));
  const names = frame.rows.map((r) => String(r[xAt]));
  const inTip = frame.columns.flatMap((c, i) => {
    const config = fieldConfig(panel, c.name);
    if (i === xAt || c.type === "string") return [];
    return [{ at: i, config, label: config.displayName ?? c.name, color: config.custom.hideFrom?.viz ? null : color(config.color?.fixedColor, i - 1) }];
  });
  const series = inTip.filter((s) => s.color);
  const horizontal = panel.options?.orientation === "horizontal";
  const stack = panel.options?.stacking === "normal" ? "all" : undefined;
  const totals = frame.rows.map((r) => (stack ? series.reduce((sum, s) => sum + (r[s.at] ?? 0), 0) : Math.max(0, ...series.map((s) => r[s.at] ?? 0))));
  const unit = series[0]?.config.unit;
  const values = series.flatMap((s) => frame.rows.map((r) => r[s.at]));
  const deepest = Math.min(0, ...values.map((v) => v ?? 0));
  const axis = axisSteps(Math.max(...totals, -deepest, 0), unit, { whole: isWhole(values, unit) });
  const room = Math.max(40, (body.clientWidth - 60) / Math.max(1, names.length) - 6);
  const p = palette();
  const category = { type: "category", data: names, inverse: horizontal, axisLine: { lineStyle: { color: p.grid } }, axisTick: { show: false },
    axisLabel: { ...axisText(), hideOverlap: false, width: horizontal ? 140 : room, overflow: horizontal ? "truncate" : "break", interval: 0, lineHeight: 13 } };
  const value = { type: "value", min: deepest < 0 ? -Math.ceil(-deepest / axis.interval) * axis.interval : 0, max: axis.max, interval: axis.interval, splitLine: gridLines(), name: series[0]?.config.custom.axisLabel || undefined,
    nameLocation: "middle", nameGap: horizontal ? 26 : nameGap(axis, unit), nameTextStyle: { color: p.muted, fontSize: 11 },
    axisLabel: { ...axisText(), formatter: (v) => tick(v, unit) } };
  const { dispose } = chart(body, `${panel.title}. ${names.map((n, i) => `${n}: ${format(frame.rows[i][series[0]?.at], unit)}`).join("; ")}`, {
    grid: { left: series[0]?.config.custom.axisLabel && !horizontal ? 26 : 8, right: 18, top: 14, bottom: 4, containLabel: true },
    tooltip: { ...tooltip((hits) => tip(names[hits[0].dataIndex], [
      ...inTip.map((s) => [s.color, s.label, format(frame.rows[hits[0].dataIndex][s.at], s.config.unit, s.config.decimals)])]), "axis"),
    axisPointer: { type: "shadow", shadowStyle: { color: withAlpha(p.muted, 0.08) } } },
    xAxis: horizontal ? value : category,
    yAxis: horizontal ? category : value,
    series: series.map((s) => ({ type: "bar", name: s.label, stack, barMaxWidth: horizontal ? 20 : 46, data: frame.rows.map((r) => r[s.at]),
      itemStyle: { color: withAlpha(s.color, 0.82), borderRadius: stack ? 0 : horizontal ? [0, 2, 2, 0] : [2, 2, 0, 0] }, emphasis: { disabled: true } })),
  });
  if (series.length > 1) legend(body, series.map((s) => ({ name: s.label, color: s.color, shape: "block" })), () => {});
  return dispose;
}

/** One gauge per row: the string column names it, the first number fills it, the others are written beside it. */
export function drawBargauge(body, panel, frames) {
  const frame = frames[0];
  const nameAt = frame.columns.findIndex((c) => c.type === "string");
  const gauges = nameAt >= 0
    ? frame.rows.map((row) => {
      const numbers = frame.columns.flatMap((c, i) => (c.type === "number" || c.type === "empty" ? [i] : []));
      return { name: row[nameAt], value: row[numbers[0]], config: fieldConfig(panel, frame.columns[numbers[0]].name) };
    })
    : frame.columns.map((c, i) => ({ name: c.name, value: frame.rows[0]?.[i], config: fieldConfig(panel, c.name) }));
  const top = Math.max(...gauges.map((g) => g.config.max ?? g.value ?? 0), 0) || 1;
  body.append(el("div", { class: "gauges", "data-drawn": "true" }, gauges.map((g, i) => {
    const fill = el("div", { class: "gauge-fill" });
    fill.style.width = `${Math.max(0, Math.min(1, (g.value ?? 0) / top)) * 100}%`;
    fill.style.background = color(g.config.color?.fixedColor, g.config.color?.mode === "fixed" ? 0 : i);
    return el("div", { class: "gauge" },
      el("span", { class: "gauge-name" }, g.config.displayName ?? g.name),
      el("div", { class: "gauge-track" }, fill),
      el("span", { class: "gauge-value" }, format(g.value, g.config.unit, g.config.decimals)));
  })));
  return () => {};
}

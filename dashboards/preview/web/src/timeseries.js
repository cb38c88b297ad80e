// Lines, bars and confidence bands over time.

import { axisSteps, day, format, isWhole, tick } from "./format.js";
import { displayName, fieldConfig, toSeries } from "./frames.js";
import { color, palette, withAlpha } from "./theme.js";
import { wall } from "./zone.js";
import { axisText, chart, gridLines, legend, nameGap, tip, tooltip } from "./chart.js";

const MAX_EVENTS = 3;
const MAX_TICKS = 9;

export function drawTimeseries(body, panel, frames, context) {
  const series = frames.flatMap((f, at) => toSeries(f).map((s) => ({ ...s, refId: panel.targets?.[at]?.refId }))).map((s, i) => {
    const config = fieldConfig(panel, s.field, s.refId);
    const own = fieldConfig(panel, s.name, s.refId);
    const custom = { ...config.custom, ...own.custom };
    const fixed = own.color?.mode === "fixed" ? own.color : config.color?.mode === "fixed" ? config.color : null;
    return { ...s, config, custom, label: displayName(own.displayName ?? config.displayName, s.labels) ?? s.name, color: color(fixed?.fixedColor, i) };
  });
  const lowEnds = new Set(series.map((s) => s.custom.fillBelowTo).filter(Boolean));
  const hidden = new Set();
  const build = () => options(panel, series.filter((s) => !hidden.has(s.label)), lowEnds, context);
  const summary = series.map((s) => `${s.label}: ${lastText(s)}`).join("; ");
  const { instance, dispose } = chart(body, `${panel.title}. ${summary}`, build());
  const shown = series.filter((s) => !lowEnds.has(s.name) && !s.custom.hideFrom?.legend);
  if (shown.length > 1 || panel.options?.legend?.showLegend) {
    legend(body, shown.map((s) => ({ name: s.label, color: swatchColor(s), shape: shapeOf(s) })),
      (name, visible) => {
        if (visible) hidden.delete(name); else hidden.add(name);
        instance.setOption(build(), { replaceMerge: ["series", "yAxis"] });
      });
  }
  return dispose;
}

function shapeOf(s) {
  if (s.custom.fillBelowTo || s.custom.drawStyle === "bars") return "block";
  return s.custom.lineStyle?.fill === "dash" ? "dashed" : "line";
}

const swatchColor = (s) => (shapeOf(s) === "block" ? withAlpha(s.color, Math.max(0.25, (s.custom.fillOpacity ?? 80) / 100)) : s.color);

function lastText(s) {
  const last = s.points.findLast(([, v]) => v !== null);
  return last ? format(last[1], s.config.unit, s.config.decimals) : "no data";
}

function options(panel, series, lowEnds, context) {
  const p = palette();
  const zone = context.zone;
  const visible = series.filter((s) => !s.custom.hideFrom?.viz);
  const main = visible.filter((s) => s.custom.axisPlacement !== "hidden");
  const background = visible.filter((s) => s.custom.axisPlacement === "hidden");
  const unit = main[0]?.config.unit;
  const centered = main.some((s) => (s.config.min ?? 0) < 0);
  const peak = stackedPeak(main);
  const whole = isWhole(main.flatMap((s) => s.points.map(([, v]) => v)), unit);
  const floor = Math.max(0, main[0]?.config.min ?? 0);
  const axis = axisSteps(Math.max(peak, main[0]?.custom.axisSoftMax ?? 0) - floor, unit, { whole });
  axis.max += floor;
  if (unit === "percentunit" && peak <= 1) axis.max = Math.min(axis.max, 1);
  const drawn = [];
  for (const s of main) {
    if (lowEnds.has(s.name)) continue;
    const low = s.custom.fillBelowTo && series.find((o) => o.name === s.custom.fillBelowTo);
    drawn.push(...(low ? band(s, low, zone) : [one(s, zone, 0)]));
  }
  for (const s of background) drawn.push(one(s, zone, 1));
  if (drawn.length) Object.assign(drawn[0], marks(context, p, centered ? -axis.max : floor));
  const backgroundPeak = stackedPeak(background);
  const ticks = ticksOf(series, context);
  return {
    grid: { left: main[0]?.custom.axisLabel ? 26 : 8, right: 14, top: 14, bottom: 4, containLabel: true },
    useUTC: true,
    tooltip: tooltip((hits) => tipFor(hits, series, lowEnds, context), "axis"),
    xAxis: { type: "time", min: wall(context.range.from, zone), max: wall(context.range.to, zone), axisLine: { lineStyle: { color: p.grid } },
      axisTick: { show: true, customValues: ticks, length: 4, lineStyle: { color: p.grid } }, splitLine: { show: false },
      axisLabel: { ...axisText(), formatter: (ms) => xLabel(ms, context.range.to - context.range.from), customValues: ticks } },
    yAxis: [
      { type: "value", min: centered ? -axis.max : floor, max: axis.max, interval: axis.interval, splitLine: gridLines(), name: main[0]?.custom.axisLabel || undefined,
        nameLocation: "middle", nameGap: nameGap(axis, unit), nameTextStyle: { color: p.muted, fontSize: 11 },
        axisLabel: { ...axisText(), formatter: (v) => tick(v, unit, main[0]?.config.decimals) } },
      // Counts behind the lines keep to the lower third, so that they do not read as a second curve.
      { type: "value", show: false, min: 0, max: Math.max(1, backgroundPeak * 3.2) },
    ],
    series: drawn,
  };
}

/** Labels stand under the beginnings of buckets, as many as there is room for. */
function ticksOf(series, context) {
  const times = [...new Set(series.flatMap((s) => s.points.map(([t]) => t)))].sort((a, b) => a - b).map((t) => wall(t, context.zone));
  // The first bucket is cut at the window and seldom begins on its own boundary.
  const whole = times.length > 3 ? times.slice(1) : times;
  const step = Math.ceil(whole.length / MAX_TICKS);
  return whole.filter((_, i) => i % step === 0);
}

const HOURS_ARE_READ = 3 * 24 * 3600 * 1000;

function xLabel(ms, length) {
  const date = new Date(ms);
  const show = (o) => date.toLocaleDateString("en-GB", { ...o, timeZone: "UTC" });
  if (length < HOURS_ARE_READ && (date.getUTCHours() || date.getUTCMinutes())) return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
  if (date.getUTCMonth() === 0 && date.getUTCDate() === 1) return show({ year: "numeric" });
  return show({ day: "numeric", month: "short" });
}

function stackedPeak(series) {
  const sums = new Map();
  let peak = 0;
  for (const s of series) {
    for (const [t, v] of s.points) {
      if (v === null) continue;
      const total = stacked(s) ? (sums.get(t) ?? 0) + v : Math.abs(v);
      if (stacked(s)) sums.set(t, total);
      peak = Math.max(peak, total);
    }
  }
  return peak;
}

const stacked = (s) => s.custom.stacking?.mode === "normal" || s.custom.stacking?.mode === "percent";

function one(s, zone, yAxisIndex) {
  const data = s.points.map(([t, v]) => [wall(t, zone), v]);
  const opacity = (s.custom.fillOpacity ?? 0) / 100;
  const shared = { name: s.label, data, yAxisIndex, stack: stacked(s) ? `stack${yAxisIndex}` : undefined, emphasis: { disabled: true }, z: yAxisIndex ? 1 : 3 };
  if (s.custom.drawStyle === "bars") {
    return { ...shared, type: "bar", barMaxWidth: 26, barCategoryGap: "25%", barMinHeight: yAxisIndex ? 0 : 1,
      itemStyle: { color: withAlpha(s.color, opacity || 0.8), borderRadius: stacked(s) ? 0 : [2, 2, 0, 0] } };
  }
  return { ...shared, type: "line", connectNulls: s.custom.spanNulls === true, showSymbol: s.custom.showPoints === "always" || isolated(data), symbol: "circle", symbolSize: s.custom.pointSize ?? 4,
    itemStyle: { color: s.color }, lineStyle: { color: s.color, width: s.custom.lineWidth ?? 1.5, type: s.custom.lineStyle?.fill === "dash" ? [5, 4] : "solid" },
    areaStyle: opacity ? { color: withAlpha(s.color, opacity * 0.7) } : undefined };
}

/** A value between two gaps has no line; it is drawn as a point. */
function isolated(data) {
  return data.some(([, v], i) => v !== null && (data[i - 1]?.[1] ?? null) === null && (data[i + 1]?.[1] ?? null) === null);
}

function band(high, low, zone) {
  const lows = new Map(low.points);
  const shared = { type: "line", stack: `band ${high.name}`, symbol: "none", lineStyle: { opacity: 0 }, emphasis: { disabled: true }, silent: true, yAxisIndex: 0, z: 2 };
  return [
    { ...shared, name: `${high.label} (low end)`, data: high.points.map(([t]) => [wall(t, zone), lows.get(t) ?? null]) },
    { ...shared, name: high.label, data: high.points.map(([t, v]) => [wall(t, zone), v === null || lows.get(t) == null ? null : v - lows.get(t)]),
      areaStyle: { color: withAlpha(high.color, 0.16) } },
  ];
}

/** Regions are shaded; single events are small marks on the time axis, named in the tooltip. */
function marks(context, p, floor) {
  const points = [], areas = [];
  for (const event of context.annotations) {
    const from = wall(Math.max(event.time, context.range.from), context.zone);
    if (event.region) {
      areas.push([{ xAxis: from, itemStyle: { color: withAlpha(color(event.color), 0.08) } }, { xAxis: wall(Math.min(event.end, context.range.to), context.zone) }]);
    }
    if (!event.region) points.push({ coord: [from, floor], itemStyle: { color: withAlpha(color(event.color), 0.8) } });
  }
  return {
    markPoint: points.length ? { symbol: "triangle", symbolSize: [5, 6], symbolOffset: [0, -3], silent: true, label: { show: false }, data: points } : undefined,
    markArea: areas.length ? { silent: true, label: { show: true, position: "insideTop", color: p.muted, fontSize: 10, formatter: areas.length ? context.annotations.find((e) => e.region).name.toLowerCase() : "" }, data: areas } : undefined,
  };
}

function tipFor(hits, series, lowEnds, context) {
  const at = hits[0].axisValue;
  const times = [...new Set(series.flatMap((s) => s.points.map(([t]) => t)))].sort((a, b) => a - b);
  const index = times.findIndex((t) => Math.abs(wall(t, context.zone) - at) < 1000);
  const time = times[index];
  const rows = [];
  for (const s of series) {
    if (lowEnds.has(s.name) || s.custom.hideFrom?.tooltip) continue;
    const value = s.points.find(([t]) => t === time)?.[1] ?? null;
    const show = (v) => format(v, s.config.unit, s.config.decimals);
    const low = s.custom.fillBelowTo && series.find((o) => o.name === s.custom.fillBelowTo)?.points.find(([t]) => t === time)?.[1];
    rows.push([s.color, s.label, low !== undefined && low !== "" && value !== null ? `${show(low)} to ${show(value)}` : show(value)]);
  }
  const next = times[index + 1] ?? context.range.to;
  const events = context.annotations.filter((e) => !e.region && e.time >= time && e.time < next);
  const notes = events.slice(0, MAX_EVENTS).map((e) => `◆ ${e.text}`);
  if (events.length > MAX_EVENTS) notes.push(`and ${events.length - MAX_EVENTS} more`);
  return tip(day(time, context.zone), rows, notes);
}

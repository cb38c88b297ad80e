// Counts of a value's bands over time: one column of the rows per band.

import { day, format } from "./format.js";
import { toSeries } from "./frames.js";
import { color, palette, withAlpha } from "./theme.js";
import { axisText, chart, tip, tooltip } from "./chart.js";

export function drawHeatmap(body, panel, frames, context) {
  const bands = frames.flatMap(toSeries);
  const times = [...new Set(bands.flatMap((b) => b.points.map(([t]) => t)))].sort((a, b) => a - b);
  const peak = Math.max(1, ...bands.flatMap((b) => b.points.map(([, v]) => v ?? 0)));
  const base = color("blue"), p = palette();
  const cells = bands.flatMap((b, y) => b.points.filter(([, v]) => v > 0).map(([t, v]) => [times.indexOf(t), y, v]));
  const { dispose } = chart(body, `${panel.title}. ${bands.map((b) => b.name).join(", ")} over ${times.length} periods`, {
    grid: { left: 8, right: 14, top: 10, bottom: 4, containLabel: true },
    tooltip: { ...tooltip((hit) => tip(day(times[hit.value[0]], context.zone), [[base, bands[hit.value[1]].name, format(hit.value[2], panel.fieldConfig?.defaults?.unit)]]), "item"), axisPointer: undefined },
    xAxis: { type: "category", data: times.map((t) => new Date(t).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: context.zone })),
      axisLabel: axisText(), axisTick: { show: false }, axisLine: { lineStyle: { color: p.grid } } },
    yAxis: { type: "category", data: bands.map((b) => b.name), axisLabel: { ...axisText(), interval: 0 }, axisTick: { show: false }, axisLine: { show: false } },
    visualMap: { show: false, min: 0, max: peak, inRange: { color: [withAlpha(base, 0.12), withAlpha(base, 0.55), base] } },
    series: [{ type: "heatmap", data: cells, itemStyle: { borderColor: p.surface, borderWidth: 2, borderRadius: 3 }, emphasis: { disabled: true } }],
  });
  return dispose;
}

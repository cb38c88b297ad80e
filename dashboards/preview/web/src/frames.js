// From rows to what a panel draws, with the field configuration applied as
// Grafana applies it: defaults first, then the overrides that match by name.

/** The configuration of one field of a panel. */
export function fieldConfig(panel, name, refId) {
  const config = panel.fieldConfig ?? {};
  const out = structuredClone(config.defaults ?? {});
  out.custom ??= {};
  for (const { matcher, properties } of config.overrides ?? []) {
    const matches = matcher.id === "byName" ? matcher.options === name
      : matcher.id === "byRegexp" ? new RegExp(String(matcher.options).replace(/^\/|\/$/g, "")).test(name) : matcher.id === "byFrameRefID" ? matcher.options === refId : false;
    if (!matches) continue;
    for (const { id, value } of properties) {
      if (id.startsWith("custom.")) out.custom[id.slice(7)] = value;
      else out[id] = value;
    }
  }
  return out;
}

/** Rows of a time series query as series: string columns are labels. */
export function toSeries(frame) {
  const timeAt = frame.columns.findIndex((c) => c.type === "time");
  if (timeAt < 0) return [];
  const labels = frame.columns.flatMap((c, i) => (c.type === "string" ? [i] : []));
  const values = frame.columns.flatMap((c, i) => (i !== timeAt && (c.type === "number" || c.type === "empty" || c.type === "bool") ? [i] : []));
  const times = [...new Set(frame.rows.map((r) => r[timeAt]))].sort((a, b) => a - b);
  const series = new Map();
  for (const row of frame.rows) {
    const named = Object.fromEntries(labels.map((i) => [frame.columns[i].name, row[i] || "(none)"]));
    const label = Object.values(named).join(" · ");
    for (const at of values) {
      const field = frame.columns[at].name;
      const name = !label ? field : values.length > 1 ? `${label} ${field}` : label;
      if (!series.has(name)) series.set(name, { name, field, labels: named, at: new Map() });
      series.get(name).at.set(row[timeAt], row[at]);
    }
  }
  return [...series.values()].map(({ at, ...rest }) => ({ ...rest, points: times.map((t) => [t, at.get(t) ?? null]) }));
}

/** The display name of the model, with the labels of the series filled in. */
export function displayName(template, labels) {
  return template?.replace(/\$\{__field\.labels\.(\w+)\}/g, (_, label) => labels[label] ?? "");
}

/** True when there is nothing to draw: no rows, or no value in any of them. */
export function isEmpty(frames) {
  return !frames.some((f) => f.rows.some((row) => row.some((v, i) => f.columns[i].type !== "time" && v !== null && v !== "")));
}

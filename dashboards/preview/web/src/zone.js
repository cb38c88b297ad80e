// The reporting time zone: charts are drawn in it, whatever the browser's is.

const formatters = new Map();

function formatter(zone) {
  if (!formatters.has(zone)) {
    formatters.set(zone, new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric",
      day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" }));
  }
  return formatters.get(zone);
}

/** The wall clock of a zone, as if it were UTC, so that a chart in UTC shows it. */
export function wall(ms, zone) {
  const part = Object.fromEntries(formatter(zone).formatToParts(ms).map((p) => [p.type, Number(p.value)]));
  return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second);
}

/** The moment at which a zone's wall clock shows midnight of a date "2026-03-31". */
export function midnight(date, zone) {
  const wanted = Date.parse(date + "T00:00:00Z");
  const first = wanted - (wall(wanted, zone) - wanted);
  return wanted - (wall(first, zone) - first);
}

/** A valid zone, or UTC. */
export function usable(zone) {
  try {
    formatter(zone);
    return zone;
  } catch {
    return "UTC";
  }
}

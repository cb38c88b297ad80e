// Numbers as people read them, for the Grafana unit ids that the dashboards use.

const MINUTE = 60, HOUR = 3600, DAY = 86400;
const MISSING = "–";

function grouped(value, decimals) {
  return new Intl.NumberFormat("en", { minimumFractionDigits: 0, maximumFractionDigits: decimals }).format(value).replace("-", "−");
}

/** A length of time in its two largest units: 100800 → "1 d 4 h". */
export function duration(seconds) {
  const sign = seconds < 0 ? "−" : "";
  const s = Math.abs(seconds);
  if (s < MINUTE) return `${sign}${grouped(s, s < 10 ? 1 : 0)} s`;
  const pair = (big, bigName, small, smallName) => {
    let whole = Math.floor(s / big);
    let rest = Math.round((s - whole * big) / small);
    if (rest * small >= big) { whole += 1; rest = 0; }
    return sign + grouped(whole, 0) + " " + bigName + (rest ? ` ${rest} ${smallName}` : "");
  };
  if (s < HOUR) return `${sign}${Math.round(s / MINUTE)} min`;
  if (s < DAY) return pair(HOUR, "h", MINUTE, "min");
  if (s < 30 * DAY) return pair(DAY, "d", HOUR, "h");
  return `${sign}${grouped(Math.round(s / DAY), 0)} d`;
}

function number(value, decimals) {
  if (decimals !== undefined && decimals !== null) return grouped(value, decimals);
  const a = Math.abs(value);
  if (a >= 1e6) return grouped(value / 1e6, 1) + " M";
  if (a >= 1e5) return grouped(value / 1e3, 0) + " K";
  if (a >= 100) return grouped(value, 0);
  if (a >= 10) return grouped(value, 1);
  return grouped(value, 2);
}

/** The text of a value in a unit; null and undefined are a dash, never 0. */
export function format(value, unit, decimals) {
  if (value === null || value === undefined || value === "") return MISSING;
  if (typeof value !== "number") return String(value);
  if (unit === "s") return duration(value);
  if (unit === "percentunit") return `${grouped(value * 100, decimals ?? 1)} %`;
  if (unit === "percent") return `${grouped(value, decimals ?? 1)} %`;
  if (unit?.startsWith("suffix:")) return `${number(value, decimals)}${unit.slice(7)}`;
  if (unit === "dateTimeAsIso" || unit === "dateTimeFromNow") return dateTime(value);
  return number(value, decimals);
}

/** Shorter text for the ticks of an axis. */
export function tick(value, unit, decimals) {
  if (unit === "s") {
    if (value === 0) return "0";
    if (value < HOUR) return `${grouped(value / MINUTE, 1)} min`;
    if (value < DAY) return `${grouped(value / HOUR, 1)} h`;
    return `${grouped(value / DAY, 1)} d`;
  }
  if (unit === "percentunit") return `${grouped(value * 100, 1)} %`;
  if (unit?.startsWith("suffix:")) return number(value, decimals);
  return number(value, decimals);
}

const STEPS = [1, 5, 10, 30, MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR,
  DAY, 2 * DAY, 5 * DAY, 7 * DAY, 10 * DAY, 14 * DAY, 30 * DAY, 60 * DAY, 90 * DAY, 180 * DAY, 365 * DAY];

/** True for a unit in which all values are whole: ticks between two of them would count nothing. */
export function isWhole(values, unit) {
  return (!unit || unit === "short" || unit === "none") && values.every((v) => Number.isInteger(v ?? 0));
}

/** Even steps of an axis that ends at or above max: whole hours and days for times. */
export function axisSteps(max, unit, { wanted = 4, whole = false } = {}) {
  if (!(max > 0)) return { max: 1, interval: unit === "percentunit" ? 0.5 : 1 };
  const rough = whole ? Math.max(1, max / wanted) : max / wanted;
  let interval;
  if (unit === "s") {
    interval = STEPS.find((s) => s >= rough) ?? Math.ceil(rough / (365 * DAY)) * 365 * DAY;
  } else {
    const power = 10 ** Math.floor(Math.log10(rough));
    interval = (whole ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10]).map((m) => m * power).find((s) => s >= rough * 0.999);
  }
  return { max: Math.ceil(max / interval - 1e-9) * interval, interval };
}

export function dateTime(ms, zone) {
  return new Date(ms).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short", timeZone: zone });
}

export function day(ms, zone) {
  return new Date(ms).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: zone });
}

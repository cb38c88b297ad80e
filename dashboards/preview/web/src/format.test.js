import assert from "node:assert/strict";
import test from "node:test";

import { axisSteps, duration, format, tick } from "./format.js";
import { interpolate } from "./links.js";
import { displayName, toSeries } from "./frames.js";

test("durations have their two largest units", () => {
  const cases = [[0, "0 s"], [4.2, "4.2 s"], [59, "59 s"], [90, "2 min"], [3600, "1 h"], [5400, "1 h 30 min"], [7199, "2 h"],
    [86400, "1 d"], [100800, "1 d 4 h"], [172799, "2 d"], [40 * 86400, "40 d"], [-5400, "−1 h 30 min"]];
  for (const [seconds, want] of cases) assert.equal(duration(seconds), want);
});

test("missing is a dash, zero is a zero", () => {
  assert.equal(format(null, "s"), "–");
  assert.equal(format(undefined, "percentunit"), "–");
  assert.equal(format(0, "percentunit"), "0 %");
  assert.equal(format(0, "short"), "0");
});

test("units", () => {
  assert.equal(format(0.2314, "percentunit"), "23.1 %");
  assert.equal(format(3.21, "suffix: / day", 1), "3.2 / day");
  assert.equal(format(1204, "short"), "1,204");
  assert.equal(format(2_400_000, "short"), "2.4 M");
  assert.equal(tick(43200, "s"), "12 h");
});

test("axes end on whole steps", () => {
  assert.deepEqual(axisSteps(100000, "s"), { max: 129600, interval: 43200 });
  assert.deepEqual(axisSteps(0.31, "percentunit"), { max: 0.4, interval: 0.1 });
  assert.deepEqual(axisSteps(0, "short"), { max: 1, interval: 1 });
  assert.deepEqual(axisSteps(10, "short", { whole: true }), { max: 10, interval: 5 });
  assert.deepEqual(axisSteps(2, "short", { whole: true }), { max: 2, interval: 1 });
});

test("links keep the time range and the variables", () => {
  const context = { range: "from=now-90d&to=now", variables: [
    { name: "team", all: true, chosen: ["a"] }, { name: "service", chosen: ["x y", "z"] }, { name: "hidden", hidden: true, chosen: ["1"] }] };
  assert.equal(interpolate("/d/x?${__url_time_range}&${__all_variables}", context),
    "/d/x?from=now-90d&to=now&var-team=%24__all&var-service=x%20y&var-service=z");
  assert.equal(interpolate("/d/x?${service:queryparam}", context), "/d/x?var-service=x%20y&var-service=z");
  assert.equal(interpolate("/d/x?var-service=${__data.fields[\"Service\"]}", { ...context, fields: { Service: "a&b" } }), "/d/x?var-service=a%26b");
  assert.equal(interpolate("/d/x?var-service=${__data.fields.Service}", { ...context, fields: { Service: "a" } }), "/d/x?var-service=a");
});

test("string columns become the names of series, gaps stay gaps", () => {
  const frame = { refId: "A", format: 0, columns: [{ name: "time", type: "time" }, { name: "team", type: "string" }, { name: "v", type: "number" }],
    rows: [[1, "a", 5], [1, "b", 6], [2, "a", null], [3, "b", 7]] };
  const series = toSeries(frame);
  assert.equal(displayName("${__field.labels.team}", series[1].labels), "b");
  assert.equal(displayName(undefined, {}), undefined);
  assert.deepEqual(series.map((s) => [s.name, s.points]), [["a", [[1, 5], [2, null], [3, null]]], ["b", [[1, 6], [2, null], [3, 7]]]]);
});

// What the address says: dashboard, time range, variables; as Grafana writes it.

export const base = document.querySelector('meta[name="headway-base"]').content;
export const grafana = document.querySelector('meta[name="headway-grafana"]').content;

export function read() {
  const uid = decodeURIComponent(location.pathname.slice(base.length).split("/")[2] ?? "");
  const variables = {};
  const query = new URLSearchParams(location.search);
  for (const [key, value] of query) {
    if (key.startsWith("var-")) (variables[key.slice(4)] ??= []).push(value);
  }
  return { uid, from: query.get("from") ?? "", to: query.get("to") ?? "", variables };
}

export function write(state) {
  const query = new URLSearchParams();
  if (state.from) query.set("from", state.from);
  if (state.to) query.set("to", state.to);
  for (const [name, values] of Object.entries(state.variables)) {
    for (const value of values) query.append(`var-${name}`, value);
  }
  const text = query.toString();
  return `${base}/d/${encodeURIComponent(state.uid)}${text ? `?${text}` : ""}`;
}

/** Runs a dashboard; onLine gets each line of the answer as it arrives. */
export async function run(state, signal, onLine) {
  const response = await fetch(`${base}/api/run`, { method: "POST", signal, headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ uid: state.uid, from: state.from, to: state.to, variables: state.variables }) });
  if (!response.ok) throw new Error((await response.text()).trim() || response.statusText);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) onLine(JSON.parse(line));
  }
  if (rest.trim()) onLine(JSON.parse(rest));
}

export async function get(path) {
  const response = await fetch(base + path);
  if (!response.ok) throw new Error((await response.text()).trim() || response.statusText);
  return response.json();
}

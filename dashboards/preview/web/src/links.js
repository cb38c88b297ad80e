// Grafana's link templates: ${__url_time_range}, ${__all_variables},
// ${name:queryparam}, ${name:raw}, ${__data.fields["Column"]}, ${__value.raw}, ${__from:date:iso}, ${name}.

const encode = (value) => encodeURIComponent(String(value ?? ""));

export function queryParam(variable) {
  const values = variable.all ? ["$__all"] : variable.chosen;
  return values.map((v) => `var-${variable.name}=${encode(v)}`).join("&");
}

/** Fills a link's template. Values are encoded, so they cannot leave their parameter, but for raw ones, which only the configuration sets. */
export function interpolate(template, { range, times, variables = [], fields = {}, value }) {
  const filled = template.replace(/\$\{([^}]+)\}/g, (_, expression) => {
    if (expression === "__url_time_range") return range;
    if (expression === "__all_variables") return variables.filter((v) => !v.hidden).map(queryParam).join("&");
    if (expression === "__value.raw") return encode(value);
    const field = expression.match(/^__data\.fields(?:\["([^"]+)"\]|\.([\w]+))$/);
    if (field) return encode(fields[field[1] ?? field[2]]);
    const edge = expression.match(/^__(from|to):date:iso$/);
    if (edge) return encode(new Date(times[edge[1]]).toISOString());
    const [name, format] = expression.split(":");
    const variable = variables.find((v) => v.name === name);
    if (!variable) return "";
    if (format === "raw" && variable.hidden) return variable.chosen.join(",");
    return format === "queryparam" ? queryParam(variable) : encode(variable.chosen.join(","));
  });
  return filled.replace(/[?&]+$/, "");
}

/** The address of a link inside the preview; only http(s) addresses leave it. */
export function address(url, base) {
  if (url.startsWith("/d/")) return { href: base + url, inside: true };
  if (/^https?:\/\//i.test(url)) return { href: url, inside: false };
  return null;
}

// Grafana's link templates: ${__url_time_range}, ${__all_variables},
// ${name:queryparam}, ${__data.fields["Column"]}, ${__value.raw}, ${name}.

const encode = (value) => encodeURIComponent(String(value ?? ""));

export function queryParam(variable) {
  const values = variable.all ? ["$__all"] : variable.chosen;
  return values.map((v) => `var-${variable.name}=${encode(v)}`).join("&");
}

/** Fills a link's template. Values are encoded, so they cannot leave their parameter. */
export function interpolate(template, { range, variables = [], fields = {}, value }) {
  const filled = template.replace(/\$\{([^}]+)\}/g, (_, expression) => {
    if (expression === "__url_time_range") return range;
    if (expression === "__all_variables") return variables.filter((v) => !v.hidden).map(queryParam).join("&");
    if (expression === "__value.raw") return encode(value);
    const field = expression.match(/^__data\.fields(?:\["([^"]+)"\]|\.([\w]+))$/);
    if (field) return encode(fields[field[1] ?? field[2]]);
    const [name, format] = expression.split(":");
    const variable = variables.find((v) => v.name === name);
    if (!variable) return "";
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

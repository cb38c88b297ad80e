// Colours, by the names that Grafana's models use, in both themes.

const palettes = {
  dark: { blue: "#6f9ff5", green: "#63c78f", orange: "#f2a661", purple: "#b794f6", red: "#f0787f", yellow: "#e3c75c", teal: "#4fc3c8",
    text: "#dfe4ec", muted: "#8d97a8", grid: "#262c37", surface: "#171b22", pop: "#20262f" },
  light: { blue: "#2f6bdc", green: "#1f8a54", orange: "#cf6f14", purple: "#7c4fd0", red: "#cf3f49", yellow: "#a98409", teal: "#0c8489",
    text: "#1c2430", muted: "#667085", grid: "#e6e9ef", surface: "#ffffff", pop: "#ffffff" },
};
const classic = ["blue", "green", "orange", "purple", "teal", "yellow", "red"];

const preference = matchMedia("(prefers-color-scheme: dark)");

export function current() {
  return document.documentElement.dataset.theme ?? (preference.matches ? "dark" : "light");
}

export function palette() {
  return palettes[current()];
}

/** The colour of the model's name, or of the n-th series. */
export function color(name, index = 0) {
  const p = palette();
  if (name?.startsWith("#")) return name;
  const plain = name?.replace(/^(super-light|light|semi-dark|dark)-/, "");
  return p[plain] ?? p[classic[index % classic.length]];
}

export function withAlpha(hex, alpha) {
  return hex + Math.round(alpha * 255).toString(16).padStart(2, "0");
}

export function apply(theme) {
  document.documentElement.dataset.theme = theme;
}

export function restore() {
  const kept = localStorage.getItem("headway-theme");
  if (kept === "dark" || kept === "light") apply(kept);
}

export function toggle() {
  apply(current() === "dark" ? "light" : "dark");
  localStorage.setItem("headway-theme", current());
}

export function onSystemChange(callback) {
  preference.addEventListener("change", callback);
}

// One way to make elements: text is always text, never markup.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key === "class") node.className = value;
    else node.setAttribute(key, value === true && !/^(data|aria)-/.test(key) ? "" : String(value));
  }
  node.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

/** The little Markdown of text panels and descriptions, as elements. */
export function markdown(source) {
  const out = document.createDocumentFragment();
  for (const block of source.trim().split(/\n{2,}/)) {
    const heading = block.match(/^(#{1,4}) (.*)$/);
    if (heading) {
      out.append(el(`h${Math.min(heading[1].length + 1, 5)}`, {}, inline(heading[2])));
    } else if (/^- /.test(block)) {
      out.append(el("ul", {}, block.split("\n").map((l) => el("li", {}, inline(l.replace(/^- /, ""))))));
    } else {
      out.append(el("p", {}, block.split("\n").flatMap((l, i) => (i ? [el("br"), ...inline(l)] : inline(l)))));
    }
  }
  return out;
}

function inline(text) {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`|\[[^\]]+\]\([^)\s]+\))/).filter(Boolean).map((part) => {
    if (part.startsWith("**")) return el("strong", {}, part.slice(2, -2));
    if (part.startsWith("`")) return el("code", {}, part.slice(1, -1));
    const link = part.match(/^\[([^\]]+)\]\(([^)\s]+)\)$/);
    if (link && /^(https?:\/\/|\/d\/)/.test(link[2])) return el("a", { href: link[2], "data-link": link[2] }, link[1]);
    return part;
  });
}

/** A button that opens a panel below it; Escape or a click elsewhere closes it. */
export function popover(label, attributes, fill) {
  const button = el("button", { type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", ...attributes }, label);
  const wrap = el("div", { class: "popover-wrap" }, button);
  let panel = null;
  const away = (event) => { if (!wrap.contains(event.target)) close(); };
  const escape = (event) => { if (event.key === "Escape") { close(); button.focus(); } };
  const close = () => {
    panel?.remove();
    panel = null;
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", away);
    document.removeEventListener("keydown", escape);
  };
  button.addEventListener("click", () => {
    if (panel) return close();
    panel = el("div", { class: "popover", role: "dialog", "aria-label": attributes["aria-label"] ?? button.textContent });
    fill(panel, close);
    wrap.append(panel);
    const box = panel.getBoundingClientRect();
    if (box.right > innerWidth - 8) panel.classList.add("to-left");
    if (box.left < 8) panel.classList.add("to-right");
    button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", away);
    document.addEventListener("keydown", escape);
    panel.querySelector("input, button, a")?.focus({ preventScroll: true });
  });
  return wrap;
}

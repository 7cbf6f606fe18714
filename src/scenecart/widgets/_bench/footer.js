const LOST_AFTER = 12_000; // a connection that is only interrupted comes back before
const KEYS = [
  ["↑ ↓ ← →", "walk through captures"], ["Space", "into the cart, or out of it"], ["Enter", "show on the map"], ["C", "compare"],
  ["P", "pictures on the map"], ["D", "draw an area"], ["B", "drag a box"], ["F", "fit the map to the area"], ["+ −", "zoom"], ["Esc", "back"], ["?", "this list"],
];

function draw(state, send, page) {
  const key = (name, text, kind) => el("span", { class: kind }, name.split(" ").map((one) => [el("kbd", {}, one), " "]), text);
  const gone = page.local.gone;
  return [
    gone ? el("div", { class: "kernel-gone", role: "alert", "data-key": "gone" }, icon("off"),
      el("span", {}, el("b", {}, "This page has no kernel any more. "), gone),
      state.full ? button("Reload", { icon: "redo", onclick: () => location.reload() }) : null) : null,
    page.local.help ? el("div", { class: "help card", role: "dialog", "aria-label": "All keys", "data-key": "help" },
      el("h2", {}, "Keys", iconButton("Close", "x", { onclick: () => toggleHelp(page) })),
      el("dl", {}, KEYS.map(([name, text]) => [el("dt", {}, name.split(" ").map((one) => [el("kbd", {}, one), " "])), el("dd", {}, text)]))) : null,
    el("span", { role: "status", "aria-live": "polite", "data-key": "message" }, state.message),
    el("span", { class: "end hide-s", "data-key": "keys" }, key("↑ ↓", "walk", "hide-m"), key("Space", "cart"), key("C", "compare"), key("P", "pictures"),
      el("button", { type: "button", class: "link", "aria-expanded": String(Boolean(page.local.help)), onclick: () => toggleHelp(page) }, el("kbd", {}, "?"), " all keys")),
  ];
}

function toggleHelp(page) { page.local.help = !page.local.help; page.redraw(); }

// boxes of ipywidgets have no roles
function landmarks(bench, isFull) {
  const named = { ".sc-head": ["banner", "scenecart"], ".sc-ask": ["complementary", "Search and filters"], ".sc-mid": ["main", "Map and results"], ".sc-map": ["region", "Map"], ".sc-res": ["region", "Results and orders"], ".sc-side": ["complementary", "Capture and cart"], ".sc-foot": ["contentinfo", "Status and keys"] };
  for (const [selector, [role, label]] of Object.entries(named)) {
    const node = bench?.querySelector(selector);
    node?.setAttribute("role", isFull || !["banner", "main", "contentinfo"].includes(role) ? role : "group");
    node?.setAttribute("aria-label", label);
  }
}

// a reloaded tab keeps its id; a second tab has one of its own
function tabId() {
  try {
    const known = sessionStorage.getItem("scenecart-bench");
    const isReload = performance.getEntriesByType("navigation")[0]?.type !== "navigate";
    // a tab that was duplicated, or opened by a link, copies the storage of the other
    if (known && (isReload || !window.opener)) return known;
  } catch { /* a page without storage has a new id each time */ }
  const made = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  try { sessionStorage.setItem("scenecart-bench", made); for (const name of Object.keys(sessionStorage)) if (name.startsWith(EVENTS)) sessionStorage.removeItem(name); } catch { /* likewise */ }
  return made;
}

// the newest events, in case the kernel ends before it has handled them; those of another account are dropped
const EVENTS = "scenecart-events";
const MOST_EVENTS = 20;
const OLD_AFTER = 600_000;
const eventsOf = (page) => `${EVENTS}-${page.state().account}`;

function lastEvents(page) {
  try { return JSON.parse(sessionStorage.getItem(eventsOf(page)) ?? "[]").filter((one) => Date.now() - one.n < OLD_AFTER); } catch { return []; }
}

function remember(page, event) {
  try { sessionStorage.setItem(eventsOf(page), JSON.stringify([...lastEvents(page), event].slice(-MOST_EVENTS))); } catch { /* a page without storage, or a very long area */ }
}

function ready(page) {
  const id = tabId();
  page.send("page", { id, events: lastEvents(page) });
  page.subscribe("event", (event) => remember(page, event));
  const leave = () => page.send("leave");
  addEventListener("pagehide", leave);
  let since = 0;
  let watched = null;
  const showGone = (isGone) => {
    const gone = !isGone ? "" : page.state().full ? "Reload it; your search and cart come back." : "Run its cell again; your search and cart come back.";
    if (gone !== (page.local.gone ?? "")) { page.local.gone = gone; page.redraw(); }
  };
  // a restarted kernel does not have the state of this page
  const lost = (_, status) => { if (!status || ["restarting", "autorestarting", "dead"].includes(status)) { page.local.lost = true; showGone(true); } };
  page.subscribe("lost", () => lost());
  const look = async () => {
    const layout = page.model.get("layout");
    const widget = typeof layout === "string" ? await page.model.widget_manager.get_model(layout.replace("IPY_MODEL_", "")).catch(() => null) : layout;
    const kernel = widget?.widget_manager?.kernel;
    if (!kernel) return;
    if (watched !== kernel) { watched = kernel; kernel.statusChanged?.connect(lost); }
    const isDead = page.local.lost || kernel.isDisposed || ["dead", "terminating"].includes(kernel.status);
    const isLost = kernel.connectionStatus !== "connected";
    since = isDead || isLost ? since || Date.now() : 0;
    showGone(isDead || (isLost && Date.now() - since > LOST_AFTER));
  };
  const timer = setInterval(look, 2_000);
  const keys = (event) => {
    if (event.target.closest?.("input, textarea, select, [contenteditable=true]") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "?") toggleHelp(page);
    else if (event.key === "Escape" && page.local.help) toggleHelp(page);
  };
  const bench = () => page.node.closest(".sc-bench");
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  // JupyterLab and Voila's dark theme set the attribute; Voila's light theme, its default, does not
  const theme = () => bench()?.classList.toggle("sc-dark", page.state().full && scheme.matches && !new URLSearchParams(location.search).has("theme"));
  scheme.addEventListener("change", theme);
  requestAnimationFrame(() => {
    bench()?.classList.toggle("sc-full", page.state().full);
    theme();
    landmarks(bench(), page.state().full);
    (page.state().full ? document : bench())?.addEventListener("keydown", keys);
  });
  return () => { clearInterval(timer); removeEventListener("pagehide", leave); scheme.removeEventListener("change", theme); document.removeEventListener("keydown", keys); bench()?.removeEventListener("keydown", keys); };
}

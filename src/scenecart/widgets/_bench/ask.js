const PART = "ask";
const KEPT = new Set(["type", "clear", "dates", "host", "collections", "search", "filter", "hide_owned", "reset"]);
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const dayText = (day) => { const date = new Date(day * 86_400_000); return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`; };
const isoDay = (day) => new Date(day * 86_400_000).toISOString().slice(0, 10);
const numberText = (value) => (Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toFixed(3))));
const rangeText = (low, high, unit) => (unit === "A$" ? `A$ ${Math.round(low).toLocaleString("en")} – ${Math.round(high).toLocaleString("en")}` : `${numberText(low)} – ${numberText(high)}${unit === "" || unit === "°" ? "" : " "}${unit}`);

// bars over a range with two thumbs: { name, title, low, high, step, ends, bars, off, cloud }, said(a, b), changed(a, b)
function bars(one, ends) {
  const count = one.bars.length || 26;
  const width = (one.high - one.low) / count || 1;
  const isIn = (number) => one.low + (number + 1) * width > ends[0] && one.low + number * width <= ends[1];
  return el("svg", { class: "hist", viewBox: `0 0 ${count * 10} 30`, preserveAspectRatio: "none", "aria-hidden": "true" },
    el("title", {}, "Bar height: square root of the count"),
    Array.from({ length: count }, (_, number) => {
      const share = one.bars[number] ?? 0;
      const height = share ? 4 + 26 * share : 1;
      const inside = share && isIn(number);
      const mid = one.low + (number + 0.5) * width;
      const fill = inside && one.cloud ? `fill: var(--sc-cloud-${Math.min(4, Math.floor(mid / 5))})` : undefined;
      return el("rect", { x: (number * 10 + 0.8).toFixed(1), width: 8.4, y: (30 - height).toFixed(2), height: height.toFixed(2), rx: 1, class: inside ? "in" : "", style: fill });
    }));
}

function slider(page, one, said, changed) {
  const held = page.local.held?.name === one.name ? page.local.held.ends : null;
  const ends = held ?? one.ends ?? [0, 100];
  const [low, high] = one.off ? [0, 100] : [one.low, one.high];
  const at = (value) => (high > low ? Math.max(0, Math.min(100, ((value - low) / (high - low)) * 100)) : 0);
  const step = one.step || 1;
  const snap = (value) => Math.max(low, Math.min(high, Math.round((value - low) / step) * step + low));
  const set = (next, isLast) => {
    page.local.held = { name: one.name, ends: next };
    clearTimeout(page.local.timer);
    const tell = () => { page.local.tell = null; changed(next[0], next[1]); };
    page.local.tell = tell;
    if (isLast) { tell(); page.local.timer = setTimeout(() => { page.local.held = null; page.redraw(); }, 600); } else page.local.timer = setTimeout(tell, 90);
    page.redraw();
  };
  const moved = (which, value) => (which ? [ends[0], Math.max(ends[0], snap(value))] : [Math.min(ends[1], snap(value)), ends[1]]);
  const valueAt = (event) => {
    const box = event.currentTarget.closest(".facet-body").querySelector(".range").getBoundingClientRect();
    return low + ((event.clientX - box.left) / box.width) * (high - low);
  };
  const thumb = (which) => el("u", {
    tabindex: one.off ? undefined : 0, role: "slider", "aria-label": `${one.title}, ${which ? "to" : "from"}`, "aria-disabled": one.off ? "true" : undefined,
    "aria-valuemin": low, "aria-valuemax": high, "aria-valuenow": ends[which], "aria-valuetext": said(ends[0], ends[1]), style: `left:${one.off ? which * 100 : at(ends[which])}%`,
    onpointerdown: one.off ? null : (event) => { event.preventDefault(); event.currentTarget.setPointerCapture(event.pointerId); event.currentTarget.focus(); page.local.drag = which; },
    onpointermove: (event) => { if (page.local.drag === which && event.currentTarget.hasPointerCapture(event.pointerId)) set(moved(which, valueAt(event)), false); },
    onpointerup: (event) => { if (page.local.drag === which) { page.local.drag = null; set(moved(which, valueAt(event)), true); } },
    onkeydown: one.off ? null : (event) => {
      const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      const bar = Math.max(step, Math.round((high - low) / 26 / step) * step);
      if (by) set(moved(which, ends[which] + by * bar), true);
      else if (event.key === "Home") set(moved(which, low), true);
      else if (event.key === "End") set(moved(which, high), true);
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
  });
  const clicked = (event) => {
    if (one.off || event.target.tagName === "U") return;
    const value = valueAt(event);
    set(moved(Math.abs(value - ends[0]) <= Math.abs(value - ends[1]) ? 0 : 1, value), true);
  };
  return [ends, el("div", { class: "facet-body", onclick: clicked, ondblclick: () => !one.off && set([low, high], true) },
    bars(one, one.off ? [1, 0] : ends),
    el("div", { class: "range", role: "group", "aria-label": one.title },
      el("i"), el("i", { class: "v", style: `left:${one.off ? 0 : at(ends[0])}%;right:${one.off ? 0 : 100 - at(ends[1])}%` }), thumb(0), thumb(1)))];
}

// names of places that begin with what is typed; the map knows them
function suggest(page, text) {
  const start = text.trim().toLowerCase();
  page.local.places = start.length < 2 ? [] : (page.local.known ?? []).filter((name) => name.toLowerCase().startsWith(start)).slice(0, 8);
  page.redraw();
}

function where(state, send, page) {
  const tool = (name) => page.share("area-tool", { tool: name });
  const picked = async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    page.local.reading = `Reading ${file.name}…`;
    page.redraw();
    const content = await file.arrayBuffer();
    event.target.value = "";
    page.local.reading = "";
    send("file", { name: file.name }, [content]);
  };
  const typed = (event) => {
    if (event.key === "Enter" && event.target.value.trim()) { send("type", { text: event.target.value.trim() }); page.local.typing = false; page.redraw(); } else if (event.key === "Escape") { page.local.typing = false; page.redraw(); }
  };
  const { text, how, error } = state.where;
  const line = page.local.reading || text;
  return el("section", { class: "part" },
    el("h3", {}, "Where"),
    el("div", { class: "row tight" },
      button("Draw", { icon: "draw", title: "Draw a shape on the map (D)", onclick: () => tool("draw") }),
      button("Box", { icon: "box", title: "Drag a box on the map (B)", onclick: () => tool("box") }),
      el("label", { class: "btn", title: "GeoJSON, GeoPackage, KML, zipped Shapefile" }, icon("file"), "File", el("input", { type: "file", class: "sr", accept: state.files, "aria-label": "Area from a file", onchange: picked })),
      button("Type", { icon: "pin", title: "A place, four numbers, WKT or GeoJSON", "aria-expanded": String(Boolean(page.local.typing)), onclick: () => { page.local.typing = !page.local.typing; page.redraw(); if (page.local.typing) page.node.querySelector(".typed input")?.focus(); } })),
    page.local.typing
      ? el("label", { class: "field typed", "data-key": "typed" }, el("input", { placeholder: "A place, or west, south, east, north", "aria-label": "Area: a place; west, south, east, north; a file; WKT or GeoJSON", list: page.local.places ? "sc-places" : undefined, onkeydown: typed, oninput: (event) => suggest(page, event.target.value) }), el("datalist", { id: "sc-places" }, (page.local.places ?? []).map((name) => el("option", { value: name }))))
      : el("div", { class: "area", "data-key": "area" },
        line && !page.local.reading ? el("span", { class: "key" }) : null,
        line ? el("span", { class: "name" }, line) : el("span", { class: "q" }, "No area yet. The map view will be used."),
        line && how ? el("span", { class: "q" }, how) : null,
        line ? iconButton("Clear the area", "x", { onclick: () => send("clear") }) : null),
    error ? el("p", { class: "wrong", role: "alert", "data-key": "wrong" }, error) : null);
}

function when(state, send, page) {
  const one = { ...state.when, name: "when", title: "Dates", step: 1 };
  const changed = (first, last) => send("dates", { first: isoDay(first), last: isoDay(last) });
  const [ends, body] = slider(page, one, (a, b) => `${dayText(a)} to ${dayText(b)}`, changed);
  const field = (which) => el("label", { class: "field date grow" }, el("span", {}, dayText(ends[which])),
    el("input", {
      type: "date", value: isoDay(ends[which]), "aria-label": which ? "Last day" : "First day",
      onclick: (event) => { try { event.currentTarget.showPicker(); } catch { /* it can be typed */ } },
      onchange: (event) => { if (event.target.value) { const days = [...ends]; days[which] = Date.parse(event.target.value) / 86_400_000; changed(Math.min(...days), Math.max(...days)); } },
    }));
  return el("section", { class: "part" },
    el("h3", {}, "When ", el("span", { class: "q" }, one.says)),
    el("div", { class: "row tight" }, field(0), el("span", { class: "q" }, "to"), field(1)),
    el("div", { class: "below" }, body));
}

function what(state, send, page) {
  const { hosts, host, collections } = state.what;
  const known = hosts.find((one) => one.name === host);
  const toggle = (name) => send("collections", { names: collections.includes(name) ? collections.filter((one) => one !== name) : [...collections, name] });
  const close = () => { page.local.open = false; page.redraw(); };
  const count = known ? known.collections.length : 0;
  const label = el("button", {
    type: "button", class: "field wide", "aria-haspopup": "true", "aria-expanded": String(Boolean(page.local.open)), "aria-label": `Host: ${host || "none"}`,
    onclick: () => { page.local.open = !page.local.open; page.redraw(); },
  }, host ? el("span", {}, host) : el("span", { class: "q" }, "Choose a host"), host ? el("span", { class: "q" }, `· ${count} ${count === 1 ? "collection" : "collections"}`) : null, icon("down"));
  const typed = (event) => { if (event.key === "Enter" && event.target.value.trim()) { send("host", { name: event.target.value.trim() }); close(); } };
  const menu = page.local.open && el("div", { class: "menu card", role: "group", "aria-label": "Hosts", onkeydown: (event) => { if (event.key === "Escape") close(); } },
    hosts.map((one) => el("button", { type: "button", class: "btn flat wide", "aria-pressed": String(one.name === host), onclick: () => { send("host", { name: one.name }); close(); } },
      one.name === host ? icon("check") : el("span", { class: "gap" }), el("span", {}, one.name), el("span", { class: "q end" }, one.collections.length))),
    el("label", { class: "field" }, icon("plus"), el("input", { placeholder: "Another host", "aria-label": "Another host", onkeydown: typed })));
  const typedCollections = (event) => { if (event.key === "Enter") { send("collections", { names: [...collections, ...event.target.value.split(",").map((one) => one.trim()).filter(Boolean)] }); event.target.value = ""; } };
  const names = [...new Set([...(known?.collections ?? []), ...collections])];
  return el("section", { class: "part what" },
    el("h3", {}, "What"),
    label, menu,
    el("div", { class: "row chips" },
      names.map((name) => el("button", { type: "button", class: "chip", role: "checkbox", "aria-checked": String(collections.includes(name)), title: name, "data-key": name, onclick: () => toggle(name) },
        collections.includes(name) ? icon("check") : null, name)),
      known?.collections.length ? null : el("label", { class: "field grow" }, el("input", { placeholder: "Collections, such as aurora-50cm", "aria-label": "Collections", onkeydown: typedCollections }))));
}

function facet(page, one, send) {
  if (one.kind === "choice") {
    const names = one.options.filter((option) => option.on).map((option) => option.name);
    const toggle = (name) => send("filter", { name: one.name, value: names.length === one.options.length ? [name] : names.includes(name) ? names.filter((other) => other !== name) : [...names, name] });
    return el("div", { class: "facet", "data-key": one.name }, el("h4", {}, el("b", {}, one.title), el("span", {}, one.says)),
      el("div", { class: "row chips" }, one.options.map((option) => el("button", { type: "button", class: "chip", role: "checkbox", "aria-checked": String(option.on && names.length !== one.options.length), onclick: () => toggle(option.name) }, option.name))));
  }
  const [ends, body] = slider(page, one, (a, b) => rangeText(a, b, one.unit ?? ""), (a, b) => send("filter", { name: one.name, value: a <= one.low && b >= one.high ? null : [a, b] }));
  return el("div", { class: "facet", "data-key": one.name }, el("h4", {}, el("b", {}, one.title), el("span", {}, one.off ? "" : rangeText(ends[0], ends[1], one.unit ?? ""))), body);
}

function filters(state, send, page) {
  const { off, says, facets, more, owned, active } = state.filters;
  return el("section", { class: `part ${off ? "off" : ""}` },
    el("h3", {}, "Filters ", el("span", { class: "q" }, active ? el("button", { type: "button", class: "link", onclick: () => send("reset") }, "Reset") : null, active ? " · " : "", says)),
    el("div", { class: "facets" },
      facets.map((one) => facet(page, one, send)),
      off || owned ? el("label", { class: "check" },
        el("input", { type: "checkbox", checked: Boolean(owned?.on), disabled: off, onchange: (event) => send("hide_owned", { on: event.target.checked }) }),
        "Hide what we own", el("span", { class: "q end" }, owned ? owned.count.toLocaleString("en") : "")) : null,
      more.length ? el("details", { "data-key": "more", class: "more" }, el("summary", {}, "More filters"), el("div", { class: "facets" }, more.map((one) => facet(page, one, send)))) : null));
}

function draw(state, send, page) {
  if (!state.where) return [];
  const { label, enabled, hint, main } = state.search;
  return [
    where(state, send, page), when(state, send, page), what(state, send, page),
    label ? el("div", { class: "row tight", "data-key": "search" }, el("button", {
      type: "button", class: `btn wide ${enabled ? (main ? "main" : "") : "off"}`, disabled: !enabled, title: hint, onclick: () => send("search"),
    }, icon("search"), label)) : null,
    el("hr", { class: "rule", "data-key": "rule" }),
    filters(state, send, page),
  ];
}

function ready(page) {
  const away = (event) => { if (page.local.open && !event.target.closest?.(".what")) { page.local.open = false; page.redraw(); } };
  document.addEventListener("pointerdown", away);
  page.hear("places", (names) => { page.local.known = names; });
  // a handle that is still being dragged
  const leave = () => page.local.tell?.();
  addEventListener("pagehide", leave);
  return () => { document.removeEventListener("pointerdown", away); removeEventListener("pagehide", leave); };
}

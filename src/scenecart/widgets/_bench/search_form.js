const PART = "form";
const KEPT = new Set(["type", "clear", "dates", "host", "collections", "search", "filter", "hide_owned", "reset"]);
// names of places that begin with what is typed; the map knows them
function suggest(page, text) {
  const start = text.trim().toLowerCase();
  page.local.places = start.length < 2 ? [] : (page.local.known ?? []).filter((name) => name.toLowerCase().startsWith(start)).slice(0, 8);
  page.redraw();
}

function where(state, send, page) {
  const tool = (name) => page.publish("area-tool", { tool: name });
  const picked = async (file, content) => {
    page.local.reading = `Reading ${file.name}…`;
    page.redraw();
    const read = await content;
    page.local.reading = "";
    send("file", { name: file.name }, [read]);
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
      fileButton("File", { title: "GeoJSON, GeoPackage, KML, zipped Shapefile", accept: state.files, name: "Area from a file", picked }),
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
      // the other day as it is in the page: the kernel may not have received it yet
      onchange: (event) => { const days = [...event.target.closest(".row").querySelectorAll("[type=date]")].map((one) => Date.parse(one.value) / 86_400_000); if (days.every(Number.isFinite)) changed(Math.min(...days), Math.max(...days)); },
    }));
  return el("section", { class: "part" },
    el("h3", {}, "When ", el("span", { class: "q" }, one.caption)),
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

function filters(state, send, page) {
  const { off, caption, facets, more, owned, active } = state.filters;
  return el("section", { class: `part ${off ? "off" : ""}` },
    el("h3", {}, "Filters ", el("span", { class: "q" }, active ? el("button", { type: "button", class: "link", onclick: () => send("reset") }, "Reset") : null, active ? " · " : "", caption)),
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
  page.subscribe("places", (names) => { page.local.known = names; });
  // a handle that is still being dragged
  const leave = () => page.local.tell?.();
  addEventListener("pagehide", leave);
  return () => { document.removeEventListener("pointerdown", away); removeEventListener("pagehide", leave); };
}

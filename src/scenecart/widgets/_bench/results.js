// Captures as a table, a gallery, a timeline or, where there is little room, a strip of cards. The page holds only the rows in
// view, and requests them; the current capture is set here first, and then sent to the kernel.
const NARROW = 760;
const ROW = 36;
const HEAD = 30;
const GAP = 12;
const CELL = 122;
const CARD = 206;
const THUMB = 64;
const KEPT_ROWS = 3000;
const KEPT_PICTURES = 500;
const VIEWS = [["table", "Table"], ["gallery", "Gallery"], ["timeline", "Timeline"]];

// ── state of the page itself ────────────────────────────────────────────────
function own(state, page) {
  const one = page.local;
  if (!one.rows) Object.assign(one, { rows: new Map(), urls: new Map(), requested: new Set(), coarse: new Set(), row: -1, key: null, sent: new Set(), width: 0, height: 0, at: {}, prefix: `sc-results-${Math.random().toString(36).slice(2)}` });
  if (one.turn !== state.turn) { one.turn = state.turn; one.rows = new Map(); one.asked = ""; }
  if (one.pictures !== state.pictures) { one.pictures = state.pictures; forget(one); }
  const current = state.current ?? { row: -1, key: null };
  if (one.seenCurrent !== `${current.row} ${current.key}`) {
    one.seenCurrent = `${current.row} ${current.key}`;
    // the echo of a change that was made here is ignored; anything else was changed elsewhere
    if (!one.sent.delete(current.key)) { one.row = current.row; one.key = current.key; one.reveal = true; } else if (one.key === current.key) { one.row = current.row; one.sent.clear(); }
  }
  const sorted = `${state.sort} ${state.view}`;
  if (one.sorted !== undefined && one.sorted !== sorted) one.reveal = "top";
  one.sorted = sorted;
  return one;
}

function forget(one) {
  for (const url of one.urls.values()) if (url) URL.revokeObjectURL(url);
  one.urls.clear();
  one.requested.clear();
  one.coarse.clear();
}

const viewOf = (state, one) => (state.view === "table" && one.width < NARROW ? "strip" : state.view);
const rowHeight = (page) => Math.round(parseFloat(getComputedStyle(page.node).getPropertyValue("--sc-row")) || ROW);

function place(state, one, page) {
  const view = viewOf(state, one);
  if (view === "table") { const tall = rowHeight(page); return { view, tall, columns: 1, span: tall, size: state.count * tall + HEAD, at: (n) => `top:${n * tall}px;height:${tall}px` }; }
  if (view === "strip") return { view, columns: 1, span: CARD, across: true, size: state.count * CARD + GAP, at: (n) => `left:${GAP + n * CARD}px;width:${CARD - 10}px` };
  const wide = Math.max(CELL, one.width - GAP);
  const columns = Math.max(one.width < 480 ? 2 : 1, Math.floor(wide / (CELL + GAP)));
  const side = Math.floor(wide / columns) - GAP;
  const span = side + 45 + GAP;
  return { view, columns, side, span, size: Math.ceil(state.count / columns) * span + GAP, at: (n) => `left:${GAP + (n % columns) * (side + GAP)}px;top:${GAP + Math.floor(n / columns) * span}px;width:${side}px` };
}

function windowOf(state, one, lay) {
  const room = lay.across ? one.width : one.height;
  const from = lay.across ? one.at.left ?? 0 : one.at.top ?? 0;
  const first = Math.max(0, Math.floor(from / lay.span) - 2) * lay.columns;
  return [first, Math.min(state.count, first + (Math.ceil((room || 400) / lay.span) + 5) * lay.columns)];
}

// ── requests for rows and pictures ────────────────────────────────────────────
function ask(state, one, page, first, last, pixels) {
  let missing = false;
  for (let n = first; n < last; n++) missing ||= !one.rows.has(n);
  const wanted = `${one.turn} ${first} ${last}`;
  if (missing && one.asked !== wanted) {
    one.asked = wanted;
    const size = last - first;
    page.send("window", { turn: one.turn, start: Math.max(0, first - size), size: 3 * size });
  }
  if (!state.has_pictures) return;
  const keys = [];
  for (let n = first; n < last; n++) { const row = one.rows.get(n); if (row && isWanted(one, `${pixels} ${row.key}`)) keys.push(row.key); }
  const asked = keys.filter((key) => !one.requested.has(`${pixels} ${key}`));
  clearTimeout(one.timer);
  // a fast scroll requests the pictures where it ends
  if (asked.length) one.timer = setTimeout(() => {
    asked.forEach((key) => one.requested.add(`${pixels} ${key}`));
    page.send("pictures", { keys: asked, visible: keys, turn: one.pictures, pixels });
  }, 40);
}

// a small picture shows first, and the sharp one takes its place
const isWanted = (one, name) => !one.urls.has(name) || one.coarse.has(name);

function receive(page, content, buffers) {
  const state = page.state();
  const one = own(state, page);
  if (content.kind === "rows" && content.turn === one.turn) {
    content.rows.forEach((row, place) => one.rows.set(content.start + place, row));
    for (const n of one.rows.keys()) { if (one.rows.size <= KEPT_ROWS) break; if (Math.abs(n - content.start) > KEPT_ROWS / 2) one.rows.delete(n); }
    const row = one.rows.get(one.row);
    if (row && one.key === null) one.key = row.key;
  } else if (content.kind === "pictures" && content.turn === one.pictures) {
    content.keys.forEach((key, place) => {
      const bytes = buffers[place];
      const name = `${content.side} ${key}`;
      // without a sharp one, the small one stays
      if (!bytes.byteLength && one.coarse.delete(name)) return;
      if (one.urls.get(name)) URL.revokeObjectURL(one.urls.get(name));
      one.urls.set(name, bytes.byteLength ? URL.createObjectURL(new Blob([bytes], { type: "image/webp" })) : "");
      if (content.is_preview) one.coarse.add(name);
      else one.coarse.delete(name);
    });
    content.dropped.forEach((key) => one.requested.delete(`${content.side} ${key}`));
    for (const [name, url] of one.urls) {
      if (one.urls.size <= KEPT_PICTURES) break;
      if (url) URL.revokeObjectURL(url);
      one.urls.delete(name);
      one.requested.delete(name);
      one.coarse.delete(name);
    }
  } else if (content.kind === "code") {
    one.open = "code";
    one.code = content.text;
    one.copied = false;
    navigator.clipboard?.writeText(content.text).then(() => { one.copied = true; page.redraw(); }, () => {});
  } else return;
  schedule(page);
}

function schedule(page) {
  if (page.local.frame) return;
  page.local.frame = requestAnimationFrame(() => { page.local.frame = 0; page.redraw(); });
}

// ── the current capture ───────────────────────────────────────────
function look(page, row, { reveal = false } = {}) {
  const state = page.state();
  const one = own(state, page);
  const to = Math.max(0, Math.min(state.count - 1, row));
  if (!state.count || (to === one.row && !reveal)) return;
  const known = one.rows.get(to);
  one.row = to;
  one.key = known ? known.key : null;
  if (reveal) one.reveal = true;
  if (known) tell(page, one, known.key);
  clearTimeout(one.sendTimer);
  one.sendTimer = setTimeout(() => page.send("current", { row: to, turn: one.turn }), 50);
  page.redraw();
}

// "row" is the row of the captures, whatever the order of this list
function tell(page, one, key) {
  one.sent.add(key);
  page.publish("current", { row: key, from: "results" });
}

function lookAtKey(page, key) {
  const one = own(page.state(), page);
  if (one.key === key) return;
  one.key = key;
  one.row = [...one.rows].find(([, row]) => row.key === key)?.[0] ?? -1;
  tell(page, one, key);
  clearTimeout(one.sendTimer);
  one.sendTimer = setTimeout(() => page.send("current", { key }), 50);
  page.redraw();
}

function keys(page, lay) {
  return (event) => {
    const state = page.state();
    const one = own(state, page);
    if (event.target.closest("input, textarea, .pop")) return;
    const room = lay.across ? one.width : one.height;
    const leap = Math.max(1, Math.floor(room / lay.span) - 1) * lay.columns;
    const steps = { ArrowDown: lay.columns, ArrowUp: -lay.columns, ArrowRight: 1, ArrowLeft: -1, PageDown: leap, PageUp: -leap, Home: -1e9, End: 1e9 };
    const key = event.key;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (key in steps && plain) look(page, one.row < 0 ? 0 : one.row + steps[key], { reveal: true });
    else if (key === "z" && (event.ctrlKey || event.metaKey)) page.send(event.shiftKey ? "redo" : "undo");
    else if (event.target.closest("button")) return;
    else if (key === " ") page.send("tick", here(one));
    else if (key === "Enter") page.send("map", here(one));
    else if ((key === "c" || key === "C") && plain) page.send("compare", here(one));
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}

const here = (one) => (one.key === null ? { row: one.row, turn: one.turn } : { key: one.key });

// ── drawing ─────────────────────────────────────────────────────────────────
function draw(state, send, page) {
  const one = own(state, page);
  return [bar(state, one, page), body(state, one, page)];
}

function bar(state, one, page) {
  const isStrip = viewOf(state, one) === "strip";
  const facts = [state.is_counted ? "" : plural(state.count), state.words, state.cart_count ? `${state.cart_count.toLocaleString("en")} in the cart` : ""].filter(Boolean);
  const open = (name) => ({ "aria-expanded": String(one.open === name), onclick: () => { one.open = one.open === name ? null : name; page.redraw(); } });
  const order = `${state.sort_title || "As found"}${state.sort[0] ? (state.sort[1] ? " ↓" : " ↑") : ""}`;
  return el("div", { class: "bar", "data-key": "bar" },
    el("div", { class: "seg", role: "group", "aria-label": "View" }, VIEWS.map(([name, label]) => el("button", { type: "button", class: "btn", "aria-pressed": String(state.view === name), onclick: () => page.send("view", { name }) }, label))),
    el("span", { class: "sp q" }, (isStrip ? ["Swipe for more", ...facts] : facts).join(" · ")),
    state.view === "table" && !isStrip ? button("Columns", { icon: "cols", kind: "flat", ...open("columns") }) : null,
    state.view === "gallery" || isStrip ? button(order, { kind: "flat", title: "Sort by", ...open("sort") }) : null,
    button("Copy as code", { icon: "code", kind: "flat code", onclick: () => page.send("code") }),
    one.open ? popover(state, one, page) : null);
}

const plural = (count) => `${count.toLocaleString("en")} ${count === 1 ? "capture" : "captures"}`;

function body(state, one, page) {
  if (!state.total) return el("div", { class: "scroll", "data-key": "empty" }, el("div", { class: "blank q" }, "No captures."));
  if (!state.count) return el("div", { class: "scroll", "data-key": "filtered" }, el("div", { class: "blank" }, icon("search", "hug"), el("h2", {}, "No capture matches the filters"), el("p", { class: "q" }, `${plural(state.total)} without them.`), el("div", { class: "row mid" }, button("Remove the filters", { icon: "x", onclick: () => page.send("unfilter") }))));
  return state.view === "timeline" ? timeline(state, one, page) : list(state, one, page);
}

function list(state, one, page) {
  const lay = place(state, one, page);
  const [first, last] = windowOf(state, one, lay);
  const pixels = lay.view === "table" ? THUMB : Math.min(512, Math.max(THUMB, Math.round((lay.view === "strip" ? 196 : lay.side) * (window.devicePixelRatio || 1) / 32) * 32));
  setTimeout(() => { measure(page); ask(state, one, page, first, last, pixels); }, 0);
  const cart = new Map(state.cart.map((key, place) => [key, place + 1]));
  const shown = lay.view === "table" ? fitting(state, one.width) : [];
  const items = [];
  for (let n = first; n < last; n++) items.push((lay.view === "table" ? tableRow : card)(n, one.rows.get(n), { state, one, page, lay, shown, cart, pixels }));
  const isTable = lay.view === "table";
  reveal(state, one, page, lay);
  return el("div", {
    class: `scroll ${lay.view}`, "data-key": lay.view, tabindex: "0", role: isTable ? "grid" : "listbox", "aria-label": "Captures", "aria-multiselectable": "true", "aria-rowcount": isTable ? state.count + 1 : null, "aria-orientation": lay.view === "strip" ? "horizontal" : null,
    "aria-activedescendant": one.row >= first && one.row < last ? `${one.prefix}-${one.row}` : null, style: isTable ? `--cols:${widths(shown)};--least:${least(shown)}px` : null,
    onscroll: (event) => { one.at = { top: event.currentTarget.scrollTop, left: event.currentTarget.scrollLeft }; schedule(page); },
    onkeydown: keys(page, lay), onmousemove: hover(page), onclick: click(page),
  },
    isTable ? header(state, shown, page) : null,
    el("div", { class: "space", role: isTable ? "rowgroup" : "presentation", style: lay.across ? `width:${lay.size}px` : `height:${lay.size - (isTable ? HEAD : 0)}px` }, items));
}

function hover(page) {
  return (event) => {
    // also sent when the page scrolls below a pointer at rest
    const at = `${event.screenX} ${event.screenY}`;
    const before = page.local.pointer;
    page.local.pointer = at;
    if (before === undefined || before === at) return;
    const row = event.target.closest("[data-n]");
    if (row) look(page, +row.dataset.n);
  };
}

function click(page) {
  return (event) => {
    const row = event.target.closest("[data-n]");
    if (!row) return;
    const one = page.local;
    look(page, +row.dataset.n);
    if (event.target.closest(".tick")) page.send("tick", here(one));
    event.currentTarget.focus({ preventScroll: true });
  };
}

function reveal(state, one, page, lay) {
  if (!one.reveal) return;
  const how = one.reveal;
  one.reveal = false;
  requestAnimationFrame(() => {
    const node = page.node.querySelector(".scroll");
    if (!node || !one.height) return;
    if (one.row < 0) { if (how === "top") { node.scrollTop = 0; node.scrollLeft = 0; } return; }
    const head = lay.view === "table" ? HEAD : 0;
    const from = Math.floor(one.row / lay.columns) * lay.span;
    const [at, room] = lay.across ? [node.scrollLeft, node.clientWidth] : [node.scrollTop, node.clientHeight - head];
    let to = at;
    if (how === "top") to = Math.max(0, from - (room - lay.span) / 2);
    else if (from < at) to = from;
    else if (from + lay.span > at + room) to = from + lay.span - room + (lay.across ? GAP : 0);
    if (to !== at) { if (lay.across) node.scrollLeft = to; else node.scrollTop = to; }
  });
}

// ── table ───────────────────────────────────────────────────────────────────
const FIXED = [["tick", 32], ["th", 42]];
const MARK = 96;

// a narrow table leaves out the columns of the highest rank
function fitting(state, width) {
  let left = (width || 1200) - FIXED.reduce((sum, [, size]) => sum + size, 0) - MARK - 20;
  const kept = new Set();
  for (const column of [...state.columns].sort((a, b) => a.rank - b.rank)) if ((left -= column.width) >= 0 || column.rank < 2) kept.add(column.name);
  return state.columns.filter((column) => kept.has(column.name));
}

function widths(shown) {
  const found = FIXED.map(([, size]) => `${size}px`);
  for (const column of shown) found.push(column.look === "mono" ? `minmax(${column.width}px, 1fr) ${MARK}px` : `${column.width}px`);
  return found.join(" ");
}

const least = (shown) => FIXED.reduce((sum, [, size]) => sum + size, MARK + 20) + shown.reduce((sum, column) => sum + column.width, 0);

function header(state, shown, page) {
  const cell = (column) => {
    const isOn = state.sort[0] === column.name;
    const order = !isOn ? "none" : state.sort[1] ? "descending" : "ascending";
    const head = el("span", { role: "columnheader", "aria-sort": order, class: column.look === "num" ? "num" : "" }, el("button", { type: "button", class: isOn ? "on" : "", title: column.tip || null, onclick: () => page.send("sort", { name: column.name }) }, column.title, el("i", { "aria-hidden": "true" }, !isOn ? "" : state.sort[1] ? " ↓" : " ↑")));
    return column.look === "mono" ? [head, el("span", { role: "columnheader" }, el("span", { class: "sr" }, "Marks"))] : head;
  };
  return el("div", { class: "h", role: "row", "aria-rowindex": "1" }, el("span", { role: "columnheader" }, el("span", { class: "sr" }, "In the cart")), el("span", { role: "columnheader" }, el("span", { class: "sr" }, "Picture")), shown.map(cell));
}

const tick = (isOn) => el("span", { class: isOn ? "tick on" : "tick", "aria-hidden": "true", title: isOn ? "Take out of the cart (Space)" : "Add to the cart (Space)" }, icon("check"));

function picture(one, row, pixels, name) {
  const url = row ? one.urls.get(`${pixels} ${row.key}`) : undefined;
  return el("span", { class: `${name} ${url === undefined ? "waits" : url ? "" : "none"}`, style: url ? `background-image:url(${url})` : null, "aria-hidden": "true" });
}

function marks(row, number) {
  return [
    number ? el("span", { class: "pill cart", title: "Its number in the cart" }, String(number)) : null,
    row.owned ? el("span", { class: "pill own", title: "Our organization owns this capture's part of the area" }, el("i", { class: "sw" }), row.owned) : null,
    row.mark ? el("span", { class: "pill blue" }, row.mark) : null,
  ];
}

function tableRow(n, row, { state, one, lay, shown, cart, pixels }) {
  const number = row ? cart.get(row.key) : undefined;
  const isIn = Boolean(number || row?.ticked);
  const common = { class: `r ${isIn ? "cart" : ""} ${n === one.row ? "cur" : ""}`, "data-key": n, "data-n": n, id: `${one.prefix}-${n}`, role: "row", "aria-rowindex": n + 2, "aria-selected": String(isIn), style: lay.at(n) };
  if (!row) return el("div", { ...common, class: `${common.class} blankrow` }, ["i", "i", "i", "i"].map((name) => el(name, { role: "gridcell" })));
  const cell = (column) => {
    const text = row.cells[column.name] ?? "";
    if (column.look === "bar") return el("span", { class: "cl", role: "gridcell" }, row.cloud && text ? el("i", {}, el("b", { style: `width:${100 * row.cloud[0]}%;background:var(--sc-cloud-${row.cloud[1]})` })) : el("i", { class: "no" }), el("span", { class: "num" }, text || "–"));
    if (column.look === "mono") return [el("span", { class: "id", role: "gridcell", title: text }, el("span", { class: "mono" }, text)), el("span", { class: "mk", role: "gridcell" }, marks(row, number))];
    return el("span", { class: column.look === "num" ? "num" : "cutoff", role: "gridcell", title: column.look === "num" ? null : text }, text || "–");
  };
  return el("div", common, el("span", { role: "gridcell" }, tick(isIn), el("span", { class: "sr" }, isIn ? "in the cart" : "not in the cart")), el("span", { role: "gridcell", class: "thc" }, picture(one, row, pixels, "th")), shown.map(cell));
}

// ── gallery and strip ───────────────────────────────────────────────────────
function card(n, row, { state, one, lay, cart, pixels }) {
  const isStrip = lay.view === "strip";
  const number = row ? cart.get(row.key) : undefined;
  const isIn = Boolean(number || row?.ticked);
  const common = { class: `cell ${isIn ? "cart" : ""} ${n === one.row ? "cur" : ""}`, "data-key": n, "data-n": n, id: `${one.prefix}-${n}`, role: "option", "aria-selected": String(isIn), "aria-posinset": n + 1, "aria-setsize": state.count, style: lay.at(n) };
  if (!row) return el("div", common, el("div", { class: "p waits", style: isStrip ? null : `height:${lay.side}px` }), el("div", { class: "l" }, el("b", {}, " ")));
  const cells = row.cells;
  const price = cells["aoi:price_aud"];
  const cloud = cells["aoi:cloud_cover"] ?? cells["eo:cloud_cover"];
  const money = price ? (isStrip ? `A$ ${price}` : price) : "";
  return el("div", { ...common, title: row.id },
    el("div", { class: "p", style: isStrip ? null : `height:${lay.side}px` }, picture(one, row, pixels, "pp"), tick(isIn), row.owned ? el("span", { class: "own" }, marks(row, 0)) : number ? el("span", { class: "own" }, marks({}, number)) : null),
    el("div", { class: "l" }, el("b", {}, row.day), el("span", {}, money)),
    isStrip ? el("span", { class: "mono" }, broken(row.id)) : null,
    el("div", { class: "l" }, el("span", {}, cloud ? `${cloud} % cloud` : ""), el("span", {}, cells["view:off_nadir"] ?? "")));
}

// an id breaks after an underscore
const broken = (id) => id.split(/(?<=_)/).flatMap((part, place) => (place ? [el("wbr"), part] : [part]));

// ── timeline ────────────────────────────────────────────────────────────────
function timeline(state, one, page) {
  const { points, bars, first, last, ticks, untimed } = state.timeline ?? { points: [], bars: [], first: 0, last: 1, ticks: [], untimed: 0 };
  const x = (day) => `${(100 * (day - first)) / (last - first)}%`;
  const top = Math.max(25, ...points.map(([, , cloud]) => cloud ?? 0));
  const y = (cloud) => `${8 + (82 * (cloud ?? 0)) / top}%`;
  const most = Math.max(1, ...bars.map(([, , count]) => count));
  const cart = new Set(state.cart);
  const lay = { columns: 1, span: 40, across: true };
  setTimeout(() => measure(page), 0);
  return el("div", { class: "scroll timeline", "data-key": "timeline", tabindex: "0", role: "group", "aria-label": "Captures over time: left and right walk, space puts into the cart", onkeydown: keys(page, lay),
    onmousemove: (event) => { const dot = event.target.closest("[data-dot]"); if (dot) lookAtKey(page, +dot.dataset.dot); },
    onclick: (event) => { const dot = event.target.closest("[data-dot]"); if (!dot) return; lookAtKey(page, +dot.dataset.dot); page.send("tick", here(one)); } },
    el("div", { class: "axis" }, el("span", { class: "q up" }, bars.length ? "captures" : "cloudier ↑"),
      bars.map(([day, days, count]) => el("i", { class: "bar1", title: plural(count), style: `left:${x(day)};width:calc(${(100 * days) / (last - first)}% - 1px);height:${Math.max(2, 80 * Math.sqrt(count / most))}%` })),
      points.map(([key, day, cloud, step]) => el("i", { class: `dot ${key === one.key ? "cur" : ""} ${cart.has(key) ? "cart" : ""}`, "data-key": key, "data-dot": key, style: `left:${x(day)};bottom:${y(cloud)};background:${step < 0 ? "var(--sc-bar)" : `var(--sc-cloud-${step})`}` }))),
    el("div", { class: "days" }, ticks.map(([day, text]) => el("span", { style: `left:${x(day)}` }, text))),
    el("p", { class: "q note1" }, [bars.length ? "Bar height: square root of the count." : "Click a dot to put it into the cart.", untimed ? `${plural(untimed)} without a time.` : ""].filter(Boolean).join(" ")));
}

// ── what opens over the list ────────────────────────────────────────────────
function popover(state, one, page) {
  const close = () => { one.open = null; page.redraw(); page.node.querySelector(".scroll")?.focus({ preventScroll: true }); };
  const frame = (title, ...children) => el("div", { class: `card pop ${one.open}`, role: "dialog", "aria-label": title, "data-key": `pop ${one.open}`, onkeydown: (event) => { if (event.key === "Escape") { close(); event.stopPropagation(); } } }, el("h3", {}, title, iconButton("Close", "x", { onclick: close })), children);
  if (one.open === "code") return frame("Copy as code", el("textarea", { readonly: true, rows: "12", spellcheck: "false", "aria-label": "Python code", value: one.code }), el("p", { class: "q", role: "status" }, one.copied ? "Copied. Paste it into a cell: it runs by itself." : "Select it and copy it: the browser did not allow it here."));
  if (one.open === "sort") return frame("Sort by", el("div", { class: "picks" }, state.orders.map(([name, descending, words]) => el("button", { type: "button", class: "pick", "aria-pressed": String(state.sort[0] === name && state.sort[1] === descending), onclick: () => { page.send("sort", { name, descending }); close(); } }, words))));
  return frame("Columns", el("div", { class: "picks" }, state.all_columns.map((column) => el("label", { class: "pick", title: column.tip || null }, el("input", { type: "checkbox", checked: column.shown, disabled: column.name === "id", onchange: (event) => page.send("columns", { name: column.name, shown: event.target.checked }) }), column.title))), button("The usual ones", { kind: "flat", onclick: () => page.send("columns", { name: null }) }));
}

// of the list: the part itself may have no box of its own
function measure(page) {
  const one = page.local;
  const node = page.node.querySelector(".scroll");
  if (!node) return;
  if (one.observed !== node) { one.observer?.disconnect(); one.observer?.observe(node); one.observed = node; }
  const [width, height] = [node.clientWidth, node.clientHeight];
  if (one.width === width && one.height === height) return;
  if (one.width !== width) one.reveal = one.reveal || true;
  one.width = width;
  one.height = height;
  schedule(page);
}

function ready(page) {
  page.local.observer = new ResizeObserver(() => measure(page));
  requestAnimationFrame(() => measure(page));
  page.receive((content, buffers) => receive(page, content, buffers));
  page.subscribe("current", ({ row: key, from }) => {
    const one = own(page.state(), page);
    if (from === "results" || one.key === key) return;
    one.key = key;
    one.row = [...one.rows].find(([, row]) => row.key === key)?.[0] ?? -1;
    one.reveal = true;
    schedule(page);
  });
  return () => {
    page.local.observer.disconnect();
    clearTimeout(page.local.timer);
    clearTimeout(page.local.sendTimer);
    cancelAnimationFrame(page.local.frame);
    forget(page.local);
  };
}

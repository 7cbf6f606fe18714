// What lies on the Leaflet map of ipyleaflet: footprints, the area, the picture of the current capture, tools, prompt and legend.
// Footprints are drawn here on a canvas, from numbers that Python sends once, so that hovering does not wait for the kernel.
const NEAR = 6; // pixels between the pointer and an outline
const WAIT = 140; // before Python is sent the current capture
const PART = "map";
const KEPT = new Set(["area", "search-view"]);

class Overlay extends Canvas {
  constructor(page, map) {
    super(page, map);
    this.events = { move: () => this.drawAll(), zoomend: () => this.drawAll(), viewreset: () => this.drawAll(), resize: () => this.drawAll(), zoomanim: (event) => this.animate(event), moveend: () => this.moved() };
    map.on(this.events);
    map.doubleClickZoom?.disable();
    const container = map.getContainer();
    this.listeners = { pointermove: (event) => this.pointerMoved(event), pointerdown: (event) => this.pressed(event), pointerup: (event) => this.released(event), click: (event) => this.clicked(event), dblclick: (event) => this.doubleClicked(event), pointerleave: () => this.left() };
    for (const [type, handler] of Object.entries(this.listeners)) container.addEventListener(type, handler, type === "pointerdown");
    map.invalidateSize({ pan: false });
    this.drawAll();
    this.watchTiles();
    this.moved();
  }
  detach() {
    this.map.off(this.events);
    const container = this.map.getContainer();
    for (const [type, handler] of Object.entries(this.listeners)) container.removeEventListener(type, handler, type === "pointerdown");
    for (const canvas of this.canvases) canvas.remove();
    this.image?.remove();
    this.page.local.swipe?.remove();
  }

  // ── hovering, clicking ──
  under(event) {
    const point = this.map.mouseEventToContainerPoint(event);
    const frame = this.frame();
    const [x, y] = [(point.x - frame.x0) / frame.kx, (frame.y0 - point.y) / frame.ky];
    const size = this.map.getSize();
    const found = [];
    for (const [one, shift] of this.isDense ? [] : this.inView(frame, size)) {
      const [dx, dy] = [NEAR / frame.kx, NEAR / frame.ky];
      if (x - shift < one.west - dx || x - shift > one.east + dx || y < one.south - dy || y > one.north + dy) continue;
      found.push({ row: one.row, area: one.area, inside: isInside(one, x - shift, y), away: distance(one, x - shift, y, frame.kx, frame.ky) });
    }
    return found;
  }
  pointerMoved(event) {
    if (this.tool) { this.sketchTo(event); return; }
    if (event.buttons || event.target.closest?.(".sc-part")) return;
    const near = this.under(event).filter((one) => one.away <= NEAR).sort((a, b) => a.away - b.away)[0];
    this.map.getContainer().style.cursor = near ? "pointer" : "";
    if (near && near.row !== this.page.local.current) this.setCurrent(near.row);
  }
  left() { this.map.getContainer().style.cursor = ""; }
  clicked(event) {
    if (this.tool || this.wasDragged(event) || event.target.closest?.(".sc-part")) return;
    const stack = this.under(event).filter((one) => one.inside || one.away <= NEAR).sort((a, b) => a.area - b.area).map((one) => one.row);
    if (!stack.length) return;
    // further clicks at the same place step through the overlapping captures
    const at = stack.indexOf(this.page.local.current);
    this.setCurrent(stack[(at + 1) % stack.length]);
    this.page.send("stack", { rows: stack.slice(0, 50) });
  }
  wasDragged(event) { return this.down && Math.hypot(event.clientX - this.down[0], event.clientY - this.down[1]) > 5; }
  setCurrent(row) { showCurrent(this.page, row); this.page.publish("current", { row, from: "map" }); clearTimeout(this.timer); this.timer = setTimeout(() => this.page.send("current", { row }), WAIT); }

  // ── drawing an area ──
  useTool(name) {
    this.tool = this.tool === name ? null : name;
    this.sketch = [];
    this.pointer = null;
    if (this.tool) this.map.dragging.disable(); else this.map.dragging.enable();
    this.map.getContainer().classList.toggle("sc-drawing", Boolean(this.tool));
    this.page.local.tool = this.tool;
    this.page.redraw();
    this.drawTop();
  }
  pressed(event) {
    this.down = [event.clientX, event.clientY];
    if (this.tool !== "box" || event.target.closest?.(".sc-part")) return;
    event.preventDefault();
    const point = this.map.mouseEventToContainerPoint(event);
    if (!this.sketch.length) this.sketch = [point];
    this.map.getContainer().setPointerCapture?.(event.pointerId);
  }
  sketchTo(event) { this.pointer = this.map.mouseEventToContainerPoint(event); if (this.sketch.length) this.drawTop(); }
  released(event) {
    if (this.tool !== "box" || !this.sketch.length) return;
    const point = this.map.mouseEventToContainerPoint(event);
    if (Math.abs(point.x - this.sketch[0].x) < 4 || Math.abs(point.y - this.sketch[0].y) < 4) return;
    const [west, north] = this.lonLat([Math.min(point.x, this.sketch[0].x), Math.min(point.y, this.sketch[0].y)]);
    const [east, south] = this.lonLat([Math.max(point.x, this.sketch[0].x), Math.max(point.y, this.sketch[0].y)]);
    this.finish([[west, south], [east, south], [east, north], [west, north]]);
  }
  doubleClicked(event) { if (this.tool === "draw") { event.preventDefault(); this.close(); } }
  close() {
    const corners = this.sketch.filter((point, number) => !number || Math.hypot(point.x - this.sketch[number - 1].x, point.y - this.sketch[number - 1].y) > 3).map((point) => this.lonLat(point));
    if (corners.length >= 3) this.finish(corners);
  }
  drawClick(event) {
    if (this.tool !== "draw" || event.target.closest?.(".sc-part")) return;
    const point = this.map.mouseEventToContainerPoint(event);
    if (this.sketch.length >= 3 && Math.hypot(point.x - this.sketch[0].x, point.y - this.sketch[0].y) < 10) { this.close(); return; }
    this.sketch.push(point);
    this.drawTop();
  }
  finish(corners) {
    this.page.local.area = [ringOf(corners)];
    this.useTool(this.tool);
    this.page.send("area", { corners });
  }
  drawSketch(context) {
    if (!this.tool || !this.sketch?.length) return;
    const last = this.pointer ?? this.sketch.at(-1);
    const [first] = this.sketch;
    const corners = this.tool === "box" ? [first, { x: last.x, y: first.y }, last, { x: first.x, y: last.y }] : [...this.sketch, last];
    context.beginPath();
    corners.forEach((point, number) => (number ? context.lineTo(point.x, point.y) : context.moveTo(point.x, point.y)));
    context.closePath();
    context.fillStyle = this.color("--sc-accent");
    context.globalAlpha = 0.12;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = this.color("--sc-aoi-case");
    context.lineWidth = 4;
    context.stroke();
    context.strokeStyle = this.color("--sc-accent");
    context.lineWidth = 2;
    context.stroke();
    if (this.tool === "draw") for (const point of this.sketch) { context.beginPath(); context.arc(point.x, point.y, 4, 0, 2 * Math.PI); context.fillStyle = "#fff"; context.fill(); context.stroke(); }
  }

  // ── the view, and base maps that do not arrive ──
  moved() {
    const bounds = this.map.getBounds();
    clearTimeout(this.viewTimer);
    this.viewTimer = setTimeout(() => this.page.send("view", { bounds: [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()], zoom: this.map.getZoom() }), 200);
  }
  fit([west, south, east, north]) {
    const size = this.map.getSize();
    if (!size.x) return;
    this.map.fitBounds([[south, west], [north, east]], { paddingTopLeft: [size.x > 700 ? 60 : 30, 24], paddingBottomRight: [30, 24], animate: false, maxZoom: 16 });
  }
  watchTiles() {
    let [arrived, failed] = [0, 0];
    this.hasTiles = false;
    this.map.eachLayer((layer) => {
      if (!layer.getTileUrl) return;
      const load = () => { arrived += 1; if (!this.hasTiles) { this.hasTiles = true; this.root.parentElement?.classList.add("has-tiles"); this.drawLand(); } };
      const fail = () => {
        failed += 1;
        if (failed < 3 || arrived || this.page.local.noTiles) return;
        this.page.local.noTiles = true;
        layer.remove();
        this.page.redraw();
      };
      layer.on("tileload", load).on("tileerror", fail);
      // the first ones may have been answered before this part found the map
      const known = Object.values(layer._tiles ?? {}).filter((tile) => tile.loaded).map((tile) => tile.el.naturalWidth > 0);
      known.forEach((isThere) => (isThere ? load() : fail()));
    });
  }
}

function showCurrent(page, row) {
  if (page.local.current === row) return;
  page.local.current = row;
  page.local.overlay?.drawTop();
  if (page.state().stack?.length) { page.redraw(); page.node.querySelector('.stack [aria-current="true"]')?.scrollIntoView({ block: "nearest" }); }
  askPicture(page);
}

function askPicture(page) {
  const { current: row, overlay, pictures } = page.local;
  page.local.swipe?.update();
  if (!overlay || !page.state().pictures || page.state().compare) { if (page.state().compare) overlay?.showPicture(null); return; }
  if (row === null || row === undefined) { page.local.picture = null; overlay.showPicture(null); return; }
  const found = pictures.get(row);
  page.local.picture = found ?? page.local.picture;
  // the earlier picture stays until the next one has arrived
  if (found) { overlay.showPicture(found); return; }
  clearTimeout(page.local.asking);
  page.local.asking = setTimeout(() => page.send("picture", { row }), 60);
}

function legend(state, page) {
  if (!state.legend || state.prompt || state.compare || (state.hide && !state.legend.delivered)) return null;
  const { title, ends, delivered } = state.legend;
  if (delivered) return el("div", { class: "over bl", "data-key": "legend" }, el("div", { class: "card legend" }, el("b", {}, title), el("span", { class: "q names" }, delivered)));
  return el("div", { class: "over bl", "data-key": "legend" }, el("div", { class: "card legend" },
    el("div", {}, title),
    ends ? el("div", {}, el("div", { class: "scale" }, [0, 1, 2, 3, 4].map((one) => el("i", { style: `background:var(--sc-${state.scale ?? "cloud"}-${one})` }))), el("div", { class: "ends" }, ends.map((one) => el("span", {}, one)))) : null,
    el("div", { class: "keys" },
      el("svg", { width: 18, height: 12 }, el("rect", { x: 2.5, y: 3.5, width: 13, height: 5, fill: "none", stroke: "#39434b", "stroke-width": 5 }), el("rect", { x: 2.5, y: 3.5, width: 13, height: 5, fill: "none", stroke: "#fff", "stroke-width": 2 })), el("span", {}, "current"),
      el("svg", { width: 18, height: 14 }, el("circle", { cx: 9, cy: 7, r: 6.5, fill: "var(--sc-cart)" }), el("text", { x: 9, y: 10.2, "font-size": 9, "font-weight": 700, "text-anchor": "middle", fill: "var(--sc-surface)" }, "1")), el("span", {}, "in cart"),
      el("svg", { width: 18, height: 10 }, el("rect", { x: 1, y: 1, width: 16, height: 8, fill: "none", stroke: "var(--sc-text)", "stroke-width": 1.5, "stroke-dasharray": "3 2" })), el("span", {}, "my area"),
      el("span", { class: "sw wide" }), el("span", {}, "owned"))));
}

// the captures that overlap where somebody clicked
function stack(state, send, page) {
  if (!state.stack?.length || state.compare || state.hide) return null;
  const look = (row) => { page.local.overlay?.setCurrent(row); page.redraw(); };
  return el("section", { class: "card stack", "aria-label": "Captures at this place", "data-key": "stack" },
    el("h3", {}, `${state.stack.length} captures here`, iconButton("Close this list", "x", { onclick: () => send("unstack") })),
    state.stack.map((one) => el("button", { type: "button", class: "line", "data-key": String(one.row), "aria-current": String(one.row === page.local.current), onclick: () => look(one.row) }, el("span", {}, one.day), el("span", {}, one.cloud))));
}

function draw(state, send, page) {
  const overlay = page.local.overlay;
  const zoom = (by) => overlay?.map.setZoom(overlay.map.getZoom() + by);
  const tool = (name) => overlay?.useTool(name);
  const pressed = (name) => ({ "aria-pressed": String(page.local.tool === name), kind: page.local.tool === name ? "on" : "" });
  const colours = state.colours ?? [];
  return [
    state.searching ? el("div", { class: "busy", "data-key": "busy", role: "progressbar", "aria-label": "Searching" }, el("i")) : null,
    el("div", { class: "over tl", "data-key": "tools" },
      el("div", { class: "tool" }, iconButton("Zoom in", "plus", { kind: "", onclick: () => zoom(1) }), iconButton("Zoom out", "minus", { kind: "", onclick: () => zoom(-1) })),
      el("div", { class: "tool" },
        iconButton("Draw an area (D)", "draw", { ...pressed("draw"), onclick: () => tool("draw") }), iconButton("Drag a box (B)", "box", { ...pressed("box"), onclick: () => tool("box") }),
        iconButton("Fit to the area (F)", "fit", { kind: "", onclick: () => fitArea(page) }))),
    page.local.tool ? el("div", { class: "over tc", "data-key": "hint" }, el("div", { class: "card tip", role: "status" }, page.local.tool === "box" ? "Drag a box. Esc ends it." : "Click the corners, double-click the last one. Esc ends it.")) : null,
    swiped(state, send, page),
    state.hide && !state.compare ? el("div", { class: "over tr", "data-key": "stop" }, el("div", { class: "tool h" }, button("Back to the captures", { icon: "x", onclick: () => send("stop") }))) : null,
    state.compare || state.prompt || state.hide ? null : el("div", { class: "over tr", "data-key": "right" }, el("div", { class: "tool h" },
      el("button", { type: "button", class: `btn ${state.pictures ? "on" : ""}`, "aria-pressed": String(Boolean(state.pictures)), title: "Show pictures on the map (P)", "aria-label": "Pictures", onclick: () => send("pictures", { on: !state.pictures }) }, icon("pic"), el("span", { class: "t" }, "Pictures")),
      colours.length > 1 ? el("label", { class: "btn pick hide-s" }, icon("down"), el("span", {}, `Colour: ${colours.find((one) => one.name === state.colour)?.title ?? "none"}`),
        el("select", { "aria-label": "Colour by", value: state.colour, onchange: (event) => send("colour", { name: event.target.value }) }, colours.map((one) => el("option", { value: one.name }, one.title)))) : null)),
    legend(state, page),
    stack(state, send, page),
    state.prompt ? el("div", { class: "card prompt", "data-key": "prompt" },
      el("h2", {}, "Where do you want to look?"), el("p", { class: "q" }, "Move the map and search what you see, or draw an area."),
      el("div", { class: "row" }, button("Search this view", { icon: "search", kind: "main", onclick: () => send("search-view", { bounds: viewBounds(overlay) }) }), button("Draw an area", { icon: "draw", kind: "big", onclick: () => tool("draw") }))) : null,
    page.local.noTiles && !state.prompt && !state.compare ? el("div", { class: "over bc", "data-key": "notiles" }, el("div", { class: "card tip", role: "status" }, "The base map cannot be loaded. Captures are still shown.", iconButton("Close this note", "x", { onclick: () => { page.local.noTiles = false; page.redraw(); } }))) : null,
    state.compare ? null : el("div", { class: "over br", "data-key": "scale" },
      state.credit && !page.local.noTiles && overlay?.hasTiles ? el("span", { class: "credit" }, state.credit) : null,
      el("div", { class: "scalebar" }, el("span"), el("i"))),
  ];
}

// what is seen beside the tools: the outline of the area stays in sight
function viewBounds(overlay) {
  if (!overlay) return null;
  const size = overlay.map.getSize();
  const margin = size.x > 700 ? 64 : 16;
  const [west, north] = overlay.lonLat([margin, 20]);
  const [east, south] = overlay.lonLat([size.x - margin, size.y - 20]);
  return [west, south, east, north];
}

function fitArea(page) {
  const { overlay, area, shapes } = page.local;
  if (!overlay) return;
  const rings = area?.map((ring) => boxOf(ring)) ?? shapes.rings.filter((one) => shapes.kept(one.row)).map((one) => [one.west, one.south, one.east, one.north]);
  if (!rings.length) return;
  const [west, south, east, north] = rings.reduce((a, b) => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])]);
  const latitude = (y) => (Math.atan(Math.sinh(y)) * 180) / Math.PI;
  overlay.fit([west, latitude(south), east, latitude(north)]);
}

function receive(page, content, buffers) {
  const { shapes, overlay } = page.local;
  if (content.kind === "shapes") { shapes.add(content.start, new Uint32Array(plain(buffers[0])), new Uint32Array(plain(buffers[1])), new Float32Array(plain(buffers[2]))); overlay?.drawAll(); if (content.start === 0) { page.local.pictures.forEach((one) => URL.revokeObjectURL(one.url)); page.local.pictures.clear(); page.local.current = null; overlay?.showPicture(null); } }
  else if (content.kind === "rows") { shapes.keep = new Uint8Array(plain(buffers[0])); shapes.cls = new Uint8Array(plain(buffers[1])); shapes.owned = new Uint8Array(plain(buffers[2])); overlay?.drawOutlines(); overlay?.drawTop(); }
  else if (content.kind === "area") { page.local.area = buffers.length ? ringsOf(buffers) : null; if (content.fit) fitArea(page); overlay?.drawAll(); }
  else if (content.kind === "hatch") { page.local.hatch = buffers.length ? ringsOf(buffers) : null; overlay?.drawTop(); }
  else if (content.kind === "land") page.local.land = { rings: ringsOf(buffers).map((ring) => { const [west, south, east, north] = boxOf(ring); return { ring, west, south, east, north }; }), places: content.places };
  else if (content.kind === "fit") overlay?.fit(content.bounds);
  else if (content.kind === "current") showCurrent(page, content.row);
  else if (content.kind === "picture") {
    page.local.pictures.set(content.row, buffers.length ? { url: URL.createObjectURL(new Blob([buffers[0]], { type: "image/webp" })), bounds: content.bounds } : { url: "", bounds: null });
    if (content.row === page.local.current) askPicture(page);
    if (page.state().compare) { page.local.swipe?.update(); page.redraw(); }
  }
  if (content.kind === "land") { overlay?.drawLand(); page.publish("places", [...new Set(content.places.map(([name]) => name))]); }
}

function ready(page) {
  Object.assign(page.local, { shapes: new Shapes(), pictures: new Map(), current: null, area: null });
  page.receive((content, buffers) => receive(page, content, buffers));
  page.subscribe("current", ({ row, from }) => { if (from !== "map") showCurrent(page, row); });
  page.subscribe("area-tool", ({ tool }) => { if (tool === "fit") fitArea(page); else page.local.overlay?.useTool(tool); });
  // ipyleaflet's map is displayed after this part: it can be used once it has a size
  const find = async () => {
    const widget = await page.model.widget_manager.get_model(page.state().map).catch(() => null);
    const views = await Promise.all(Object.values(widget?.views ?? {}));
    const view = views.find((one) => page.node.parentElement?.contains(one.obj?.getContainer?.()));
    return view?.obj?.getSize?.().x ? view.obj : null;
  };
  const timer = setInterval(async () => {
    const map = await find();
    if (!map || page.local.overlay) return;
    clearInterval(timer);
    page.local.overlay = new Overlay(page, map);
    page.local.swipe = new Swipe(page, page.local.overlay);
    page.local.overlay.map.getContainer().addEventListener("click", (event) => page.local.overlay.drawClick(event));
    page.redraw();
    page.local.overlay.drawAll();
    page.send("attached");
  }, 50);
  const keys = (event) => {
    if (event.target.closest?.("input, textarea, select, [contenteditable=true]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const overlay = page.local.overlay;
    const key = event.key.toLowerCase();
    if (key === "d") overlay?.useTool("draw");
    else if (key === "b") overlay?.useTool("box");
    else if (key === "f") fitArea(page);
    else if (key === "p") page.send("pictures", { on: !page.state().pictures });
    else if (key === "escape" && page.state().compare) page.send("done");
    else if (key === "s" && page.state().compare) swap(page);
    else if (key === "escape" && page.local.tool) overlay.useTool(page.local.tool);
    else if (key === "enter" && page.local.tool === "draw") overlay.close();
    else return;
    event.preventDefault();
  };
  let place = null;
  requestAnimationFrame(() => { const bench = page.node.closest(".sc-bench"); place = bench?.classList.contains("sc-full") ? document : bench; place?.addEventListener("keydown", keys); });
  // colours come from the theme of the page
  const themes = new MutationObserver(() => page.local.overlay?.drawAll());
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const redraw = () => page.local.overlay?.drawAll();
  scheme.addEventListener("change", redraw);
  page.model.on("change:state", redraw);
  page.model.on("change:state", () => {
    const isCompared = Boolean(page.state().compare);
    // the keys move the line at once
    if (isCompared && !page.local.isCompared) { page.local.at = 50; page.node.querySelector(".swipe")?.focus({ preventScroll: true }); }
    page.local.isCompared = isCompared;
    showDates(page);
    askPicture(page);
  });
  const resized = new ResizeObserver(() => page.local.overlay?.map.invalidateSize({ pan: false }));
  resized.observe(page.node);
  return () => { clearInterval(timer); themes.disconnect(); resized.disconnect(); scheme.removeEventListener("change", redraw); place?.removeEventListener("keydown", keys); page.local.overlay?.detach(); };
}

// What lies on the Leaflet map of ipyleaflet: footprints, the area, the picture of the current capture, tools, prompt and legend.
// Footprints are drawn here on a canvas, from numbers that Python sends once: hovering and walking must not wait for the kernel.
const MOST_SHAPES = 4_000; // drawn one by one; more are shown as density
const NEAR = 6; // pixels between the pointer and an outline
const WAIT = 140; // before Python is told what is current
const PART = "map";
const KEPT = new Set(["area", "search-view"]);
const DASH = { area: [6, 4], owned: [7, 4] };

const mercator = (latitude) => Math.asinh(Math.tan((Math.max(-85.051, Math.min(85.051, latitude)) * Math.PI) / 180));

class Shapes {
  constructor() { this.clear(); }
  clear() { this.count = 0; this.rings = []; this.boxes = []; this.areas = []; this.keep = null; this.cls = null; this.owned = null; }
  // rings of rows, as numbers of corners and then their longitudes and latitudes
  add(start, owners, sizes, corners) {
    if (start === 0) this.clear();
    let at = 0;
    for (let number = 0; number < sizes.length; number++) {
      const size = sizes[number];
      const ring = new Float64Array(size * 2);
      let [west, south, east, north, area] = [Infinity, Infinity, -Infinity, -Infinity, 0];
      for (let corner = 0; corner < size; corner++) {
        const x = corners[2 * (at + corner)];
        const y = mercator(corners[2 * (at + corner) + 1]);
        ring[2 * corner] = x;
        ring[2 * corner + 1] = y;
        west = Math.min(west, x); east = Math.max(east, x); south = Math.min(south, y); north = Math.max(north, y);
      }
      for (let corner = 0, other = size - 1; corner < size; other = corner++) area += ring[2 * other] * ring[2 * corner + 1] - ring[2 * corner] * ring[2 * other + 1];
      this.rings.push({ row: owners[number], ring, west, south, east, north, area: Math.abs(area) });
      at += size;
    }
  }
  kept(row) { return !this.keep || this.keep[row] === 1; }
  of(row) { this.byRow ??= new Map(); if (this.byRow.size !== this.rings.length) { this.byRow = new Map(); for (const one of this.rings) { if (!this.byRow.has(one.row)) this.byRow.set(one.row, []); this.byRow.get(one.row).push(one); } } return this.byRow.get(row) ?? []; }
}

function isInside({ ring }, x, y) {
  let inside = false;
  for (let corner = 0, other = ring.length / 2 - 1; corner < ring.length / 2; other = corner++) {
    const [ax, ay, bx, by] = [ring[2 * corner], ring[2 * corner + 1], ring[2 * other], ring[2 * other + 1]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

function distance({ ring }, x, y, scaleX, scaleY) {
  let least = Infinity;
  for (let corner = 0, other = ring.length / 2 - 1; corner < ring.length / 2; other = corner++) {
    const [ax, ay] = [(ring[2 * other] - x) * scaleX, (ring[2 * other + 1] - y) * scaleY];
    const [bx, by] = [(ring[2 * corner] - x) * scaleX, (ring[2 * corner + 1] - y) * scaleY];
    const [dx, dy] = [bx - ax, by - ay];
    const along = Math.max(0, Math.min(1, -(ax * dx + ay * dy) / (dx * dx + dy * dy || 1)));
    least = Math.min(least, Math.hypot(ax + along * dx, ay + along * dy));
  }
  return least;
}

class Overlay {
  constructor(page, map) {
    this.page = page;
    this.map = map;
    this.root = page.node;
    const pane = (name, z) => { const made = map.getPane(name) ?? map.createPane(name); made.style.zIndex = z; made.style.pointerEvents = "none"; return made; };
    this.landPane = pane("sc-land", 150);
    this.picturePane = pane("sc-picture", 340);
    this.canvases = [this.canvas(this.landPane), this.canvas(pane("sc-outlines", 420)), this.canvas(pane("sc-top", 430))];
    this.events = { move: () => this.drawAll(), zoomend: () => this.drawAll(), viewreset: () => this.drawAll(), resize: () => this.drawAll(), zoomanim: (event) => this.animate(event), moveend: () => this.moved() };
    map.on(this.events);
    map.doubleClickZoom?.disable();
    const container = map.getContainer();
    this.listeners = { pointermove: (event) => this.pointerMoved(event), pointerdown: (event) => this.pressed(event), pointerup: (event) => this.released(event), click: (event) => this.clicked(event), dblclick: (event) => this.doubleClicked(event), pointerleave: () => this.left() };
    for (const [type, handler] of Object.entries(this.listeners)) container.addEventListener(type, handler, type === "pointerdown");
    this.watchTiles();
    map.invalidateSize({ pan: false });
    this.drawAll();
    this.moved();
  }
  detach() {
    this.map.off(this.events);
    const container = this.map.getContainer();
    for (const [type, handler] of Object.entries(this.listeners)) container.removeEventListener(type, handler, type === "pointerdown");
    for (const canvas of this.canvases) canvas.remove();
    this.image?.remove();
  }
  canvas(pane) { const made = el("canvas", { class: "leaflet-zoom-animated" }); pane.append(made); return made; }
  get shapes() { return this.page.local.shapes; }

  // ── places on the screen ──
  begin(canvas) {
    const size = this.map.getSize();
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(size.x * ratio), Math.round(size.y * ratio)];
    if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; canvas.style.width = `${size.x}px`; canvas.style.height = `${size.y}px`; }
    const corner = this.map.containerPointToLayerPoint([0, 0]);
    canvas.style.transform = `translate3d(${corner.x}px, ${corner.y}px, 0)`;
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, size.x, size.y);
    context.lineJoin = "round";
    return [context, size];
  }
  frame() {
    const world = 256 * 2 ** this.map.getZoom();
    const { min } = this.map.getPixelBounds();
    return { kx: world / 360, ky: world / (2 * Math.PI), x0: world / 2 - min.x, y0: world / 2 - min.y };
  }
  lonLat(point) { const { lng, lat } = this.map.containerPointToLatLng(point); return [lng, lat]; }
  animate({ zoom, center }) {
    const scale = this.map.getZoomScale(zoom);
    const corner = this.map._latLngToNewLayerPoint(this.map.containerPointToLatLng([0, 0]), zoom, center);
    for (const canvas of this.canvases) canvas.style.transform = `translate3d(${corner.x}px, ${corner.y}px, 0) scale(${scale})`;
    if (this.image) {
      const from = this.map._latLngToNewLayerPoint([this.imageBounds[1][0], this.imageBounds[0][1]], zoom, center);
      this.image.style.transform = `translate3d(${from.x}px, ${from.y}px, 0) scale(${scale})`;
    }
  }
  worlds(size, { kx, x0 }) {
    const first = Math.floor(((0 - x0) / kx + 180) / 360);
    const last = Math.floor(((size.x - x0) / kx + 180) / 360);
    return Array.from({ length: Math.min(5, last - first + 2) }, (_, number) => first - 1 + number);
  }
  path(context, ring, { kx, ky, x0, y0 }, shift) {
    for (let corner = 0; corner < ring.length; corner += 2) {
      const [x, y] = [(ring[corner] + shift) * kx + x0, y0 - ring[corner + 1] * ky];
      if (corner) context.lineTo(x, y); else context.moveTo(x, y);
    }
    context.closePath();
  }
  inView(frame, size) {
    const found = [];
    for (const world of this.worlds(size, frame)) {
      const west = (0 - frame.x0) / frame.kx - world * 360, east = (size.x - frame.x0) / frame.kx - world * 360;
      const north = frame.y0 / frame.ky, south = (frame.y0 - size.y) / frame.ky;
      for (const one of this.shapes.rings) if (one.east >= west && one.west <= east && one.north >= south && one.south <= north && this.shapes.kept(one.row)) found.push([one, world * 360]);
    }
    return found;
  }
  color(name) { return this.colors[name] ??= getComputedStyle(this.root).getPropertyValue(name).trim(); }

  // ── drawing ──
  drawAll() { this.colors = {}; this.drawLand(); this.drawOutlines(); this.drawTop(); this.placePicture(); this.scaleBar(); }
  drawLand() {
    const [context, size] = this.begin(this.canvases[0]);
    const land = this.page.local.land;
    context.fillStyle = this.color("--sc-water");
    context.fillRect(0, 0, size.x, size.y);
    if (!land) return;
    const frame = this.frame();
    context.fillStyle = this.color("--sc-land");
    context.strokeStyle = this.color("--sc-coast");
    context.lineWidth = 0.8;
    for (const world of this.worlds(size, frame)) {
      const shift = world * 360;
      const west = -frame.x0 / frame.kx - shift, east = (size.x - frame.x0) / frame.kx - shift, north = frame.y0 / frame.ky, south = (frame.y0 - size.y) / frame.ky;
      context.beginPath();
      for (const one of land.rings) if (one.east >= west && one.west <= east && one.north >= south && one.south <= north) this.path(context, one.ring, frame, shift);
      context.fill("evenodd");
      context.stroke();
    }
    if (this.hasTiles) return;
    this.drawPlaces(context, size, frame, land.places);
  }
  drawPlaces(context, size, frame, places) {
    const zoom = this.map.getZoom();
    const taken = [];
    context.textAlign = "center";
    context.lineJoin = "round";
    const font = getComputedStyle(this.root).fontFamily;
    for (const [name, x, y, least] of places) {
      if (least > zoom + 1 || taken.length > 40) break;
      for (const world of this.worlds(size, frame)) {
        const [px, py] = [(x + world * 360) * frame.kx + frame.x0, frame.y0 - mercator(y) * frame.ky];
        if (px < 40 || px > size.x - 40 || py < 16 || py > size.y - 16) continue;
        if (taken.some(([ax, ay]) => Math.abs(ax - px) < 90 && Math.abs(ay - py) < 22)) continue;
        taken.push([px, py]);
        context.font = `500 12px ${font}`;
        context.strokeStyle = this.color("--sc-land");
        context.lineWidth = 3;
        context.strokeText(name, px, py);
        context.fillStyle = this.color("--sc-place");
        context.fillText(name, px, py);
      }
    }
  }
  drawOutlines() {
    const [context, size] = this.begin(this.canvases[1]);
    const state = this.page.state();
    if (state.hide) return;
    const frame = this.frame();
    const found = this.inView(frame, size);
    this.isDense = found.length > MOST_SHAPES;
    if (this.isDense) { this.drawDensity(context, size, frame, found); return; }
    const top = new Set([...(state.cart ?? []), this.page.local.current]);
    const filled = !this.page.local.picture && !state.pictures;
    context.globalAlpha = 0.8;
    for (let cls = 0; cls < 6; cls++) {
      context.beginPath();
      let any = false;
      for (const [one, shift] of found) {
        if ((this.shapes.cls?.[one.row] ?? 5) !== cls || top.has(one.row)) continue;
        any = true;
        this.path(context, one.ring, frame, shift);
      }
      if (!any) continue;
      const color = cls === 5 ? this.color("--sc-accent") : this.color(`--sc-${state.scale ?? "cloud"}-${cls}`);
      if (filled) { context.globalAlpha = 0.05; context.fillStyle = color; context.fill("nonzero"); context.globalAlpha = 0.8; }
      context.strokeStyle = color;
      context.lineWidth = 1.2;
      context.stroke();
    }
    context.globalAlpha = 1;
  }
  drawDensity(context, size, frame, found) {
    const cell = 22;
    const columns = Math.ceil(size.x / cell), counts = new Map();
    for (const [one, shift] of found) {
      const x = Math.floor((((one.west + one.east) / 2 + shift) * frame.kx + frame.x0) / cell), y = Math.floor((frame.y0 - ((one.south + one.north) / 2) * frame.ky) / cell);
      if (x >= 0 && y >= 0 && x < columns && y * cell < size.y) counts.set(y * columns + x, (counts.get(y * columns + x) ?? 0) + 1);
    }
    const most = Math.max(1, ...counts.values());
    context.fillStyle = this.color("--sc-accent");
    for (const [place, count] of counts) {
      context.globalAlpha = 0.1 + 0.6 * Math.sqrt(count / most);
      context.fillRect((place % columns) * cell + 1, Math.floor(place / columns) * cell + 1, cell - 2, cell - 2);
    }
    context.globalAlpha = 1;
  }
  cased(context, rings, frame, size, color, width, rim, dash) {
    context.beginPath();
    for (const world of this.worlds(size, frame)) for (const one of rings) this.path(context, one.ring ?? one, frame, world * 360);
    context.setLineDash([]);
    context.strokeStyle = this.color("--sc-case");
    context.lineWidth = width + rim;
    context.stroke();
    context.setLineDash(dash ?? []);
    context.strokeStyle = color;
    context.lineWidth = width;
    context.stroke();
    context.setLineDash([]);
  }
  drawTop() {
    const [context, size] = this.begin(this.canvases[2]);
    const state = this.page.state();
    const frame = this.frame();
    if (!state.hide) {
      if (state.hatch) this.hatch(context, frame, size);
      const cart = state.cart ?? [];
      for (const row of cart) if (row !== this.page.local.current) this.cased(context, this.shapes.of(row), frame, size, this.color(this.shapes.owned?.[row] ? "--sc-owned" : "--sc-cart"), 2.4, 2, this.shapes.owned?.[row] ? DASH.owned : null);
      const current = this.page.local.current;
      if (current !== null && current !== undefined && !state.compare) this.cased(context, this.shapes.of(current), frame, size, "#fff", 3, 3);
    }
    const area = this.page.local.area;
    if (area) {
      context.beginPath();
      for (const world of this.worlds(size, frame)) for (const ring of area) this.path(context, ring, frame, world * 360);
      context.strokeStyle = this.color("--sc-aoi-case");
      context.lineWidth = 4;
      context.stroke();
      context.setLineDash(DASH.area);
      context.strokeStyle = this.color("--sc-aoi");
      context.lineWidth = 1.8;
      context.stroke();
      context.setLineDash([]);
    }
    this.drawSketch(context);
    if (!state.hide) (state.cart ?? []).forEach((row, number) => this.drawNumber(context, size, frame, row, number));
  }
  hatch(context, frame, size) {
    const pattern = el("canvas", { width: 12, height: 12 });
    const lines = pattern.getContext("2d");
    lines.strokeStyle = this.color("--sc-owned");
    lines.lineWidth = 2;
    for (const shift of [-12, 0, 12]) { lines.beginPath(); lines.moveTo(shift, 12); lines.lineTo(shift + 12, 0); lines.stroke(); }
    context.save();
    context.beginPath();
    for (const world of this.worlds(size, frame)) for (const ring of this.page.local.hatch ?? []) this.path(context, ring, frame, world * 360);
    context.globalAlpha = 0.5;
    context.fillStyle = context.createPattern(pattern, "repeat");
    context.fill();
    context.restore();
  }
  drawNumber(context, size, frame, row, number) {
    // where the outline crosses a height that is free of the tools and of the other numbers
    const height = Math.max(76, Math.min(size.y - 90, 92 + number * 34));
    let best = null;
    for (const { ring } of this.shapes.of(row)) {
      for (const world of this.worlds(size, frame)) {
        for (let corner = 0, other = ring.length / 2 - 1; corner < ring.length / 2; other = corner++) {
          const [ax, ay] = [(ring[2 * other] + world * 360) * frame.kx + frame.x0, frame.y0 - ring[2 * other + 1] * frame.ky];
          const [bx, by] = [(ring[2 * corner] + world * 360) * frame.kx + frame.x0, frame.y0 - ring[2 * corner + 1] * frame.ky];
          if ((ay - height) * (by - height) >= 0) continue;
          const x = ax + ((height - ay) / (by - ay)) * (bx - ax);
          if (x > 60 && x < size.x - 24 && (best === null || x > best)) best = x;
        }
      }
    }
    if (best === null) return;
    context.beginPath();
    context.arc(best, height, 10, 0, 2 * Math.PI);
    context.fillStyle = this.color("--sc-surface");
    context.fill();
    context.beginPath();
    context.arc(best, height, 8, 0, 2 * Math.PI);
    context.fillStyle = this.color("--sc-cart");
    context.fill();
    context.fillStyle = this.color("--sc-surface");
    context.font = `700 11px ${getComputedStyle(this.root).fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(String(number + 1), best, height + 0.5);
    context.textBaseline = "alphabetic";
  }
  scaleBar() {
    const line = this.root.querySelector(".scalebar i");
    if (!line) return;
    const size = this.map.getSize();
    const metres = (40_075_017 * Math.cos((this.map.getCenter().lat * Math.PI) / 180)) / (256 * 2 ** this.map.getZoom());
    const most = metres * Math.min(120, size.x / 4);
    const power = 10 ** Math.floor(Math.log10(most));
    const shown = [5, 2, 1].map((factor) => factor * power).find((one) => one <= most) ?? power;
    line.style.width = `${shown / metres}px`;
    this.root.querySelector(".scalebar span").textContent = shown >= 1000 ? `${(shown / 1000).toLocaleString("en")} km` : `${shown} m`;
  }

  // ── the picture of the current capture ──
  placePicture() {
    if (!this.image) return;
    const [[south, west], [north, east]] = this.imageBounds;
    const from = this.map.latLngToLayerPoint([north, west]);
    const to = this.map.latLngToLayerPoint([south, east]);
    Object.assign(this.image.style, { transform: `translate3d(${from.x}px, ${from.y}px, 0)`, width: `${to.x - from.x}px`, height: `${to.y - from.y}px` });
  }
  showPicture(found) {
    const old = this.image;
    this.image = null;
    if (found?.url && this.page.state().pictures) {
      this.image = el("img", { alt: "", class: "leaflet-zoom-animated", src: found.url, style: "position:absolute;left:0;top:0;transform-origin:0 0;max-width:none" });
      this.imageBounds = found.bounds;
      this.picturePane.append(this.image);
      this.placePicture();
    }
    old?.remove();
    this.drawOutlines();
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
    // a click at the same place walks the stack of overlapping captures
    const at = stack.indexOf(this.page.local.current);
    this.setCurrent(stack[(at + 1) % stack.length]);
    this.page.send("stack", { rows: stack.slice(0, 50) });
  }
  wasDragged(event) { return this.down && Math.hypot(event.clientX - this.down[0], event.clientY - this.down[1]) > 5; }
  setCurrent(row) { showCurrent(this.page, row); this.page.share("current", { row, from: "map" }); clearTimeout(this.timer); this.timer = setTimeout(() => this.page.send("current", { row }), WAIT); }

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
      layer.on("tileload", () => { arrived += 1; if (!this.hasTiles) { this.hasTiles = true; this.root.parentElement?.classList.add("has-tiles"); this.drawLand(); } });
      layer.on("tileerror", () => {
        failed += 1;
        if (failed < 3 || arrived || this.page.local.noTiles) return;
        this.page.local.noTiles = true;
        layer.remove();
        this.page.redraw();
      });
    });
  }
}

function ringOf(corners) { const ring = new Float64Array(corners.length * 2); corners.forEach(([x, y], number) => { ring[2 * number] = x; ring[2 * number + 1] = mercator(y); }); return ring; }

function showCurrent(page, row) {
  if (page.local.current === row) return;
  page.local.current = row;
  page.local.overlay?.drawTop();
  askPicture(page);
}

function askPicture(page) {
  const { current: row, overlay, pictures } = page.local;
  if (!overlay || !page.state().pictures) return;
  if (row === null || row === undefined) { page.local.picture = null; overlay.showPicture(null); return; }
  const found = pictures.get(row);
  page.local.picture = found ?? page.local.picture;
  // the former picture stays until the next one is there
  if (found) { overlay.showPicture(found); return; }
  clearTimeout(page.local.asking);
  page.local.asking = setTimeout(() => page.send("picture", { row }), 60);
}

function legend(state, page) {
  if (!state.legend || state.prompt || state.compare || (state.hide && !state.legend.delivered)) return null;
  const { title, ends, delivered } = state.legend;
  if (delivered) return el("div", { class: "over bl", "data-key": "legend" }, el("div", { class: "card legend" }, el("b", {}, title), el("span", { class: "q" }, delivered)));
  return el("div", { class: "over bl", "data-key": "legend" }, el("div", { class: "card legend" },
    el("div", {}, title),
    ends ? el("div", {}, el("div", { class: "scale" }, [0, 1, 2, 3, 4].map((one) => el("i", { style: `background:var(--sc-${state.scale ?? "cloud"}-${one})` }))), el("div", { class: "ends" }, ends.map((one) => el("span", {}, one)))) : null,
    el("div", { class: "keys" },
      el("svg", { width: 18, height: 12 }, el("rect", { x: 2.5, y: 3.5, width: 13, height: 5, fill: "none", stroke: "#39434b", "stroke-width": 5 }), el("rect", { x: 2.5, y: 3.5, width: 13, height: 5, fill: "none", stroke: "#fff", "stroke-width": 2 })), el("span", {}, "current"),
      el("svg", { width: 18, height: 14 }, el("circle", { cx: 9, cy: 7, r: 6.5, fill: "var(--sc-cart)" }), el("text", { x: 9, y: 10.2, "font-size": 9, "font-weight": 700, "text-anchor": "middle", fill: "var(--sc-surface)" }, "1")), el("span", {}, "in cart"),
      el("svg", { width: 18, height: 10 }, el("rect", { x: 1, y: 1, width: 16, height: 8, fill: "none", stroke: "var(--sc-text)", "stroke-width": 1.5, "stroke-dasharray": "3 2" })), el("span", {}, "my area"),
      el("span", { class: "sw wide" }), el("span", {}, "owned"))));
}

function draw(state, send, page) {
  const overlay = page.local.overlay;
  const zoom = (by) => overlay?.map.setZoom(overlay.map.getZoom() + by);
  const tool = (name) => overlay?.useTool(name);
  const pressed = (name) => ({ "aria-pressed": String(page.local.tool === name), kind: page.local.tool === name ? "on" : "" });
  const colours = state.colours ?? [];
  return [
    state.searching ? el("div", { class: "busy", "data-key": "busy", role: "progressbar", "aria-label": "Searching" }, el("i")) : null,
    state.compare ? null : el("div", { class: "over tl", "data-key": "tools" },
      el("div", { class: "tool" }, iconButton("Zoom in", "plus", { kind: "", onclick: () => zoom(1) }), iconButton("Zoom out", "minus", { kind: "", onclick: () => zoom(-1) })),
      el("div", { class: "tool" },
        iconButton("Draw an area (D)", "draw", { ...pressed("draw"), onclick: () => tool("draw") }), iconButton("Drag a box (B)", "box", { ...pressed("box"), onclick: () => tool("box") }),
        iconButton("Fit to the area (F)", "fit", { kind: "", onclick: () => fitArea(page) }))),
    page.local.tool ? el("div", { class: "over tc", "data-key": "hint" }, el("div", { class: "card tip", role: "status" }, page.local.tool === "box" ? "Drag a box. Esc ends it." : "Click the corners, double-click the last one. Esc ends it.")) : null,
    state.compare ? el("div", { class: "over tr", "data-key": "done" }, el("div", { class: "tool h" }, button("Done", { icon: "x", title: "Close the comparison (Esc)", onclick: () => send("done") }))) : null,
    state.hide && !state.compare ? el("div", { class: "over tr", "data-key": "stop" }, el("div", { class: "tool h" }, button("Back to the captures", { icon: "x", onclick: () => send("stop") }))) : null,
    state.compare || state.prompt || state.hide ? null : el("div", { class: "over tr", "data-key": "right" }, el("div", { class: "tool h" },
      el("button", { type: "button", class: `btn ${state.pictures ? "on" : ""}`, "aria-pressed": String(Boolean(state.pictures)), title: "Show pictures on the map (P)", "aria-label": "Pictures", onclick: () => send("pictures", { on: !state.pictures }) }, icon("pic"), el("span", { class: "t" }, "Pictures")),
      colours.length > 1 ? el("label", { class: "btn pick hide-s" }, icon("down"), el("span", {}, `Colour: ${colours.find((one) => one.name === state.colour)?.title ?? "none"}`),
        el("select", { "aria-label": "Colour by", value: state.colour, onchange: (event) => send("colour", { name: event.target.value }) }, colours.map((one) => el("option", { value: one.name }, one.title)))) : null)),
    legend(state, page),
    state.prompt ? el("div", { class: "card prompt", "data-key": "prompt" },
      el("h2", {}, "Where do you want to look?"), el("p", { class: "q" }, "Move the map and search what you see, or draw an area."),
      el("div", { class: "row" }, button("Search this view", { icon: "search", kind: "main", onclick: () => send("search-view", { bounds: viewBounds(overlay) }) }), button("Draw an area", { icon: "draw", kind: "big", onclick: () => tool("draw") }))) : null,
    page.local.noTiles ? el("div", { class: "over bc", "data-key": "notiles" }, el("div", { class: "card tip", role: "status" }, "The base map cannot be loaded. Captures are still shown.", iconButton("Close this note", "x", { onclick: () => { page.local.noTiles = false; page.redraw(); } }))) : null,
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

function boxOf(ring) { let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity]; for (let at = 0; at < ring.length; at += 2) { west = Math.min(west, ring[at]); east = Math.max(east, ring[at]); south = Math.min(south, ring[at + 1]); north = Math.max(north, ring[at + 1]); } return [west, south, east, north]; }

function ringsOf(buffers) {
  const [sizes, corners] = buffers.map((buffer) => buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength));
  const [lengths, points] = [new Uint32Array(sizes), new Float64Array(corners)];
  let at = 0;
  return [...lengths].map((length) => { const ring = []; for (let corner = 0; corner < length; corner++, at++) ring.push([points[2 * at], points[2 * at + 1]]); return ringOf(ring); });
}

const plain = (buffer) => buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);

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
  }
  if (content.kind === "land") overlay?.drawLand();
}

function ready(page) {
  Object.assign(page.local, { shapes: new Shapes(), pictures: new Map(), current: null, area: null });
  page.receive((content, buffers) => receive(page, content, buffers));
  page.hear("current", ({ row, from }) => { if (from !== "map") showCurrent(page, row); });
  page.hear("area-tool", ({ tool }) => { if (tool === "fit") fitArea(page); else page.local.overlay?.useTool(tool); });
  // ipyleaflet's map shows after this part: it is found once it has a size
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
  page.model.on("change:state", () => askPicture(page));
  const resized = new ResizeObserver(() => page.local.overlay?.map.invalidateSize({ pan: false }));
  resized.observe(page.node);
  return () => { clearInterval(timer); themes.disconnect(); resized.disconnect(); scheme.removeEventListener("change", redraw); place?.removeEventListener("keydown", keys); page.local.overlay?.detach(); };
}

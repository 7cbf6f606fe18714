// Draws on the map of ipyleaflet: land, footprints, the area, numbers of the cart and the picture of the current capture.
const MOST_SHAPES = 4_000; // drawn one by one; more are shown as density
const DASH = { area: [6, 4], owned: [7, 4] };

class Canvas {
  constructor(page, map) {
    this.page = page;
    this.map = map;
    this.root = page.node;
    const pane = (name, z) => { const made = map.getPane(name) ?? map.createPane(name); made.style.zIndex = z; made.style.pointerEvents = "none"; return made; };
    this.landPane = pane("sc-land", 150);
    this.picturePane = pane("sc-picture", 340);
    this.canvases = [this.canvas(this.landPane), this.canvas(pane("sc-outlines", 420)), this.canvas(pane("sc-top", 430))];
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
  drawAll() { this.colors = {}; this.drawLand(); this.drawOutlines(); this.drawTop(); this.placePicture(); this.page.local.swipe?.place(); this.scaleBar(); }
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
    if (state.hide || state.compare) return;
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
    if (!state.hide && !state.compare) {
      if (state.hatch) this.hatch(context, frame, size);
      const cart = state.cart ?? [];
      for (const row of cart) if (row !== this.page.local.current) this.cased(context, this.shapes.of(row), frame, size, this.color(this.shapes.owned?.[row] ? "--sc-owned" : "--sc-cart"), 2.4, 2, this.shapes.owned?.[row] ? DASH.owned : null);
      const current = this.page.local.current;
      if (current !== null && current !== undefined) this.cased(context, this.shapes.of(current), frame, size, "#fff", 3, 3);
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
    if (!state.hide && !state.compare) (state.cart ?? []).forEach((row, number) => this.drawNumber(context, size, frame, row, number));
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
}

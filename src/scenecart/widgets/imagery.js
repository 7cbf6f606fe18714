// Pictures on a Leaflet map, without an element of its own. The kernel draws what is in view; the page decodes a picture before it shows
// it, and exchanges it for the old one in one step. Each layer has a pane, whose opacity holds for all its pictures together.
const PANE = "scenecart-imagery-";
const FIRST_Z = 350; // above the tiles (200), below the footprints (400)
const WAIT = 120; // between two requests while the map is dragged, in milliseconds
const PATIENCE = 1500; // until a kernel that has not answered is called busy, in milliseconds
const NOTICE = `position:absolute;bottom:26px;left:50%;transform:translateX(-50%);z-index:900;pointer-events:none;max-width:80%;
  padding:5px 12px;border-radius:14px;background:rgba(22,27,34,.88);color:#fff;font:12px/1.4 system-ui,sans-serif`;

class Layer {
  constructor(map, id) {
    this.map = map;
    this.name = PANE + id;
    this.pane = map.createPane(this.name);
    this.pane.style.pointerEvents = "none";
    this.parts = new Map();
    this.turns = new Map();
  }
  style({ z, opacity, visible }) {
    Object.assign(this.pane.style, { zIndex: FIRST_Z + z, opacity, display: visible ? "" : "none" });
  }
  async put({ part, turn, bounds, covers }, data) {
    if (turn < (this.turns.get(part) ?? -1)) return false;
    this.turns.set(part, turn);
    let image = null;
    if (data) {
      image = new Image();
      image.className = "leaflet-image-layer leaflet-zoom-animated";
      image.alt = "";
      image.src = URL.createObjectURL(new Blob([data]));
      try {
        await image.decode();
      } catch {
        URL.revokeObjectURL(image.src);
        return false;
      }
      // a picture that arrives while the map zooms would be placed by the wrong zoom
      while (this.map._animatingZoom) await new Promise((resolve) => this.map.once("zoomend", resolve));
    }
    if (turn < this.turns.get(part) || !this.pane.isConnected) {
      if (image) URL.revokeObjectURL(image.src);
      return false;
    }
    this.drop(part);
    if (image) {
      const shown = { image, bounds, covers };
      this.parts.set(part, shown);
      this.place(shown);
      if (part === "whole") this.pane.prepend(image);
      else this.pane.append(image);
    } else if (covers) this.parts.set(part, { image: null, bounds, covers });
    this.hideWhole();
    return true;
  }
  drop(part) {
    const old = this.parts.get(part);
    if (old?.image) {
      old.image.remove();
      URL.revokeObjectURL(old.image.src);
    }
    this.parts.delete(part);
  }
  place({ image, bounds: [[south, west], [north, east]] }) {
    const from = this.map.latLngToLayerPoint([north, west]);
    const to = this.map.latLngToLayerPoint([south, east]);
    image.style.transform = `translate3d(${from.x}px, ${from.y}px, 0)`;
    image.style.width = `${to.x - from.x}px`;
    image.style.height = `${to.y - from.y}px`;
  }
  each(act) {
    for (const part of this.parts.values()) if (part.image) act(part);
  }
  reset() {
    this.each((part) => this.place(part));
  }
  animate({ zoom, center }) {
    const scale = this.map.getZoomScale(zoom);
    this.each(({ image, bounds: [[, west], [north]] }) => {
      const point = this.map._latLngToNewLayerPoint([north, west], zoom, center);
      image.style.transform = `translate3d(${point.x}px, ${point.y}px, 0) scale(${scale})`;
    });
    this.showWhole(true);
  }
  showWhole(visible) {
    const whole = this.parts.get("whole");
    if (whole?.image) whole.image.style.visibility = visible ? "" : "hidden";
  }
  // the coarse picture of the whole would show at the edges of the sharp one: it is visible only where that ends
  hideWhole() {
    const covers = this.parts.get("view")?.covers;
    const view = this.map.getBounds();
    const isCovered =
      covers &&
      view.getSouth() >= covers[0][0] - 1e-9 &&
      view.getWest() >= covers[0][1] - 1e-9 &&
      view.getNorth() <= covers[1][0] + 1e-9 &&
      view.getEast() <= covers[1][1] + 1e-9;
    this.showWhole(!isCovered);
  }
  remove() {
    for (const part of [...this.parts.keys()]) this.drop(part);
    this.pane.remove();
    delete this.map._panes[this.name];
  }
}

function attach(model, map, widget) {
  const layers = new Map();
  let requested = null;
  let timer = 0;
  let patience = 0;
  const notice = document.createElement("div");
  notice.setAttribute("role", "status");
  notice.style.cssText = NOTICE;
  notice.hidden = true;
  map.getContainer().append(notice);
  // the kernel answers at once, unless it runs a cell
  const answered = () => {
    clearTimeout(patience);
    patience = 0;
    notice.hidden = true;
    notice.textContent = "";
  };
  const awaitAnswer = () => {
    // a saved page has no kernel
    if (widget.comm_live === false) return;
    patience ||= setTimeout(() => {
      if (![...layers.values()].some((layer) => layer.pane.style.display !== "none")) return;
      notice.textContent = "The kernel is busy. Imagery of this view follows when it is free.";
      notice.hidden = false;
    }, PATIENCE);
  };
  const view = () => {
    const { min, max } = map.getPixelBounds();
    return { pixels: [min.x, min.y, max.x, max.y], zoom: map.getZoom(), scale: window.devicePixelRatio || 1 };
  };
  const request = (fresh = false) => {
    clearTimeout(timer);
    timer = 0;
    requested = view();
    if (requested.pixels[2] <= requested.pixels[0]) return;
    model.send({ kind: "view", fresh, ...requested });
    awaitAnswer();
  };
  // while the map is dragged, only what the margin of the last picture does not cover is requested
  const moved = () => {
    for (const layer of layers.values()) layer.hideWhole();
    if (timer || !requested || map._animatingZoom || map.getZoom() !== requested.zoom) return;
    const [left, top, right, bottom] = requested.pixels;
    const now = view().pixels;
    const [across, down] = [(right - left) * model.get("margin"), (bottom - top) * model.get("margin")];
    if (now[0] < left - across || now[1] < top - down || now[2] > right + across || now[3] > bottom + down) {
      timer = setTimeout(request, WAIT);
    }
  };
  const style = () => {
    const wanted = model.get("layers");
    for (const [id, layer] of layers) {
      if (!wanted.some((one) => one.id === id)) {
        layer.remove();
        layers.delete(id);
      }
    }
    for (const one of wanted) {
      if (!layers.has(one.id)) layers.set(one.id, new Layer(map, one.id));
      layers.get(one.id).style(one);
    }
  };
  const receive = async (message, buffers) => {
    answered();
    const layer = layers.get(message.id);
    if (message.kind !== "picture" || !layer) return;
    if (await layer.put(message, buffers[0])) model.send({ kind: "shown", id: message.id, part: message.part, turn: message.turn });
  };
  const reset = () => layers.forEach((layer) => layer.reset());
  const animate = (event) => layers.forEach((layer) => layer.animate(event));
  const settled = () => {
    layers.forEach((layer) => layer.hideWhole());
    request();
  };
  const events = { viewreset: reset, zoom: reset, zoomanim: animate, move: moved, moveend: settled, resize: settled };
  map.on(events);
  model.on("change:layers", style);
  model.on("msg:custom", receive);
  const screen = matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
  screen.addEventListener("change", settled);
  style();
  request(true);
  return () => {
    clearTimeout(timer);
    clearTimeout(patience);
    notice.remove();
    map.off(events);
    model.off("change:layers", style);
    model.off("msg:custom", receive);
    screen.removeEventListener("change", settled);
    layers.forEach((layer) => layer.remove());
  };
}

async function render({ model, el }) {
  el.hidden = true;
  let detach = null;
  // the map of the same panel, as soon as it is displayed and has a size
  const find = async () => {
    const widget = await model.widget_manager.get_model(model.get("map"));
    const views = await Promise.all(Object.values(widget?.views ?? {}));
    const panel = el.closest(".scenecart-panel");
    const view = views.find((one) => panel && panel.contains(one.obj?.getContainer?.())) ?? views[0];
    return view?.obj?.getSize?.().x ? [view.obj, widget] : null;
  };
  const timer = setInterval(async () => {
    const found = await find().catch(() => null);
    if (!found || detach || !el.isConnected) return;
    clearInterval(timer);
    detach = attach(model, ...found);
  }, 100);
  return () => {
    clearInterval(timer);
    detach?.();
  };
}

export default { render };

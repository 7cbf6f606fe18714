// Two dates on the map and a line between them: A lies on its left, B on its right.
const STEP = 2; // percent of the map that an arrow key moves the line

class Swipe {
  constructor(page, overlay) {
    Object.assign(this, { page, overlay, images: {}, shown: {}, asked: new Set() });
  }
  // the earlier picture of a side stays until the next one has arrived
  update() {
    const { compare } = this.page.state();
    if (!compare) this.asked.clear();
    for (const side of ["a", "b"]) {
      const row = compare?.[side] ?? null;
      const found = row === null ? null : this.page.local.pictures.get(row);
      if (row !== null && !found) {
        if (!this.asked.has(row)) { this.asked.add(row); this.page.send("picture", { row, slot: side }); }
        continue;
      }
      if (this.shown[side] === found) continue;
      this.shown[side] = found;
      this.images[side]?.remove();
      this.images[side] = found?.url ? el("img", { alt: "", class: "leaflet-zoom-animated", src: found.url, style: "position:absolute;left:0;top:0;transform-origin:0 0;max-width:none" }) : null;
      if (this.images[side]) this.overlay.picturePane.append(this.images[side]);
    }
    this.place();
  }
  place() {
    const { overlay, page } = this;
    const corner = overlay.map.containerPointToLayerPoint([0, 0]);
    const line = (overlay.map.getSize().x * (page.local.flickers ? 100 : page.local.at ?? 50)) / 100;
    for (const side of ["a", "b"]) {
      const image = this.images[side];
      if (!image) continue;
      const [[south, west], [north, east]] = this.shown[side].bounds;
      const from = overlay.map.latLngToLayerPoint([north, west]);
      const to = overlay.map.latLngToLayerPoint([south, east]);
      const along = line - (from.x - corner.x);
      const width = to.x - from.x;
      const clip = side === "a" ? `inset(0 ${Math.max(0, width - along)}px 0 0)` : `inset(0 0 0 ${Math.max(0, along)}px)`;
      Object.assign(image.style, { transform: `translate3d(${from.x}px, ${from.y}px, 0)`, width: `${width}px`, height: `${to.y - from.y}px`, clipPath: clip });
    }
  }
  remove() { for (const image of Object.values(this.images)) image?.remove(); }
}

function moveLine(page, at) {
  page.local.at = Math.max(0, Math.min(100, at));
  page.redraw();
  page.local.swipe?.place();
}

function flicker(page, on) {
  if (Boolean(page.local.flickers) === on) return;
  page.local.flickers = on;
  page.redraw();
  page.local.swipe?.place();
}

// the dates that are compared are in sight
function showDates(page) {
  const { compare } = page.state();
  const shown = compare ? `${compare.a} ${compare.b}` : "";
  if (shown === page.local.shownDates) return;
  page.local.shownDates = shown;
  const strip = page.node.querySelector(".strip");
  const [one] = strip?.querySelectorAll(`[data-key="${compare.b}"]`) ?? [];
  if (one) strip.scrollLeft = one.offsetLeft - (strip.clientWidth - one.offsetWidth) / 2;
}

const swap = (page) => { const { a, b } = page.state().compare; page.send("compared", { a: b, b: a }); };

// what lies on the map while two dates are compared
function swiped({ compare }, send, page) {
  if (!compare) return null;
  const at = page.local.at ?? 50;
  const dateOf = (row) => compare.dates.find((one) => one.row === row)?.text ?? "";
  const drag = (event) => { if (event.currentTarget.hasPointerCapture(event.pointerId)) { const box = page.node.getBoundingClientRect(); moveLine(page, ((event.clientX - box.left) / box.width) * 100); } };
  const keys = (event) => {
    const by = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (by) moveLine(page, at + by);
    else if (event.key === "Home" || event.key === "End") moveLine(page, event.key === "End" ? 100 : 0);
    else if (event.key === " ") flicker(page, true);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const pick = (event, row) => {
    const { a, b } = compare;
    if (event.shiftKey ? row !== b : row !== a) send("compared", event.shiftKey ? { a: row, b } : { a, b: row });
  };
  const flickers = Boolean(page.local.flickers);
  // pictures near B come first; the strip begins where it is
  const here = compare.dates.findIndex((one) => one.row === compare.b);
  const near = compare.dates.map((one, number) => [Math.abs(number - here), one.key]).sort((one, other) => one[0] - other[0]);
  for (const [, key] of near) pictureUrl(page, key);
  return [
    el("div", { class: "over tr", "data-key": "compare" }, el("div", { class: "tool h" },
      button(el("span", { class: "t" }, "Swap"), { icon: "swipe", title: "Swap A and B (S)", "aria-label": "Swap A and B", onclick: () => swap(page) }),
      button(el("span", { class: "t" }, "Flicker"), { icon: "pic", kind: flickers ? "on" : "", title: "Show A alone. Hold space to flicker", "aria-label": "Flicker", "aria-pressed": String(flickers), onclick: () => flicker(page, !flickers) }),
      button("Done", { icon: "x", title: "Close the comparison (Esc)", onclick: () => send("done") }))),
    el("div", {
      class: "swipe", "data-key": "swipe", style: `left:${flickers ? 100 : at}%`, tabindex: 0, role: "slider", "aria-label": "Divider between A and B", "aria-orientation": "horizontal",
      "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(at), "aria-valuetext": `A, ${dateOf(compare.a)}, ${Math.round(at)} % from the left; B, ${dateOf(compare.b)}`,
      onkeydown: keys, onkeyup: (event) => { if (event.key === " ") flicker(page, false); }, onblur: () => flicker(page, false),
      onpointerdown: (event) => { event.currentTarget.setPointerCapture(event.pointerId); event.currentTarget.focus(); event.preventDefault(); event.stopPropagation(); }, onpointermove: drag,
    }, el("b", {}, icon("swipe"))),
    ["a", "b"].map((side) => el("div", { class: `card when ${side}`, "data-key": `when ${side}`, style: side === "a" ? `right:calc(${100 - at}% + 14px)` : `left:calc(${at}% + 14px)` }, el("span", { class: "q" }, side.toUpperCase()), " ", dateOf(compare[side]), page.local.swipe && !page.local.pictures.get(compare[side]) ? "…" : "")),
    el("div", { class: "card strip", role: "listbox", "aria-label": "Dates", "data-key": "strip" }, compare.dates.map((one) => {
      const sign = one.row === compare.a ? "A" : one.row === compare.b ? "B" : "";
      return el("button", { type: "button", class: `one ${sign ? "on" : ""}`, role: "option", "aria-selected": String(Boolean(sign)), "data-key": String(one.row), title: `${one.text}: click shows it as B, Shift-click as A`, onclick: (event) => pick(event, one.row) },
        el("span", { style: pictureStyle(page, one.key) }, sign ? el("em", {}, sign) : null), one.short);
    })),
  ];
}

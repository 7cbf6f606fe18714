// Filters: bars with the selected range, and choices. They call send("filter", { name, value }); null removes a filter.
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
const dayText = (day) => { const date = new Date(day * 86_400_000); return `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`; };
const isoDay = (day) => new Date(day * 86_400_000).toISOString().slice(0, 10);
const numberText = (value) => (Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toFixed(3))));
const rangeText = (low, high, unit) => (unit === "A$" ? `A$ ${Math.round(low).toLocaleString("en")} – ${Math.round(high).toLocaleString("en")}` : `${numberText(low)} – ${numberText(high)}${unit === "" || unit === "°" ? "" : " "}${unit}`);

// bars over a range with two thumbs: { name, title, low, high, step, ends, bars, off, cloud }, textOf(a, b), changed(a, b)
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

function slider(page, one, textOf, changed) {
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
    "aria-valuemin": low, "aria-valuemax": high, "aria-valuenow": ends[which], "aria-valuetext": textOf(ends[0], ends[1]), style: `left:${one.off ? which * 100 : at(ends[which])}%`,
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

function facet(page, one, send) {
  if (one.kind === "choice") {
    const names = one.options.filter((option) => option.on).map((option) => option.name);
    const toggle = (name) => send("filter", { name: one.name, value: names.length === one.options.length ? [name] : names.includes(name) ? names.filter((other) => other !== name) : [...names, name] });
    return el("div", { class: "facet", "data-key": one.name }, el("h4", {}, el("b", {}, one.title), el("span", {}, one.caption)),
      el("div", { class: "row chips" }, one.options.map((option) => el("button", { type: "button", class: "chip", role: "checkbox", "aria-checked": String(option.on && names.length !== one.options.length), onclick: () => toggle(option.name) }, option.name))));
  }
  const textOf = one.kind === "dates" ? (a, b) => `${dayText(a)} – ${dayText(b)}` : (a, b) => rangeText(a, b, one.unit ?? "");
  const [ends, body] = slider(page, one, textOf, (a, b) => send("filter", { name: one.name, value: a <= one.low && b >= one.high ? null : [a, b] }));
  return el("div", { class: "facet", "data-key": one.name }, el("h4", {}, el("b", {}, one.title), el("span", {}, one.off ? "" : textOf(ends[0], ends[1]))), body);
}

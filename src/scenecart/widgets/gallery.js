// Pictures of captures: the page holds only the cells in view, and requests their pictures; the kernel sorts and cuts them.
const GAP = 12;
const CAPTION = 37; // a title and a line of facts
const LINE = 15;
const KEPT = 400;

function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function render({ model, el: root }) {
  const css = el("style");
  css.textContent = model.get("_style");
  const space = el("div", { class: "space", role: "presentation" });
  const body = el("div", { class: "body", tabindex: "0", role: "listbox", "aria-multiselectable": "true", "aria-label": "Captures" }, space);
  const empty = el("div", { class: "empty" });
  const status = el("div", { class: "sr", role: "status", "aria-live": "polite" });
  root.append(css, el("div", { class: "sc-gallery" }, body, empty, status));
  const prefix = `sc-gallery-${Math.random().toString(36).slice(2)}`;
  const cells = new Map();
  const urls = new Map();
  const requested = new Set();
  // a small picture shows first, and the sharp one takes its place
  const coarse = new Set();
  const isWanted = (key) => (!urls.has(key) || coarse.has(key)) && !requested.has(key);
  let columns = 1;
  let side = 160;
  let active = -1;
  let pointer = "";
  let sendTimer = 0;
  // current cells that were set here: their echo must not scroll
  const pendingEchoes = new Set();
  let sent = [-1, -1];
  let timer = 0;

  // captures with a price or an owned share have a third line of facts
  let lines = 2;
  const height = () => side + CAPTION + (lines - 1) * LINE + GAP;
  const layout = () => {
    if (model.get("view").rows.some((row) => row.facts[2])) lines = 3;
    const width = Math.max(120, body.clientWidth - GAP);
    columns = Math.max(width < 480 ? 2 : 1, Math.floor(width / (model.get("side") + GAP)));
    side = Math.floor(width / columns) - GAP;
    space.style.height = Math.ceil(model.get("count") / columns) * height() + GAP + "px";
  };
  const span = () => {
    const first = Math.max(0, Math.floor(body.scrollTop / height()) - 1) * columns;
    const rows = Math.ceil(body.clientHeight / height()) + 2;
    return [first, Math.min(model.get("count"), first + rows * columns)];
  };
  const rowOf = (number) => {
    const { start, rows } = model.get("view");
    return rows[number - start];
  };
  // the kernel sends the texts of a window around what is in view
  const requestTexts = () => {
    const [first, last] = span();
    const { start, rows } = model.get("view");
    if (first >= start && last <= start + rows.length) return;
    if (sent[0] === first && sent[1] === last) return;
    sent = [first, last];
    model.send({ kind: "window", start: first, size: last - first });
  };
  const next = (first, last) => {
    const keys = [];
    for (let number = first; number < last; number++) {
      const key = rowOf(number)?.key;
      if (key !== undefined && isWanted(key)) keys.push(key);
    }
    return keys;
  };
  const showPicture = (cell, key) => {
    const frame = cell.firstChild;
    if (urls.has(key)) {
      const url = urls.get(key);
      frame.classList.toggle("none", !url);
      frame.classList.remove("waits");
      frame.style.backgroundImage = url ? `url(${url})` : "";
    } else {
      frame.classList.remove("none");
      frame.classList.add("waits");
      frame.style.backgroundImage = "";
    }
  };
  const makeCell = (number) => {
    const cell = el(
      "div",
      { class: "cell", role: "option", id: `${prefix}-${number}` },
      el("div", { class: "frame" }),
      el("div", { class: "title" }),
      el("div", { class: "facts" }),
      el("div", { class: "facts" }),
      el("div", { class: "facts" })
    );
    cell.addEventListener("click", (event) => {
      look(number);
      body.focus({ preventScroll: true });
      model.send({ kind: "pick", row: number, how: event.shiftKey ? "span" : event.ctrlKey || event.metaKey ? "toggle" : "replace" });
    });
    cells.set(number, cell);
    space.append(cell);
    return cell;
  };
  const paint = () => {
    layout();
    const [first, last] = span();
    for (const [number, cell] of cells) {
      if (number < first || number >= last) {
        cell.remove();
        cells.delete(number);
      }
    }
    const selected = new Set(model.get("selected"));
    const wanted = [];
    const shown = [];
    for (let number = first; number < last; number++) {
      const row = rowOf(number);
      if (!row) continue;
      const cell = cells.get(number) ?? makeCell(number);
      const [frame, title, ...facts] = cell.children;
      cell.style.left = GAP + (number % columns) * (side + GAP) + "px";
      cell.style.top = GAP + Math.floor(number / columns) * height() + "px";
      cell.style.width = frame.style.height = side + "px";
      cell.setAttribute("aria-posinset", number + 1);
      cell.setAttribute("aria-setsize", model.get("count"));
      cell.setAttribute("aria-selected", selected.has(number) ? "true" : "false");
      cell.classList.toggle("active", number === active);
      cell.classList.toggle("owned", Boolean(row.owned));
      frame.dataset.owned = row.owned;
      cell.title = [row.id, row.title, ...row.facts].filter(Boolean).join("\n");
      title.textContent = row.title;
      facts.forEach((line, place) => {
        line.textContent = row.facts[place];
        line.hidden = place >= lines;
      });
      showPicture(cell, row.key);
      shown.push(row.key);
      if (!urls.has(row.key) || coarse.has(row.key)) wanted.push(row.key);
    }
    const missing = shown.filter(isWanted);
    // a fast scroll requests the pictures where it ends; when all in view are there, those of the next screen are fetched
    clearTimeout(timer);
    const ahead = wanted.length ? [] : next(last, 2 * last - first);
    const keys = missing.length ? missing : ahead;
    if (keys.length)
      timer = setTimeout(() => {
        keys.forEach((key) => requested.add(key));
        const pixels = Math.round(side * window.devicePixelRatio);
        model.send({ kind: "pictures", keys, visible: [...shown, ...ahead], ahead: ahead.length > 0, turn: model.get("turn"), pixels });
      }, 30);
    requestTexts();
  };
  const activate = (number) => {
    active = Math.min(model.get("count") - 1, number);
    for (const [other, cell] of cells) cell.classList.toggle("active", other === active);
    if (active < 0) body.removeAttribute("aria-activedescendant");
    else body.setAttribute("aria-activedescendant", `${prefix}-${active}`);
  };
  // set here first, and then sent to the kernel, so that hovering does not wait for it
  const look = (number) => {
    const to = Math.max(0, Math.min(model.get("count") - 1, number));
    if (to === active || !model.get("count")) return;
    activate(to);
    clearTimeout(sendTimer);
    sendTimer = setTimeout(() => { pendingEchoes.add(to); model.send({ kind: "active", row: to }); }, 50);
  };
  body.addEventListener("mousemove", (event) => {
    // also sent when the page scrolls below a pointer at rest
    const at = `${event.screenX} ${event.screenY}`;
    const isMoved = pointer && pointer !== at;
    pointer = at;
    const cell = event.target.closest(".cell");
    if (isMoved && cell) look([...cells].find(([, one]) => one === cell)[0]);
  });
  const scrollTo = (number) => {
    const top = Math.floor(number / columns) * height();
    if (top < body.scrollTop) body.scrollTop = top;
    else if (top + height() + GAP > body.scrollTop + body.clientHeight) body.scrollTop = top + height() + GAP - body.clientHeight;
  };
  body.addEventListener("keydown", (event) => {
    const page = columns * Math.max(1, Math.floor(body.clientHeight / height()));
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 };
    if (event.key in steps) {
      look(active < 0 ? 0 : active + steps[event.key]);
      scrollTo(active);
      paint();
      if (event.shiftKey) model.send({ kind: "pick", row: active, how: "span" });
    } else if (event.key === " " || event.key === "Enter") model.send({ kind: "pick", row: Math.max(0, active), how: event.key === " " ? "toggle" : "replace" });
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) model.send({ kind: "all" });
    else if (event.key === "Escape") model.send({ kind: "none" });
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  const receive = (message, buffers) => {
    if (message.kind !== "pictures" || message.turn !== model.get("turn")) return;
    message.keys.forEach((key, place) => {
      const bytes = buffers[place];
      // without a sharp one, the small one stays
      if (!bytes.byteLength && coarse.delete(key)) return;
      if (urls.get(key)) URL.revokeObjectURL(urls.get(key));
      urls.set(key, bytes.byteLength ? URL.createObjectURL(new Blob([bytes], { type: "image/webp" })) : "");
      if (message.is_preview) coarse.add(key);
      else coarse.delete(key);
    });
    // dropped by the kernel because they left the view: requested again when they come back
    message.dropped.forEach((key) => requested.delete(key));
    const inView = new Set([...cells.keys()].map((number) => rowOf(number)?.key));
    for (const key of urls.keys()) {
      if (urls.size <= KEPT) break;
      if (inView.has(key)) continue;
      if (urls.get(key)) URL.revokeObjectURL(urls.get(key));
      urls.delete(key);
      requested.delete(key);
      coarse.delete(key);
    }
    paint();
  };
  const forget = () => {
    for (const url of urls.values()) if (url) URL.revokeObjectURL(url);
    urls.clear();
    requested.clear();
    coarse.clear();
    paint();
  };
  const update = () => {
    const count = model.get("count");
    empty.hidden = count > 0;
    body.hidden = count === 0;
    empty.textContent = model.get("nothing");
    active = Math.min(active, count - 1);
    sent = [-1, -1];
    paint();
  };
  const reveal = () => {
    if (model.get("reveal") < 0) return;
    active = model.get("reveal");
    layout();
    scrollTo(active);
    paint();
  };
  const follow = () => {
    const row = model.get("current");
    if (pendingEchoes.delete(row)) return;
    pendingEchoes.clear();
    activate(row);
    if (row < 0) return;
    layout();
    scrollTo(row);
    paint();
  };
  const announce = () => {
    status.textContent = `${model.get("selected").length} selected in view`;
    paint();
  };
  body.addEventListener("scroll", paint, { passive: true });
  model.on("msg:custom", receive);
  model.on("change:view change:side", paint);
  model.on("change:count change:nothing", update);
  model.on("change:selected", announce);
  model.on("change:turn", forget);
  model.on("change:reveal", reveal);
  model.on("change:current", follow);
  const observer = new ResizeObserver(paint);
  observer.observe(body);
  active = model.get("current");
  update();
  return () => {
    observer.disconnect();
    clearTimeout(timer);
    clearTimeout(sendTimer);
    model.off("msg:custom", receive);
    for (const url of urls.values()) if (url) URL.revokeObjectURL(url);
  };
}

export default { render };

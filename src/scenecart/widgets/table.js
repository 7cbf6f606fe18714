// A grid that holds only the rows in view; the kernel sorts, searches and sends them.
const ROW = 32;
const TAIL = 12;

function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// the end of an id differs most: where there is no room, the ellipsis comes before it
function cut(value) {
  const letters = Array.from(value);
  return [el("span", {}, letters.slice(0, -TAIL).join("")), el("span", {}, letters.slice(-TAIL).join(""))];
}

function render({ model, el: root }) {
  const css = el("style");
  css.textContent = model.get("_style");
  const header = el("div", { class: "head", role: "row" });
  const space = el("div", { class: "space" });
  const body = el("div", { class: "body", tabindex: "0", role: "rowgroup" }, header, space);
  const grid = el("div", { class: "sc-grid", role: "grid", "aria-multiselectable": "true", "aria-label": "Captures" }, body);
  const empty = el("div", { class: "empty" });
  body.append(empty);
  root.append(css, grid);
  const prefix = `sc-grid-${Math.random().toString(36).slice(2)}`;
  let active = -1;
  let pointer = "";
  let sendTimer = 0;
  // current rows that were set here: their echo must not scroll
  const pendingEchoes = new Set();
  let requested = [-1, -1];
  let timer = 0;

  const windowInView = () => {
    const first = Math.max(0, Math.floor(body.scrollTop / ROW) - 10);
    const size = Math.ceil(body.clientHeight / ROW) + 20;
    return [first, size];
  };
  const requestRows = () => {
    const [first, size] = windowInView();
    if (first === requested[0] && size === requested[1]) return;
    requested = [first, size];
    model.send({ kind: "window", start: first, size });
  };
  const allColumns = () => model.get("columns").map((column, place) => ({ ...column, place }));
  // a narrow grid keeps the columns of highest rank that fit; before the first layout there is room for all
  const fittingColumns = () => {
    const columns = allColumns();
    let left = body.clientWidth || Infinity;
    const kept = [...columns].sort((a, b) => a.rank - b.rank).filter(({ least }, place) => {
      const fits = least <= left || place === 0;
      if (fits) left -= least;
      return fits;
    });
    return columns.filter((column) => kept.includes(column));
  };
  let shown = fittingColumns();
  const widths = () => shown.map(({ least, share }) => `minmax(${least}px, ${share}fr)`).join(" ");

  const drawHeader = () => {
    const [sorted, descending] = model.get("sort");
    header.style.gridTemplateColumns = widths();
    grid.style.setProperty("--least", shown.reduce((sum, column) => sum + column.least, 0) + "px");
    header.replaceChildren(
      ...shown.map((column) => {
        const order = column.name !== sorted ? "none" : descending ? "descending" : "ascending";
        const mark = el("span", { class: "mark", "aria-hidden": "true" }, order === "none" ? "" : descending ? "▼" : "▲");
        const sort = el("button", { type: "button", class: column.look, title: "Sort by " + column.title }, column.title, mark);
        sort.addEventListener("click", () => model.send({ kind: "sort", column: column.name }));
        return el("div", { role: "columnheader", "aria-sort": order }, sort);
      })
    );
  };
  const drawSelection = () => {
    const selected = new Set(model.get("selected"));
    for (const row of space.children) row.setAttribute("aria-selected", selected.has(row.number) ? "true" : "false");
  };
  const drawRows = () => {
    const { start, rows } = model.get("view");
    const hidden = allColumns().filter(({ name }) => !shown.some((column) => column.name === name));
    const count = model.get("count");
    grid.setAttribute("aria-rowcount", count);
    space.style.height = count * ROW + "px";
    empty.hidden = count > 0;
    empty.textContent = model.get("nothing");
    active = Math.min(active, count - 1);
    space.replaceChildren(
      ...rows.map((cells, offset) => {
        const number = start + offset;
        const row = el("div", { class: "row", role: "row", id: `${prefix}-${number}`, "aria-rowindex": number + 2 });
        row.number = number;
        if (number === active) row.classList.add("active");
        row.style.gridTemplateColumns = widths();
        row.style.top = number * ROW + "px";
        const details = hidden.filter(({ place }) => cells[place]).map(({ title, place }) => `${title}: ${cells[place]}`);
        shown.forEach(({ look, place }) => {
          const value = cells[place] ?? "";
          const title = look === "cut" ? [value, ...details].join("\n") : value;
          row.append(el("div", { role: "gridcell", class: look, title }, ...(look === "cut" ? cut(value) : [value])));
        });
        row.addEventListener("click", (event) => {
          look(number);
          body.focus({ preventScroll: true });
          model.send({ kind: "pick", row: number, how: event.shiftKey ? "span" : event.ctrlKey || event.metaKey ? "toggle" : "replace" });
        });
        return row;
      })
    );
    drawSelection();
  };
  const activate = (number) => {
    active = number;
    for (const row of space.children) row.classList.toggle("active", row.number === active);
    if (active < 0) body.removeAttribute("aria-activedescendant");
    else body.setAttribute("aria-activedescendant", `${prefix}-${active}`);
  };
  // set here first, and then sent to the kernel, so that hovering does not wait for it
  const look = (number) => {
    if (number === active) return;
    activate(number);
    clearTimeout(sendTimer);
    sendTimer = setTimeout(() => { pendingEchoes.add(number); model.send({ kind: "current", row: number }); }, 50);
  };
  const move = (to, isSpan) => {
    if (!model.get("count")) return;
    look(Math.max(0, Math.min(model.get("count") - 1, to)));
    show();
    if (isSpan) model.send({ kind: "pick", row: active, how: "span" });
  };
  // scroll no further than needed
  const show = () => {
    const top = active * ROW;
    const height = body.clientHeight - header.offsetHeight;
    if (top < body.scrollTop) body.scrollTop = top;
    else if (top + ROW > body.scrollTop + height) body.scrollTop = top + ROW - height;
    requestRows();
  };
  body.addEventListener("mousemove", (event) => {
    // also sent when the page scrolls below a pointer at rest
    const at = `${event.screenX} ${event.screenY}`;
    const isMoved = pointer && pointer !== at;
    pointer = at;
    const row = event.target.closest(".row");
    if (isMoved && row) look(row.number);
  });
  body.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(body.clientHeight / ROW) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 };
    if (event.key in steps) move(active + steps[event.key], event.shiftKey);
    else if (event.key === " " || event.key === "Enter") model.send({ kind: "pick", row: Math.max(0, active), how: event.key === " " ? "toggle" : "replace" });
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) model.send({ kind: "all" });
    else if (event.key === "Escape") model.send({ kind: "none" });
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  body.addEventListener("scroll", () => {
    clearTimeout(timer);
    timer = setTimeout(requestRows, 30);
  });
  const reveal = () => {
    const row = model.get("reveal");
    if (row >= 0) {
      activate(row);
      body.scrollTop = Math.max(0, row * ROW - body.clientHeight / 2);
      requestRows();
    }
  };
  const follow = () => {
    const row = model.get("current");
    if (pendingEchoes.delete(row)) return;
    pendingEchoes.clear();
    activate(row);
    if (row >= 0) show();
  };
  const update = () => {
    drawRows();
    const { start, rows } = model.get("view");
    const [first, size] = windowInView();
    requested = [first, size];
    // more rows may be in view than were sent
    if (first < start || Math.min(first + size, model.get("count")) > start + rows.length) model.send({ kind: "window", start: first, size });
  };
  const resize = () => {
    const before = shown.map(({ name }) => name).join();
    shown = fittingColumns();
    if (shown.map(({ name }) => name).join() === before) return;
    drawHeader();
    drawRows();
  };
  model.on("change:columns", () => {
    shown = fittingColumns();
    drawHeader();
    update();
  });
  model.on("change:sort", drawHeader);
  model.on("change:view", update);
  model.on("change:selected", drawSelection);
  model.on("change:count change:nothing", update);
  model.on("change:reveal", reveal);
  model.on("change:current", follow);
  active = model.get("current");
  drawHeader();
  drawRows();
  const observer = new ResizeObserver(() => {
    resize();
    requestRows();
  });
  observer.observe(body);
  return () => {
    observer.disconnect();
    clearTimeout(timer);
    clearTimeout(sendTimer);
  };
}

export default { render };

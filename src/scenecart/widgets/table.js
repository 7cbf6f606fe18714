// A grid that holds only the rows in view; the kernel sorts, searches and sends them.
const ROW = 28;
const TAIL = 12;

function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// an id tells most at its end: where there is no room, it is cut before that
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
  root.append(css, grid, empty);
  let active = 0;
  let asked = [-1, -1];
  let timer = 0;

  const wanted = () => {
    const first = Math.max(0, Math.floor(body.scrollTop / ROW) - 10);
    const size = Math.ceil(body.clientHeight / ROW) + 20;
    return [first, size];
  };
  const ask = () => {
    const [first, size] = wanted();
    if (first === asked[0] && size === asked[1]) return;
    asked = [first, size];
    model.send({ kind: "window", start: first, size });
  };
  const placed = () => model.get("columns").map((column, place) => ({ ...column, place }));
  // what there is no room for is left out, the least important first; before it is laid out, there is room
  const fitting = () => {
    const columns = placed();
    let left = body.clientWidth || Infinity;
    const kept = [...columns].sort((one, other) => one.rank - other.rank).filter(({ least }, place) => (left -= least) >= 0 || place === 0);
    return columns.filter((column) => kept.includes(column));
  };
  let shown = fitting();
  const widths = () => shown.map(({ least, share }) => `minmax(${least}px, ${share}fr)`).join(" ");

  const drawHead = () => {
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
  const drawRows = () => {
    const { start, rows } = model.get("view");
    const left = placed().filter(({ name }) => !shown.some((one) => one.name === name));
    const count = model.get("count");
    grid.setAttribute("aria-rowcount", count);
    space.style.height = count * ROW + "px";
    empty.hidden = count > 0;
    empty.textContent = model.get("nothing");
    active = Math.min(active, Math.max(0, count - 1));
    space.replaceChildren(
      ...rows.map(([cells, chosen], offset) => {
        const number = start + offset;
        const made = el("div", { class: "row", role: "row", "aria-rowindex": number + 1, "aria-selected": chosen ? "true" : "false" });
        if (number === active) made.classList.add("active");
        made.style.gridTemplateColumns = widths();
        made.style.top = number * ROW + "px";
        const rest = left.filter(({ place }) => cells[place]).map(({ title, place }) => `${title}: ${cells[place]}`);
        shown.forEach(({ look, place }) => {
          const value = cells[place] ?? "";
          const title = look === "cut" ? [value, ...rest].join("\n") : value;
          made.append(el("div", { role: "gridcell", class: look, title }, ...(look === "cut" ? cut(value) : [value])));
        });
        made.addEventListener("click", (event) => {
          active = number;
          body.focus({ preventScroll: true });
          model.send({ kind: "pick", row: number, how: event.shiftKey ? "span" : event.ctrlKey || event.metaKey ? "toggle" : "replace" });
        });
        return made;
      })
    );
  };
  const move = (to, span) => {
    const count = model.get("count");
    active = Math.max(0, Math.min(count - 1, to));
    const top = active * ROW;
    const high = body.clientHeight - header.offsetHeight;
    if (top < body.scrollTop) body.scrollTop = top;
    else if (top + ROW > body.scrollTop + high) body.scrollTop = top + ROW - high;
    drawRows();
    ask();
    if (span) model.send({ kind: "pick", row: active, how: "span" });
  };
  body.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(body.clientHeight / ROW) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 };
    if (event.key in steps) move(active + steps[event.key], event.shiftKey);
    else if (event.key === " " || event.key === "Enter") model.send({ kind: "pick", row: active, how: event.key === " " ? "toggle" : "replace" });
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) model.send({ kind: "all" });
    else if (event.key === "Escape") model.send({ kind: "none" });
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  body.addEventListener("scroll", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 30);
  });
  const reveal = () => {
    const row = model.get("reveal");
    if (row >= 0) {
      active = row;
      body.scrollTop = Math.max(0, row * ROW - body.clientHeight / 2);
      ask();
      drawRows();
    }
  };
  const renew = () => {
    drawRows();
    const { start, rows } = model.get("view");
    const [first, size] = wanted();
    asked = [first, size];
    // what is in view may be more than what was sent
    if (first < start || Math.min(first + size, model.get("count")) > start + rows.length) model.send({ kind: "window", start: first, size });
  };
  const fit = () => {
    const before = shown.map(({ name }) => name).join();
    shown = fitting();
    if (shown.map(({ name }) => name).join() === before) return;
    drawHead();
    drawRows();
  };
  model.on("change:columns", () => {
    shown = fitting();
    drawHead();
    renew();
  });
  model.on("change:sort", drawHead);
  model.on("change:view", renew);
  model.on("change:count change:nothing", renew);
  model.on("change:reveal", reveal);
  drawHead();
  drawRows();
  const watcher = new ResizeObserver(() => {
    fit();
    ask();
  });
  watcher.observe(body);
  return () => {
    watcher.disconnect();
    clearTimeout(timer);
  };
}

export default { render };

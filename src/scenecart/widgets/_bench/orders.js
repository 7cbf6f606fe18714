// The orders: running ones first, then those that are not on this machine, then the rest.
const isHere = () => ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

function draw(state, send, page) {
  // a Workbench has its own bar
  return [state.is_alone ? el("div", { class: "bar", "data-key": "bar" }, el("h2", {}, state.count === 1 ? "1 order" : `${state.count.toLocaleString("en")} orders`),
    el("span", { class: "q sp" }, state.summary), refreshButton(state, send)) : null, el("section", { class: "orders", "aria-label": "Orders", "data-key": "orders" },
    state.note && state.note.kind !== "good" ? el("div", { class: "banner", role: "alert" }, icon(state.note.kind === "bad" ? "off" : "warn"),
      el("span", {}, state.note.title, state.note.text ? ` ${state.note.text}` : "", state.note.hint ? ` ${state.note.hint}` : ""), state.as_of ? el("span", { class: "q" }, state.as_of) : null,
      state.can_refresh ? button("Try now", { onclick: () => send("refresh") }) : null) : null,
    state.note && state.note.kind === "good" ? el("div", { class: "pad" }, noteBox(state.note)) : null,
    state.unknown ? unknownBox(state.unknown, send) : null,
    state.rows.length ? el("ul", { "aria-label": "Orders", onkeydown: walk }, state.rows.map((row) => orderRow(row, state, send, page)))
      : el("p", { class: "q empty" }, state.is_loading ? "Loading the orders…" : "No orders yet."),
    state.more ? el("p", { class: "q empty" }, `and ${state.more.toLocaleString("en")} older ones`) : null)];
}

function refreshButton(state, send) {
  return state.can_refresh ? button(state.is_loading ? "Looking…" : "Look for orders", { icon: "redo", kind: "flat", disabled: state.is_loading, onclick: () => send("refresh") }) : null;
}

// arrows move between orders, Enter opens one
function walk(event) {
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!move || event.target.matches("input, textarea")) return;
  const heads = [...event.currentTarget.querySelectorAll(".name")];
  const at = heads.findIndex((head) => head.closest("li").contains(document.activeElement));
  heads[Math.min(heads.length - 1, Math.max(0, at + move))]?.focus();
  event.preventDefault();
}

function unknownBox(unknown, send) {
  return el("div", { class: "pad" }, el("div", { class: "note warn", role: "alert" }, icon("warn"), el("div", {},
    unknown.texts.map((text) => el("div", {}, text)),
    unknown.own ? button(unknown.is_checking ? "Checking the outcome…" : "Check the outcome", { icon: "search", disabled: unknown.is_checking, title: "Search your orders for the purchase. Nothing is bought.", onclick: () => send("check") }) : null)));
}

function orderRow(row, state, send, page) {
  const act = (kind, fields = {}) => send(kind, { order: row.id, ...fields });
  const more = details(row, state, act, page);
  return el("li", { class: `ord ${row.is_running || row.is_on_map ? "now" : ""}`, "data-key": row.id },
    el("span", {}, el("span", { class: `pill ${row.colour}` }, icon(row.icon), row.state)),
    el("span", { class: "d" },
      el("button", { type: "button", class: "name", "aria-expanded": String(row.is_open || Boolean(more.length)), onclick: () => act("open") }, el("b", {}, row.captures), row.when ? el("span", { class: "q" }, ` · ${row.when}`) : null),
      row.labels ? el("span", { class: "q" }, row.labels) : null,
      el("span", { class: "mono" }, row.id)),
    el("span", { class: row.is_ended ? "amt q" : "amt" }, row.price, el("small", {}, row.paid)),
    el("span", { class: "acts" }, actions(row, state, act)),
    more.length ? el("div", { class: "more" }, more) : null);
}

function actions(row, state, act) {
  const busy = Boolean(row.busy);
  return [
    row.can_download ? button(row.download, { icon: "dl", kind: row.is_delivered ? "soft" : "", disabled: busy, title: `Download the files to ${state.directory} and verify them`, onclick: () => act("download") }) : null,
    row.is_delivered || row.files.length ? button(row.is_on_map ? "On the map" : "Show on map", { icon: "map", kind: row.is_on_map ? "on" : "", "aria-pressed": String(row.is_on_map), onclick: () => act("map") }) : null,
    row.is_delivered ? button("Report", { icon: "doc", kind: "flat", disabled: busy, onclick: () => act("report") }) : null,
    row.is_running ? button("Cancel…", { kind: "flat", disabled: busy, onclick: () => act("question", { what: "cancel" }) }) : null,
    !row.is_running && state.can_buy_again ? button("Buy again…", { kind: "flat", disabled: busy, onclick: () => act("question", { what: "again" }) }) : null,
  ];
}

function details(row, state, act, page) {
  const parts = [];
  if (row.steps.length) parts.push(steps(row));
  if (row.progress !== null) parts.push(progressBar(row));
  else if (row.busy) parts.push(el("div", { class: "q line", role: "status" }, row.busy));
  if (row.reason) parts.push(el("div", { class: "note bad" }, icon("warn"), el("div", {}, row.reason)));
  if (row.question === "cancel") parts.push(question("Cancel this order?", "The service then states what is returned.", [
    button("Cancel the order", { kind: "soft", onclick: () => act("cancel") }), button("Keep it", { kind: "flat", onclick: () => act("question", { what: "" }) })]));
  if (row.again) parts.push(question(row.again.title, `${row.again.text} You will never pay more than this.`, [
    button(row.again.button, { kind: "soft", onclick: () => act("buy-again", { credits: row.again.credits }) }), button("Not now", { kind: "flat", onclick: () => act("question", { what: "" }) })]));
  if (row.note) parts.push(noteBox(row.note));
  if (row.files.length && (row.is_open || row.is_on_map)) parts.push(files(row, state, act, page));
  if (row.is_open) parts.push(el("ul", { class: "ids mono" }, row.ids.map((id) => el("li", {}, breakable(id)))));
  return parts;
}

function question(title, text, buttons) {
  return el("div", { class: "ask", role: "group", "aria-label": title }, el("div", {}, el("b", {}, title), el("div", { class: "q" }, text)), el("div", { class: "acts" }, buttons));
}

function steps(row) {
  return el("div", { class: "steps" }, row.steps.map(([name, how], number) => [
    number ? el("u", { class: how || row.steps[number - 1][1] === "done" && how ? "done" : "" }) : null,
    el("span", { class: how, "aria-current": how === "cur" ? "step" : undefined }, name)]));
}

function progressBar(row) {
  const percent = Math.round(row.progress * 100);
  return el("div", { class: "line", role: "status" }, el("div", { class: "q" }, `${row.busy} ${percent} %`),
    el("div", { class: "prog", role: "progressbar", "aria-valuenow": String(percent), "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": `Download of order ${row.id}` }, el("b", { style: `width:${percent}%` })));
}

function files(row, state, act, page) {
  const copy = async (text, key) => {
    try { await navigator.clipboard.writeText(text); } catch { return; }
    page.local.copied = key;
    page.redraw();
    setTimeout(() => { if (page.local.copied === key) { page.local.copied = null; page.redraw(); } }, 1500);
  };
  const isCopied = (key) => page.local.copied === key;
  return el("div", { class: "files" },
    el("div", { class: "path" }, icon("folder"), el("span", { class: "mono", title: row.folder }, row.folder),
      button(isCopied("folder" + row.id) ? "Copied" : "Copy path", { icon: isCopied("folder" + row.id) ? "check" : "copy", kind: "flat", onclick: () => copy(row.folder, "folder" + row.id) }),
      state.can_open && isHere() ? button("Open folder", { icon: "folder", kind: "flat", onclick: () => act("folder") }) : null),
    row.files.map((file) => el("div", { "data-key": file.path }, icon("doc"), el("span", { class: "mono", title: file.path }, file.name),
      el("span", { class: "num hs" }, file.size),
      el("span", { class: file.checked ? "ok hs" : "q hs" }, file.checked ? icon("check") : null, file.checked ? "checked" : "not checked"),
      el("span", { class: "row tight" }, iconButton(`Copy the path of ${file.name}`, isCopied(file.path) ? "check" : "copy", { title: file.path, onclick: () => copy(file.path, file.path) })))),
    row.more_files ? el("div", { class: "q" }, `and ${row.more_files} more files`) : null);
}

// The cart: rows, the exact price, the purchase to be confirmed, and what was bought.
function draw(state, send, page) {
  if (state.offer) return confirmation(state, state.offer, send);
  return el("section", { class: "sec", "data-key": "cart", "aria-label": "Cart" },
    el("h2", {}, "Cart", state.count ? el("span", { class: "pill cart" }, icon("check"), String(state.count)) : null,
      el("span", { class: "end" }, state.can_undo ? iconButton("Undo", "undo", { onclick: () => send("undo") }) : null)),
    state.bought && !state.count ? boughtBox(state, send, page) : null,
    state.count ? contents(state, send, page) : afterwards(state, send),
    !state.count && !state.bought ? el("p", { class: "q small" }, state.has_bench ? "Empty. Press space on a capture, or tick it in the list." : "The cart is empty.") : null,
    state.selection === undefined || state.selection === null ? null : button(state.selection ? `Add selection (${state.selection.toLocaleString("en")})` : "Add selection", { kind: "soft wide add", icon: "plus", disabled: !state.selection, title: "Add the captures that are selected on the map", onclick: () => send("add-selection") }));
}

function contents(state, send, page) {
  return el("div", { "data-key": "contents" },
    el("ul", { class: "items", "aria-label": "Captures in the cart" }, state.rows.map((row) => item(row, send, page))),
    state.more ? el("p", { class: "q small" }, `and ${state.more.toLocaleString("en")} more`) : null,
    state.groups.length > 1 && state.rows.some((row) => !row.price) ? groups(state) : null,
    el("div", { class: "due", "data-key": "due" },
      el("div", { class: "total", "aria-live": "polite" },
        el("span", { class: "q", title: state.total.hint }, state.total.label),
        el("b", { title: state.total.hint }, state.total.value || "\u00a0")),
      afterwards(state, send)));
}

function item(row, send, page) {
  const name = `${row.day}, ${row.id}`;
  return el("li", { "data-key": row.key.join("|") },
    el("span", { class: "th", style: pictureStyle(page, row.picture) }),
    el("span", { class: "n" }, el("span", {}, row.day), row.owned ? el("span", { class: "pill own" }, el("i", { class: "sw" }), row.owned === "100 % owned" ? "Owned" : row.owned) : null),
    el("span", { class: "num" }, row.price),
    iconButton(`Take ${name} out of the cart`, "x", { title: "Take out", onclick: () => send("remove", { key: row.key }) }),
    el("span", { class: "mono" }, breakable(row.id)),
    row.problem ? el("span", { class: "problem" }, row.problem) : null);
}

function groups(state) {
  return el("details", { class: "groups" }, el("summary", {}, `${state.groups.length} groups are priced together`),
    el("table", { class: "sum" }, state.groups.map((group) => el("tr", {}, el("td", {}, group.captures), el("td", {}, group.km2), el("td", {}, group.price)))));
}

// what happened, and the one next step
function afterwards(state, send) {
  const rows = [];
  if (state.busy) rows.push(el("div", { class: "note", role: "status" }, icon("info"), el("div", {}, state.busy)));
  if (state.note) rows.push(noteBox(state.note));
  if (state.retry) {
    if (state.is_outcome_unknown) rows.push(button("Look for it now", { kind: "main wide", icon: "search", onclick: () => send("check-outcome") }));
    rows.push(button(state.retry, { kind: state.is_outcome_unknown ? "flat wide" : "main wide", title: "The same purchase with its own key. You will not be charged twice.", onclick: () => send("retry") }));
  } else if (state.count && state.can_price) {
    rows.push(button("Try now", { kind: "main wide", icon: "redo", onclick: () => send("price") }));
  } else if (state.count && !state.busy) {
    if (state.unpriced > 0) rows.push(button("Remove captures without a price", { kind: "soft wide", onclick: () => send("remove-unpriced") }));
    rows.push(button(state.order, { kind: "main wide", disabled: !state.can_order, onclick: () => send("order") }));
    if (state.has_options) rows.push(options(state, send));
  }
  return rows.length ? el("div", { class: "after", "data-key": "after" }, rows) : null;
}

// what a cart outside of a Workbench offers besides
function options(state, send) {
  const save = (event) => { event.preventDefault(); send("report", { path: event.target.elements.path.value }); };
  return [
    el("label", { class: "check" }, el("input", { type: "checkbox", checked: state.split, onchange: (event) => send("split", { value: event.target.checked }) }), "Price each date separately",
      el("span", { class: "q" }, state.area)),
    el("form", { class: "report", onsubmit: save },
      el("input", { class: "field", name: "path", "aria-label": "Report file", title: "The file to save the report with the price to", value: state.report }),
      el("button", { type: "submit", class: "btn", disabled: !state.can_report }, icon("doc"), "Save report")),
  ];
}

async function copyCode(text, page) {
  try { await navigator.clipboard.writeText(text); } catch { return; }
  page.local.copied = true;
  page.redraw();
  setTimeout(() => { page.local.copied = false; page.redraw(); }, 1500);
}

function boughtBox(state, send, page) {
  const bought = state.bought;
  return el("div", { "data-key": "bought" },
    el("div", { class: `note ${bought.kind}`, role: "status" }, icon(bought.kind === "good" ? "check" : "info"),
      el("div", {}, el("b", {}, bought.title), el("div", { class: "mono id" }, bought.order),
        bought.notice ? el("div", {}, bought.notice) : null, bought.text ? el("div", { class: "q" }, bought.text) : null)),
    state.arrived ? el("div", { class: "note arrived" }, icon("dl"), el("div", {}, el("b", {}, state.arrived.title), el("div", { class: "q" }, state.arrived.text))) : null,
    el("p", { class: "q small" }, "The cart is empty, ready for the next."),
    state.has_bench ? el("div", { class: "after" },
      state.arrived ? button(page.local.copied ? "Copied" : "Copy code to open them", { kind: "main wide", icon: page.local.copied ? "check" : "code", onclick: () => copyCode(state.arrived.code, page) }) : button("Back to the results", { kind: "main wide", icon: "left", onclick: () => send("results") }),
      state.arrived ? button("Back to the results", { kind: "flat wide", onclick: () => send("results") }) : button("See the order", { kind: "flat wide", onclick: () => send("orders") })) : null);
}

function confirmation(state, offer, send) {
  const owned = offer.owned;
  return el("section", { class: "sec confirm", role: "dialog", "aria-label": "Confirm the purchase", "data-key": "confirm",
      onkeydown: (event) => { if (event.key === "Escape") { send("not-now"); event.stopPropagation(); } } },
    el("h2", { tabindex: "-1" }, "Confirm the purchase", el("span", { class: "end" }, iconButton("Back to the cart (Esc)", "x", { onclick: () => send("not-now") }))),
    el("div", { class: "wrap2" },
      el("div", {}, owned ? question(owned, send) : offer.is_checked ? null : el("div", { class: "note", role: "status" }, icon("own"), el("div", { class: "q" }, "Checking what is ours already…")),
        noteBox(offer.note), summary(offer)),
      el("div", {}, facts(offer, send))),
    el("div", { class: "due", "data-key": "due" },
      el("div", { class: "total" }, el("span", {}, "Total"), el("b", {}, offer.total || "A$\u00a00.00"),
        el("div", { class: "promise" }, icon("lock"), "You will never pay more than this.")),
      el("div", { class: "after" },
        button(offer.button, { kind: "main wide", disabled: !offer.can_buy, "data-act": "buy", onclick: () => send("buy", { credits: offer.credits }) }),
        button("Not now", { kind: "flat wide", onclick: () => send("not-now") }))));
}

function question(owned, send) {
  const pick = (value) => send("choose", { value });
  const move = (event) => {
    if (!["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    const other = owned.choices.find((choice) => !choice.on);
    pick(other.value);
    event.currentTarget.querySelector(`[data-value="${other.value}"]`)?.focus();
  };
  return [
    el("div", { class: "note own", role: "status" }, icon("own"), el("div", {},
      owned.notice ? el("div", {}, owned.notice) : null, el("b", {}, owned.title),
      owned.facts.map((fact) => el("div", {}, fact.text, " ", fact.order ? el("span", { class: "mono", title: fact.order }, `order ${fact.order.slice(0, 8)}`) : null)),
      owned.more ? el("div", { class: "q" }, `and ${owned.more} more`) : null,
      owned.hint ? el("div", { class: "q" }, owned.hint) : null)),
    el("div", { class: "choices", role: "radiogroup", "aria-label": "What we own already", onkeydown: move },
      owned.choices.map((choice) => el("div", { class: `choice ${choice.on ? "on" : ""}`, role: "radio", "aria-checked": String(choice.on), tabindex: choice.on ? "0" : "-1", "data-value": choice.value,
          onclick: () => pick(choice.value), onkeydown: (event) => { if (event.key === " ") { event.preventDefault(); pick(choice.value); } } },
        el("span", { class: "dot" }), el("span", {}, choice.label), el("span", { class: "num" }, choice.price)))),
  ];
}

function summary(offer) {
  return el("table", { class: "sum" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Capture"), el("th", { scope: "col" }, "km²\u00a0priced"), el("th", { scope: "col" }, "A$"))),
    el("tbody", {}, offer.rows.map((row) => [
      el("tr", { class: `${row.is_left_out ? "left-out" : ""} ${row.is_part ? "in" : ""}` },
        el("td", {}, el("span", {}, row.day, row.owned ? el("span", { class: "pill own" }, el("i", { class: "sw" }), row.owned) : null)),
        el("td", {}, row.km2.replace(" km²", "")), el("td", {}, row.price.replace("A$\u00a0", ""))),
      row.id ? el("tr", { class: `idr ${row.is_left_out ? "left-out" : ""} ${row.is_part ? "in" : ""}` }, el("td", { colspan: "3", class: "mono" }, breakable(row.id))) : null,
    ])));
}

function facts(offer, send) {
  const edit = (label, kind, value, values) => [el("dt", {}, label), el("dd", { class: value.length > 24 ? "long" : "" },
    el("input", { class: "edit", list: `sc-${kind}`, "aria-label": label, title: value, value, onchange: (event) => send(kind, { value: event.target.value }) }),
    el("datalist", { id: `sc-${kind}` }, values.map((one) => el("option", { value: one }))))];
  const [paid, ...rest] = offer.facts;
  const line = ([name, value]) => [el("dt", {}, name), el("dd", { class: name === "Files go to" ? "mono path" : "" }, value)];
  return el("dl", { class: "facts" }, line(paid), edit("Project", "project", offer.project, offer.projects), edit("Licence", "license", offer.license, offer.licenses), rest.map(line));
}

function ready(page) {
  // the question is read, and Escape ends it, as soon as it is there
  let was = false;
  const watch = new MutationObserver(() => {
    const heading = page.node.querySelector(".confirm h2");
    if (heading && !was) heading.focus({ preventScroll: true });
    was = Boolean(heading);
  });
  watch.observe(page.node, { childList: true });
  return () => watch.disconnect();
}

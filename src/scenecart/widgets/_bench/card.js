// The current capture: its picture cut to the area, its facts, its price, and the ways to the cart.
function draw(state, send, page) {
  if (state.compared) return comparison(state.compared, send, page);
  return el("section", { class: "sec", "aria-label": "Capture" },
    el("h2", {}, "Capture", el("span", { class: "end" }, state.position ? el("span", {}, state.position) : null,
      state.count ? [iconButton("Previous capture", "left", { disabled: !state.has_previous, onclick: () => send("step", { step: -1 }) }), iconButton("Next capture", "right", { disabled: !state.has_next, onclick: () => send("step", { step: 1 }) })] : null)),
    state.id ? capture(state, send, page) : el("div", { class: "pic none" }, el("div", {}, icon("pic", "hug"), state.count ? "Point at a capture, or walk the list with the arrow keys." : "The picture of a capture appears here.")));
}

function capture(state, send, page) {
  const url = pictureUrl(page, state.picture);
  return el("div", { class: "wrap" },
    el("div", { class: "pic", role: "img", "aria-label": `Picture of ${state.title}`, style: url ? `background-image:url("${url}")` : undefined },
      url === "" ? el("span", { class: "tag" }, "No picture of this capture") : el("span", { class: "tag" }, state.tag)),
    el("div", { class: "text" },
      el("div", { class: "ttl" }, state.title),
      el("div", { class: "idl" }, el("span", { class: "mono" }, breakable(state.id)), iconButton(page.local.copied === state.id ? "Copied" : "Copy the id", page.local.copied === state.id ? "check" : "copy", { onclick: () => copy(state.id, page) })),
      el("dl", { class: "facts" }, state.facts.map(([name, source, value]) => [el("dt", {}, name), el("dd", {}, source ? el("span", { class: "q" }, source, " ") : null, value)])),
      el("div", { class: "price" }, el("span", { class: "q" }, state.price?.label || "Price"), el("b", {}, state.price?.value || "–")),
      state.problem ? el("div", { class: "note bad" }, icon("warn"), el("div", {}, state.problem)) : null,
      el("div", { class: "two" }, cartButton(state, send), button("Compare", { icon: "cmp", kind: "big", title: "C", onclick: () => send("compare") }))));
}

// two dates beside each other, while they are compared on the map
function comparison({ sides, rows }, send, page) {
  const sign = (number) => "AB"[number];
  return el("section", { class: "sec compared", "aria-label": "Compare" },
    el("h2", {}, "Compare", el("span", { class: "end" }, iconButton("Close the comparison", "x", { onclick: () => send("done") }))),
    el("div", { class: "two" }, sides.map((side, number) => { const url = pictureUrl(page, side.picture); return el("div", { class: "pic", role: "img", "aria-label": `${sign(number)}, ${side.day}`, style: url ? `background-image:url("${url}")` : undefined }, el("em", {}, sign(number)), url === "" ? el("span", { class: "tag" }, "No picture") : null); })),
    el("table", {},
      el("thead", {}, el("tr", {}, el("td"), sides.map((side) => el("th", { scope: "col" }, side.day)))),
      el("tbody", {}, rows.map(([name, ...values]) => el("tr", {}, el("th", { scope: "row" }, name), values.map((value) => el("td", {}, value)))))),
    el("div", { class: "two" }, sides.map((side, number) => (side.is_in_cart
      ? button(`${sign(number)} in the cart`, { icon: "check", kind: "incart big", title: "Take it out", "aria-pressed": "true", onclick: () => send("take", { side: number }) })
      : button(`Add ${sign(number)}`, { icon: "plus", kind: "soft big", onclick: () => send("take", { side: number }) })))));
}

function cartButton(state, send) {
  if (state.is_in_cart) return button("In the cart", { icon: "check", kind: "incart big", title: "Take it out (Space)", "aria-pressed": "true", onclick: () => send("toggle") });
  if (state.owned === "all") return button("Owned", { icon: "own", kind: "own big", title: "All of it is ours already. Put it into the cart anyway (Space)", onclick: () => send("toggle") });
  return button("Add to cart", { icon: "plus", kind: "soft big", title: "Space", disabled: Boolean(state.problem), onclick: () => send("toggle") });
}

async function copy(text, page) {
  try { await navigator.clipboard.writeText(text); } catch { return; }
  page.local.copied = text;
  page.redraw();
  setTimeout(() => { page.local.copied = null; page.redraw(); }, 1500);
}

// A cover of the area: what to optimise, and the captures that were chosen.
function draw(state, send, page) {
  if (!state.options) return [];
  const asked = (event) => {
    event.preventDefault();
    const { objective, share, budget, owned } = event.target.elements;
    send("cover", { objective: objective.value, share: Number(share.value), budget: budget.value, use_owned: owned.checked });
  };
  const { options, plan } = state;
  const share = page.local.share ?? options.share;
  return el("section", { class: "sec", "data-key": "cover", "aria-label": "Cover this area" },
    el("h2", {}, "Cover this area", el("span", { class: "q caption" }, state.caption)),
    el("form", { class: "options", onsubmit: asked },
      el("label", { class: "line" }, el("span", { class: "q" }, "Optimise for"),
        el("span", { class: "field" }, el("select", { name: "objective", value: options.objective }, state.objectives.map(([name, title]) => el("option", { value: name, selected: name === options.objective }, title))), icon("down"))),
      el("label", { class: "line" }, el("span", { class: "q" }, "Coverage"),
        el("span", { class: "slide" }, el("input", { type: "range", name: "share", min: state.shares[0], max: state.shares[1], value: String(options.share), "aria-label": "Share of the area to cover, in percent", oninput: (event) => { page.local.share = Number(event.target.value); page.redraw(); } }), el("output", { class: "num" }, `${share} %`))),
      el("label", { class: "line" }, el("span", { class: "q" }, "Budget, credits"),
        el("span", { class: "field" }, el("input", { name: "budget", value: options.budget, placeholder: "no limit", inputmode: "numeric", "aria-label": "Budget in credits; empty for no limit", title: "The most credits to spend" }))),
      el("label", { class: "check", title: "Areas that the organization owns already count as covered, at no cost" }, el("input", { type: "checkbox", name: "owned", checked: options.use_owned }), "Use what we own"),
      el("button", { type: "submit", class: `btn ${plan ? "soft big" : "main"} go`, disabled: state.is_busy, title: "Choose captures that cover the area. Nothing is bought." }, icon("box"), plan ? "Plan again" : "Cover this area")),
    state.busy ? el("div", { class: "note", role: "status", "data-key": "busy" }, icon("info"), el("div", {}, state.busy)) : null,
    plan ? shown(plan, page) : null,
    state.note ? el("div", { class: "said", "data-key": "note" }, noteBox(state.note)) : null,
    plan && state.can_add ? el("div", { class: "after" }, button("Add to cart", { kind: "main wide", icon: "plus", title: "Add the chosen captures to the cart", onclick: () => send("add") })) : null);
}

function shown(plan, page) {
  const count = plan.count === 1 ? "1 capture" : `${plan.count.toLocaleString("en")} captures`;
  return el("div", { class: "plan", "data-key": "plan", "aria-live": "polite" },
    el("div", { class: "total" }, el("span", { class: "q" }, el("b", { class: "part" }, plan.title), ` · ${count}`), el("b", { title: plan.credits }, plan.total || "\u00a0")),
    el("div", { class: plan.is_complete ? "covers" : "covers short", role: "img", "aria-label": `${plan.share} % covered` }, el("i", { style: `width:${plan.share}%` })),
    el("p", { class: "q small" }, plan.verdict, plan.total ? " Nothing bought yet." : ""),
    el("ul", { class: "items", "aria-label": "Captures that were chosen" }, plan.rows.map((row) => el("li", { "data-key": row.id },
      el("span", { class: "th", style: pictureStyle(page, row.picture) }),
      el("span", { class: "n" }, row.day), el("span", { class: "num", title: "The price of this capture alone" }, row.price),
      el("span", { class: "mono" }, breakable(row.id)), el("span", { class: "why q" }, row.why)))),
    plan.more ? el("p", { class: "q small" }, `and ${plan.more.toLocaleString("en")} more`) : null,
    plan.left_out.length ? el("details", { class: "groups" }, el("summary", {}, "Left out"), el("ul", {}, plan.left_out.map((one) => el("li", {}, one)))) : null);
}

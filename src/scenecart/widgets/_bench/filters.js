// The filters of captures, outside of a Workbench.
function draw(state, send, page) {
  return [
    el("h3", {}, "Filters ", el("span", { class: "q", role: "status" }, state.caption),
      state.active ? el("button", { type: "button", class: "link", title: "Remove all filters", onclick: () => send("reset") }, "Reset") : null),
    state.facets.length ? el("div", { class: "facets" }, state.facets.map((one) => facet(page, one, send))) : el("p", { class: "q none" }, "Nothing to filter."),
  ];
}

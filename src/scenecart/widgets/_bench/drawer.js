// the page itself switches the tab of the drawer, without waiting for the kernel
function choose(page) {
  const { tab, blank: empty } = page.state();
  const drawer = page.node.parentElement;
  if (drawer) Object.assign(drawer.dataset, { tab, empty: String(Boolean(empty)) });
}

function draw(state, send, page) {
  choose(page);
  const tab = (name, label, count) => el("button", {
    type: "button", class: "tab", role: "tab", "aria-selected": String(state.tab === name), tabindex: state.tab === name ? 0 : -1, "data-key": name,
    onclick: () => send("tab", { name }),
    onkeydown: (event) => { if (event.key === "ArrowLeft" || event.key === "ArrowRight") { send("tab", { name: name === "results" ? "orders" : "results" }); page.local.moved = true; event.preventDefault(); event.stopPropagation(); } },
  }, label, " ", count === null || count === undefined ? null : el("small", {}, count.toLocaleString("en")));
  // after the arrow keys the focus follows the tab
  if (page.local.moved) queueMicrotask(() => { page.local.moved = false; page.node.querySelector('[aria-selected="true"]')?.focus(); });
  return [
    el("div", { class: "tabs", role: "tablist", "aria-label": "Results and orders", "data-key": "tabs" }, tab("results", "Results", state.results), tab("orders", "Orders", state.orders)),
    state.tab === "orders" ? el("div", { class: "rest", "data-key": "rest" }, el("span", { class: "sp q" }, state.summary), button("Look for orders", { icon: "redo", kind: "flat", onclick: () => send("tab", { name: "orders" }) }))
      : state.blank ? el("div", { class: "rest", "data-key": "rest" }) : null,
    banner(state, send, page),
    state.tab === "results" ? blank(state, send) : null,
  ];
}

function banner(state, send, page) {
  if (!state.banner) return null;
  const { title, text, until, retries } = state.banner;
  const seconds = until ? Math.max(0, Math.ceil(until - Date.now() / 1000)) : 0;
  return el("div", { class: "banner", role: "alert", "data-key": "banner" }, icon("off"),
    el("span", {}, el("b", {}, title), " ", text, retries ? el("span", { "aria-live": "off" }, seconds ? ` Trying again in ${seconds} s.` : " Trying now…") : null),
    retries ? button("Try now", { icon: "redo", onclick: () => send("retry") }) : iconButton("Close", "x", { onclick: () => send("dismiss") }));
}

function blank(state, send) {
  if (state.blank === "first") {
    const step = (sign, title, text) => el("div", {}, el("h3", {}, icon(sign), title), el("p", {}, text));
    return el("div", { class: "blank-body", "data-key": "blank" }, el("div", { class: "blank" }, el("div", { class: "how" },
      step("search", "Search", "Pick an area. The dates are set to the last half year that has captures."),
      step("pic", "Look", "Move along the list with the arrow keys: each picture is cut to your area."),
      step("cart", "Buy", "The exact price comes first. Nothing is paid for twice."))));
  }
  if (state.blank === "searching") return el("div", { class: "blank-body", "data-key": "blank" }, el("div", { class: "waits", "aria-hidden": "true" }, Array.from({ length: 8 }, () => el("i"))));
  if (state.blank !== "none") return null;
  return el("div", { class: "blank-body", "data-key": "blank" }, el("div", { class: "blank" }, icon("search", "hug"), el("h2", {}, "No capture fits all of this"), el("p", { class: "q" }, state.asked),
    state.limits.length ? el("ul", { class: "limits" }, state.limits.map((one, number) => el("li", { class: one.helps ? "" : "q", "data-key": `${one.kind} ${one.label}` },
      el("span", {}, one.text), el("span", { class: "num" }, el("b", {}, one.count), ` ${one.word}`),
      one.helps ? button(one.label, { kind: one.main ? "main" : "", onclick: () => send("relax", { number }) }) : el("span", { class: "not" }, "would not help")))) : null));
}

function ready(page) {
  requestAnimationFrame(() => choose(page));
  let asked = null;
  const timer = setInterval(() => {
    const { banner: shown } = page.state();
    if (!shown?.retries) return;
    // the page requests retries, so that a kernel without a page stops trying
    if (shown.until <= Date.now() / 1000 && asked !== shown.until) { asked = shown.until; page.send("retry"); }
    page.redraw();
  }, 1_000);
  // the bars of results and orders begin where the tabs end
  const sized = new ResizeObserver(() => {
    const tabs = page.node.querySelector(".tabs");
    if (tabs) page.node.parentElement?.style.setProperty("--sc-tabs", `${tabs.offsetWidth}px`);
  });
  sized.observe(page.node.querySelector(".tabs"));
  return () => { clearInterval(timer); sized.disconnect(); };
}

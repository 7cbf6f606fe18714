const EVERY = 60_000; // between two readings of the balance, while the page is looked at

function logo() {
  return el("svg", { viewBox: "0 0 22 22", "aria-hidden": "true" },
    el("path", { d: "M5 3l14 3-3 13L2 16z", fill: "var(--sc-accent)" }),
    el("path", { d: "M8 8.5l7 1.5-1.5 6", fill: "none", stroke: "var(--sc-on-accent)", "stroke-width": "1.6" }));
}

function projectMenu(state, send, page) {
  const close = () => { page.local.open = false; page.redraw(); };
  const choose = (id) => { close(); if (id) send("project", { id }); };
  const name = state.project?.name ?? "no project";
  const opener = el("button", {
    type: "button", class: "btn flat", "aria-haspopup": "true", "aria-expanded": String(Boolean(page.local.open)),
    title: `Project that orders are put in${state.project ? `: ${state.project.id}` : ""}`,
    onclick: () => { page.local.open = !page.local.open; page.redraw(); },
  }, name, icon("down"));
  if (!page.local.open) return [opener];
  const typed = (event) => { if (event.key === "Enter") choose(event.target.value.trim()); };
  const menu = el("div", { class: "menu card", role: "group", "aria-label": "Project", onkeydown: (event) => { if (event.key === "Escape") close(); } },
    state.projects.map((one) => el("button", { type: "button", class: "btn flat wide", "aria-pressed": String(one.id === state.project?.id), onclick: () => choose(one.id) },
      one.id === state.project?.id ? icon("check") : el("span", { class: "gap" }), el("span", { class: one.name === one.id ? "" : "mono" }, one.id))),
    el("label", { class: "field" }, icon("plus"), el("input", { placeholder: "Another: its name or id", "aria-label": "Another project", onkeydown: typed })));
  return [opener, menu];
}

function draw(state, send, page) {
  const { balance, is_unavailable: isUnavailable } = state;
  const job = isUnavailable ? el("span", { class: "pill bad", role: "status" }, icon("off"), "Service not answering")
    : state.orders ? el("span", { class: "pill blue", role: "status" }, icon("redo"), state.orders)
    : state.arrived ? el("span", { class: "pill own", role: "status" }, icon("check"), state.arrived) : null;
  const money = balance && el("span", { class: "left-money", title: `Credits of the organization, read at ${balance.time}` },
    el("b", { class: isUnavailable ? "q" : "" }, balance.amount), " ",
    el("span", { class: "q" }, isUnavailable ? `at ${balance.time}` : "left", !isUnavailable && balance.held ? el("span", { class: "hide-s" }, `, ${balance.held} held`) : null));
  const [first, ...others] = state.news ?? [];
  const news = first && !isUnavailable ? el("button", {
    type: "button", class: "pill own news", title: [first, ...others].map((one) => `${one.title}: ${one.text}`).join("\n") + "\nClick searches what is watched", onclick: () => send("watch", { name: first.name }),
  }, icon("search"), el("span", {}, first.text), el("span", { class: "q hide-m" }, first.title, others.length ? ` and ${others.length} more` : "")) : null;
  return [
    el("span", { class: "brand" }, logo(), "scenecart"),
    state.sandbox ? el("span", { class: "pill box", title: "Nothing here costs real money" }, "SANDBOX") : null,
    el("span", { class: "who" }, state.user, state.user ? el("span", { "aria-hidden": "true" }, "·") : null, projectMenu(state, send, page)),
    el("span", { class: "right" }, news, job, money ?? el("span", { class: "left-money q" }, "…")),
  ];
}

function ready(page) {
  const timer = setInterval(() => { if (document.visibilityState === "visible") page.send("refresh"); }, EVERY);
  const away = (event) => { if (page.local.open && !page.node.contains(event.target)) { page.local.open = false; page.redraw(); } };
  document.addEventListener("pointerdown", away);
  return () => { clearInterval(timer); document.removeEventListener("pointerdown", away); };
}

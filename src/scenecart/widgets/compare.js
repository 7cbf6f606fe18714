// Two pictures of the same area out of several dates: swipe, flicker and side by side, all without the kernel.
function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function render({ model, el: root }) {
  const css = el("style");
  css.textContent = model.get("_style");
  const images = [el("img", { draggable: "false" }), el("img", { draggable: "false" })];
  const names = [el("b"), el("b")];
  const line = el("i", { "aria-hidden": "true" });
  const range = el("input", { type: "range", min: 0, max: 100, step: 0.5 });
  const stage = el("div", { class: "stage" }, el("span", {}, images[0], names[0]), el("span", {}, images[1], names[1]), line, range);
  const strip = el("div", { class: "strip", role: "radiogroup", "aria-label": "Dates" });
  const modes = el("div", { class: "modes", role: "radiogroup", "aria-label": "Mode" });
  const play = el("button", { type: "button", class: "play", title: "Play the dates one after the other (P)" }, "▶ Play");
  const note = el("div", { class: "note", role: "status" });
  const box = el("div", { class: "sc-compare", tabindex: "-1" }, el("div", { class: "bar" }, modes, play), stage, strip, note);
  root.append(css, box);
  const urls = new Map();
  const requested = new Set();
  let timer = 0;
  let wait = 0;

  const count = () => model.get("labels").length;
  const set = (values) => {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  };
  const request = (indices) => {
    const missing = indices.filter((index) => !urls.has(index) && !requested.has(index));
    if (!missing.length) return;
    missing.forEach((index) => requested.add(index));
    model.send({ kind: "frames", indices: missing });
  };
  const show = () => {
    const pair = [model.get("left"), model.get("right")];
    const labels = model.get("labels");
    const notes = model.get("notes");
    const mode = model.get("mode");
    box.dataset.mode = mode;
    stage.classList.toggle("other", model.get("other"));
    stage.style.setProperty("--at", `${model.get("at")}%`);
    stage.style.setProperty("--ratio", model.get("ratio"));
    range.value = model.get("at");
    range.setAttribute(
      "aria-label",
      `Swipe between ${labels[pair[0]]} and ${labels[pair[1]]}. F flickers, space shows the other, up and down step through the dates, P plays.`
    );
    pair.forEach((index, side) => {
      names[side].textContent = labels[index] ?? "";
      images[side].alt = labels[index] ?? "";
      const url = urls.get(index) ?? "";
      if (images[side].getAttribute("src") !== url) images[side].setAttribute("src", url);
      images[side].classList.toggle("waits", !url);
    });
    const shown = mode === "flicker" ? [pair[model.get("other") ? 1 : 0]] : pair;
    note.textContent = [...new Set(shown.map((index) => notes[index]).filter(Boolean))].join(" ");
    for (const button of modes.children) button.setAttribute("aria-checked", button.dataset.mode === mode ? "true" : "false");
    [...strip.children].forEach((button, index) => {
      button.setAttribute("aria-checked", index === pair[1] ? "true" : "false");
      button.classList.toggle("before", index === pair[0]);
    });
    strip.hidden = count() < 3;
    play.hidden = count() < 3;
    request([...new Set([...pair, Math.min(count() - 1, pair[1] + 1), Math.max(0, pair[1] - 1)])]);
  };
  const build = () => {
    modes.replaceChildren(
      ...[
        ["swipe", "Swipe"],
        ["flicker", "Flicker"],
        ["side", "Side by side"],
      ].map(([mode, title]) => {
        const button = el("button", { type: "button", role: "radio", "data-mode": mode }, title);
        button.addEventListener("click", () => set({ mode }));
        return button;
      })
    );
    strip.replaceChildren(
      ...model.get("labels").map((label, index) => {
        const button = el("button", { type: "button", role: "radio", title: "Show on the right; with Shift, on the left" }, label);
        button.addEventListener("click", (event) => set(event.shiftKey ? { left: index } : { right: index }));
        return button;
      })
    );
    show();
  };
  const step = (by) => {
    const next = (model.get("right") + by + count()) % count();
    set(model.get("mode") === "flicker" ? { right: next, other: true } : { right: next });
    strip.children[next]?.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  const playing = (on) => {
    clearInterval(timer);
    timer = 0;
    play.textContent = on ? "■ Stop" : "▶ Play";
    if (!on) return;
    set({ mode: "flicker", other: true });
    timer = setInterval(() => {
      // wait for a picture that has not arrived
      if (urls.has(model.get("right"))) step(1);
    }, 800);
  };
  play.addEventListener("click", () => playing(!timer));
  range.addEventListener("input", () => stage.style.setProperty("--at", `${range.value}%`));
  range.addEventListener("change", () => set({ at: +range.value }));
  const keys = (event) => {
    if (event.key === "f" || event.key === "F") set({ mode: model.get("mode") === "flicker" ? "swipe" : "flicker" });
    else if (event.key === "p" || event.key === "P") playing(!timer);
    else if (event.key === " " && event.target === range) set({ mode: "flicker", other: model.get("mode") === "flicker" ? !model.get("other") : true });
    else if (event.key === "ArrowDown" && count() > 2) step(1);
    else if (event.key === "ArrowUp" && count() > 2) step(-1);
    else if ((event.key === "ArrowRight" || event.key === "ArrowLeft") && event.target.parentNode === strip) step(event.key === "ArrowRight" ? 1 : -1);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  box.addEventListener("keydown", keys);
  const receive = (message, buffers) => {
    if (message.kind !== "frames") return;
    message.indices.forEach((index, place) => {
      const bytes = buffers[place];
      if (urls.get(index)) URL.revokeObjectURL(urls.get(index));
      urls.set(index, bytes.byteLength ? URL.createObjectURL(new Blob([bytes], { type: "image/webp" })) : "");
    });
    clearTimeout(wait);
    wait = setTimeout(show, 0);
  };
  model.on("msg:custom", receive);
  model.on("change:left change:right change:mode change:other change:at change:notes", show);
  model.on("change:labels", build);
  build();
  return () => {
    playing(false);
    clearTimeout(wait);
    model.off("msg:custom", receive);
    model.off("change:left change:right change:mode change:other change:at change:notes", show);
    model.off("change:labels", build);
    for (const url of urls.values()) if (url) URL.revokeObjectURL(url);
  };
}

export default { render };

// Pictures of captures in a part: each is requested from Python once, and cached by its key.
const MOST_PICTURES = 240;

// the address of a picture; "" if there is none, null while it is being fetched
function pictureUrl(page, key) {
  if (!key) return "";
  const store = (page.pictures ??= pictureStore(page));
  if (store.urls.has(key)) return store.urls.get(key);
  if (!store.asked.has(key)) {
    store.asked.add(key);
    if (store.asked.size === 1 || !store.waiting) {
      store.waiting = true;
      queueMicrotask(() => { store.waiting = false; page.send("pictures", { keys: [...store.asked].filter((one) => !store.urls.has(one)) }); });
    }
  }
  return null;
}

function pictureStore(page) {
  const store = { urls: new Map(), asked: new Set(), waiting: false };
  page.receive((content, buffers) => {
    if (content?.kind !== "pictures") return;
    // requested again when they are drawn again
    content.dropped?.forEach((key) => store.asked.delete(key));
    if (!content.keys.length) return;
    content.keys.forEach((key, number) => {
      const bytes = buffers[number];
      store.asked.delete(key);
      store.urls.set(key, bytes?.byteLength ? URL.createObjectURL(new Blob([bytes], { type: "image/webp" })) : "");
    });
    for (const key of [...store.urls.keys()].slice(0, Math.max(0, store.urls.size - MOST_PICTURES))) {
      URL.revokeObjectURL(store.urls.get(key));
      store.urls.delete(key);
    }
    page.redraw();
  });
  return store;
}

function pictureStyle(page, key) {
  const url = pictureUrl(page, key);
  return url ? `background-image:url("${url}")` : undefined;
}

// a note below a cart or an order: { kind, title, text, hint, link }
const NOTE_ICONS = { good: "check", bad: "warn", own: "own", warn: "warn", info: "info" };
function noteBox(note, ...more) {
  if (!note) return null;
  const isUrgent = note.kind === "bad" || note.kind === "warn";
  return el("div", { class: `note ${note.kind}`, role: isUrgent ? "alert" : "status", "data-code": note.code },
    icon(NOTE_ICONS[note.kind] ?? "info"),
    el("div", {},
      el("b", {}, note.title),
      note.text ? el("div", {}, note.text) : null,
      note.link ? el("a", { href: note.link, target: "_blank", rel: "noopener noreferrer" }, "Open the bank's page") : null,
      note.hint ? el("div", { class: "q" }, note.hint) : null,
      more));
}

// an id that may break after "_" only
function breakable(text) {
  return String(text).split(/(?<=_)/).flatMap((part, number) => (number ? [el("wbr"), part] : [part]));
}

// What all parts of the Workbench share. A part's own script defines draw(state, send, page), which returns an element or a list
// of elements; here the elements in the page are changed into these, so that focus, scroll and typing survive each change.
//
// Optional in a part's script: function ready(page), called once; what it returns is called when the part leaves the page.
// page.node, page.model   the part's own element, and its model
// page.local         values that only the page has; page.redraw() draws with them
// page.publish(topic, value), page.subscribe(topic, handler)   between the parts of one Workbench, without the kernel
// page.receive(handler)   handler(content, buffers) for messages of Python: part.send(content, buffers)
const SVG = "http://www.w3.org/2000/svg";
const SVG_NAMES = new Set(["svg", "path", "rect", "circle", "line", "g", "text", "title", "defs", "pattern"]);
const PROPERTIES = ["value", "checked", "indeterminate"];

// el("button", { class: "btn", onclick: () => ..., "data-key": "a", disabled: false }, "text", child, [children], null)
function el(name, attributes = {}, ...children) {
  const node = SVG_NAMES.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null) continue;
    // a checkbox that is drawn without its tick loses it
    if (PROPERTIES.includes(key)) (node.scDrawn ??= {})[key] = value;
    else if (value === false) continue;
    else if (key.startsWith("on")) listen(node, key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  append(node, children);
  setProperties(node, node.scDrawn, {});
  return node;
}

function append(node, children) {
  for (const child of children.flat(Infinity)) if (child !== undefined && child !== null && child !== false && child !== "") node.append(child);
}

function listen(node, type, handler) {
  if (!node.scOn) node.scOn = {};
  if (!(type in node.scOn)) node.addEventListener(type, dispatch);
  node.scOn[type] = handler;
}

function dispatch(event) { event.currentTarget.scOn?.[event.type]?.(event); }

// what was typed or ticked since stays, unless another value is to be shown
function setProperties(node, drawn = {}, before = {}) {
  for (const [key, value] of Object.entries(drawn)) if (before[key] !== value && node[key] !== value) node[key] = value;
}

const keyOf = (node) => (node.nodeType === 1 ? node.getAttribute("data-key") : null);

function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || keyOf(old) !== keyOf(fresh)) { old.replaceWith(fresh); return; }
  if (old.nodeType !== 1) { if (old.data !== fresh.data) old.data = fresh.data; return; }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const type of Object.keys(old.scOn ?? {})) if (!fresh.scOn?.[type]) old.scOn[type] = null;
  for (const [type, handler] of Object.entries(fresh.scOn ?? {})) listen(old, type, handler);
  // data-keep: the part's script fills this element itself
  if (!fresh.hasAttribute("data-keep")) morphChildren(old, [...fresh.childNodes]);
  const before = old.scDrawn;
  old.scDrawn = fresh.scDrawn;
  setProperties(old, fresh.scDrawn, before);
}

function morphChildren(parent, wanted) {
  const keyed = new Map([...parent.childNodes].filter((node) => keyOf(node) !== null).map((node) => [keyOf(node), node]));
  let at = parent.firstChild;
  for (const fresh of wanted) {
    const known = keyOf(fresh) === null ? undefined : keyed.get(keyOf(fresh));
    if (known) {
      keyed.delete(keyOf(fresh));
      if (known === at) at = at.nextSibling;
      else parent.insertBefore(known, at);
      morph(known, fresh);
    } else if (at && keyOf(at) === null && keyOf(fresh) === null) {
      const next = at.nextSibling;
      morph(at, fresh);
      at = next;
    } else parent.insertBefore(fresh, at);
  }
  while (at) { const next = at.nextSibling; at.remove(); at = next; }
}

function render({ model, el: node }) {
  const cleanups = [];
  const root = () => node.closest(".sc-bench") ?? node;
  // events that a part's script names in KEPT are numbered: the footer keeps them, in case the kernel ends before it handles them
  const isKept = (kind, buffers) => typeof KEPT !== "undefined" && KEPT.has(kind) && !buffers.length;
  // a page whose kernel has ended cannot send
  const send = (kind, fields = {}, buffers = []) => {
    if (isKept(kind, buffers)) {
      const n = (root().scNumber = Math.max((root().scNumber ?? 0) + 1, Date.now()));
      fields = { ...fields, n };
      page.publish("event", { ...fields, kind, part: PART });
    }
    try { model.send({ ...fields, kind }, undefined, buffers); } catch { page.publish("lost"); }
  };
  const page = {
    node,
    model,
    local: {},
    send,
    state: () => model.get("state"),
    redraw: () => morphChildren(node, [draw(model.get("state"), send, page)].flat(Infinity).filter(Boolean)),
    publish: (topic, value) => root().dispatchEvent(new CustomEvent(`sc:${topic}`, { detail: value })),
    subscribe(topic, handler) {
      // the part is not in the document yet while it is being rendered
      requestAnimationFrame(() => {
        const place = root();
        const listener = (event) => handler(event.detail);
        place.addEventListener(`sc:${topic}`, listener);
        cleanups.push(() => place.removeEventListener(`sc:${topic}`, listener));
      });
    },
    receive(handler) {
      model.on("msg:custom", handler);
      cleanups.push(() => model.off("msg:custom", handler));
    },
  };
  page.redraw();
  model.on("change:state", page.redraw);
  cleanups.push(() => model.off("change:state", page.redraw));
  if (typeof ready === "function") cleanups.push(ready(page));
  send("$shown");
  return () => cleanups.forEach((cleanup) => cleanup?.());
}

// buttons in the style of the Workbench: button("Draw", { icon: "draw", onclick }), iconButton("Zoom in", "plus", { onclick })
function button(label, { icon: sign, kind = "", ...attributes } = {}) {
  return el("button", { type: "button", class: `btn ${kind}`.trim(), ...attributes }, sign ? icon(sign) : null, label);
}

function iconButton(label, sign, { kind = "flat", ...attributes } = {}) {
  return el("button", { type: "button", class: `btn ic ${kind}`.trim(), "aria-label": label, title: label, ...attributes }, icon(sign));
}

export default { render };

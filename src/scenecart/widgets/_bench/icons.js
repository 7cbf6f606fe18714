// 16 px line icons; icon(name) returns one.
const ICONS = {
  draw: "M3 12l2-7 6-2 3 5-4 5z",
  box: "M3 4h10v8H3z",
  file: "M4 2h5l3 3v9H4z M9 2v3h3",
  pin: "M8 14s4.5-4.2 4.5-7.5a4.5 4.5 0 10-9 0C3.500 9.800 8 14 8 14z M8 7.500v-2",
  down: "M4 6l4 4 4-4",
  x: "M4 4l8 8M12 4l-8 8",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  check: "M3.500 8.500l3 3 6-7",
  search: "M7 12A5 5 0 107 2a5 5 0 000 10z M11 11l3 3",
  pic: "M2 3h12v10H2z M2 11l3.500-4 3 3 2-2 3.500 3",
  fit: "M2 6V2h4 M10 2h4v4 M14 10v4h-4 M6 14H2v-4",
  left: "M10 3L5 8l5 5",
  right: "M6 3l5 5-5 5",
  copy: "M5 5h8v9H5z M3 11V2h8",
  cart: "M1.500 2.500h2l1.500 8h7l1.500-5.500H4.200 M6 13.500v.1 M11 13.500v.1",
  code: "M6 4L2 8l4 4 M10 4l4 4-4 4",
  cols: "M2 3h12v10H2z M6.500 3v10 M10 3v10",
  cmp: "M8 2v12 M2 4h4v8H2 M14 4h-4v8h4",
  lock: "M4 7h8v6H4z M5.500 7V5a2.500 2.500 0 015 0v2",
  info: "M8 14A6 6 0 108 2a6 6 0 000 12z M8 7.500v3.500 M8 5v.1",
  warn: "M8 2.500l6 11H2z M8 7v3 M8 12v.1",
  off: "M2 8a9 9 0 0112 0 M4.500 10.500a5.500 5.500 0 017 0 M8 13v.1 M3 2l10 11",
  own: "M8 1.500l5 2v4c0 3.500-2.500 5.800-5 7-2.500-1.200-5-3.500-5-7v-4z M5.500 8l2 2 3.500-4",
  dl: "M8 2v8 M4.500 7L8 10.500 11.500 7 M2.500 13.500h11",
  folder: "M2 4h4l1.500 2H14v7H2z",
  map: "M2 4l4-2 4 2 4-2v10l-4 2-4-2-4 2z M6 2v10 M10 4v10",
  redo: "M13 8a5 5 0 11-1.500-3.500L13 6 M13 2.500V6H9.500",
  doc: "M4 2h8v12H4z M6 6h4 M6 9h4",
  swipe: "M6 4L2 8l4 4 M10 4l4 4-4 4",
  undo: "M3 6h7a3.500 3.500 0 010 7H6 M6 3L3 6l3 3",
};

function icon(name, extra = "") {
  return el("svg", { class: `i ${extra}`.trim(), viewBox: "0 0 16 16", "aria-hidden": "true" }, el("path", { d: ICONS[name] }));
}

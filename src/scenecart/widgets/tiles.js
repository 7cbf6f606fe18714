// Whether the tiles of one map arrive. The load events of images do not bubble: they are listened to in the capture phase.
const FAILED_AFTER = 3;
const PATIENCE = 12_000;

function render({ model, el }) {
  el.hidden = true;
  let loaded = 0;
  let failed = 0;
  let timer = 0;
  const isOurs = (target) => target instanceof HTMLImageElement && target.classList.contains("leaflet-tile") && target.closest(`.${model.get("target")}`);
  const set = (state) => {
    if (model.get("state") === state) return;
    model.set("state", state);
    model.save_changes();
  };
  const load = (event) => {
    if (!isOurs(event.target)) return;
    loaded += 1;
    failed = 0;
    clearTimeout(timer);
    set("shown");
  };
  const error = (event) => {
    if (!isOurs(event.target)) return;
    failed += 1;
    if (failed >= FAILED_AFTER) set("failed");
  };
  document.addEventListener("load", load, true);
  document.addEventListener("error", error, true);
  // a proxy may never answer; tiles may have come before this listened
  const look = () => {
    const tiles = [...document.querySelectorAll(`.${model.get("target")} img.leaflet-tile`)];
    if (tiles.some((tile) => tile.complete && tile.naturalWidth)) set("shown");
    else if (tiles.length && !loaded) set("failed");
    else timer = setTimeout(look, 1_000);
  };
  timer = setTimeout(look, PATIENCE);
  const early = setTimeout(() => { if ([...document.querySelectorAll(`.${model.get("target")} img.leaflet-tile-loaded`)].some((tile) => tile.naturalWidth)) set("shown"); }, 600);
  return () => {
    clearTimeout(timer);
    clearTimeout(early);
    document.removeEventListener("load", load, true);
    document.removeEventListener("error", error, true);
  };
}

export default { render };

// Footprints as rings of numbers, and what is under a point of the map.
const mercator = (latitude) => Math.asinh(Math.tan((Math.max(-85.051, Math.min(85.051, latitude)) * Math.PI) / 180));
const plain = (buffer) => buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);

class Shapes {
  constructor() { this.clear(); }
  clear() { this.count = 0; this.rings = []; this.boxes = []; this.areas = []; this.keep = null; this.cls = null; this.owned = null; }
  // rings of rows, as numbers of corners and then their longitudes and latitudes
  add(start, owners, sizes, corners) {
    if (start === 0) this.clear();
    let at = 0;
    for (let number = 0; number < sizes.length; number++) {
      const size = sizes[number];
      const ring = new Float64Array(size * 2);
      let [west, south, east, north, area] = [Infinity, Infinity, -Infinity, -Infinity, 0];
      for (let corner = 0; corner < size; corner++) {
        const x = corners[2 * (at + corner)];
        const y = mercator(corners[2 * (at + corner) + 1]);
        ring[2 * corner] = x;
        ring[2 * corner + 1] = y;
        west = Math.min(west, x); east = Math.max(east, x); south = Math.min(south, y); north = Math.max(north, y);
      }
      for (let corner = 0, other = size - 1; corner < size; other = corner++) area += ring[2 * other] * ring[2 * corner + 1] - ring[2 * corner] * ring[2 * other + 1];
      this.rings.push({ row: owners[number], ring, west, south, east, north, area: Math.abs(area) });
      at += size;
    }
  }
  kept(row) { return !this.keep || this.keep[row] === 1; }
  of(row) { this.byRow ??= new Map(); if (this.byRow.size !== this.rings.length) { this.byRow = new Map(); for (const one of this.rings) { if (!this.byRow.has(one.row)) this.byRow.set(one.row, []); this.byRow.get(one.row).push(one); } } return this.byRow.get(row) ?? []; }
}

function isInside({ ring }, x, y) {
  let inside = false;
  for (let corner = 0, other = ring.length / 2 - 1; corner < ring.length / 2; other = corner++) {
    const [ax, ay, bx, by] = [ring[2 * corner], ring[2 * corner + 1], ring[2 * other], ring[2 * other + 1]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

function distance({ ring }, x, y, scaleX, scaleY) {
  let least = Infinity;
  for (let corner = 0, other = ring.length / 2 - 1; corner < ring.length / 2; other = corner++) {
    const [ax, ay] = [(ring[2 * other] - x) * scaleX, (ring[2 * other + 1] - y) * scaleY];
    const [bx, by] = [(ring[2 * corner] - x) * scaleX, (ring[2 * corner + 1] - y) * scaleY];
    const [dx, dy] = [bx - ax, by - ay];
    const along = Math.max(0, Math.min(1, -(ax * dx + ay * dy) / (dx * dx + dy * dy || 1)));
    least = Math.min(least, Math.hypot(ax + along * dx, ay + along * dy));
  }
  return least;
}

function ringOf(corners) { const ring = new Float64Array(corners.length * 2); corners.forEach(([x, y], number) => { ring[2 * number] = x; ring[2 * number + 1] = mercator(y); }); return ring; }

function boxOf(ring) { let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity]; for (let at = 0; at < ring.length; at += 2) { west = Math.min(west, ring[at]); east = Math.max(east, ring[at]); south = Math.min(south, ring[at + 1]); north = Math.max(north, ring[at + 1]); } return [west, south, east, north]; }

function ringsOf(buffers) {
  const [sizes, corners] = buffers.map((buffer) => buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength));
  const [lengths, points] = [new Uint32Array(sizes), new Float64Array(corners)];
  let at = 0;
  return [...lengths].map((length) => { const ring = []; for (let corner = 0; corner < length; corner++, at++) ring.push([points[2 * at], points[2 * at + 1]]); return ringOf(ring); });
}

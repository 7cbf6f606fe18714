// Notes what is drawn on each canvas as SVG, for flat.js: runs in a page before its own scripts.
(() => {
  const round = number => Math.round(number * 10) / 10
  const Pen = CanvasRenderingContext2D.prototype
  const notes = pen => (pen.canvas.scNotes ??= [])
  const watch = (name, note) => {
    const real = Pen[name]
    Pen[name] = function (...values) {
      note(this, ...values)
      return real.apply(this, values)
    }
  }
  const line = (pen, letter, ...ends) => { pen.scPath = (pen.scPath ?? '') + letter + ends.map(round).join(' ') }
  const paint = (pen, style) => `${typeof style === 'string' ? style : 'none'}`
  // the coast of the whole world ends a little outside of the map
  const clip = (points, axis, end, sign) => points.flatMap((one, number) => {
    const last = points.at(number - 1), isIn = sign * (end - one[axis]) >= 0
    if (isIn === sign * (end - last[axis]) >= 0) return isIn ? [one] : []
    const share = (end - last[axis]) / (one[axis] - last[axis])
    const edge = [0, 1].map(part => last[part] + share * (one[part] - last[part]))
    return isIn ? [edge, one] : [edge]
  })
  const near = (pen, part) => {
    if (!part.endsWith('Z')) return part
    const {clientWidth: wide, clientHeight: high} = pen.canvas
    let points = part.slice(1, -1).split('L').map(one => one.split(' ').map(Number))
    for (const [axis, end, sign] of [[0, -20, -1], [0, wide + 20, 1], [1, -20, -1], [1, high + 20, 1]]) points = clip(points, axis, end, sign)
    return points.length > 2 ? `M${points.map(one => one.map(round).join(' ')).join('L')}Z` : ''
  }
  const path = (pen, look) => {
    const drawn = (pen.scPath ?? '').split(/(?=M)/).map(part => near(pen, part)).join('')
    if (drawn) notes(pen).push(`<path d="${drawn}"${pen.globalAlpha < 1 ? ` opacity="${round(pen.globalAlpha)}"` : ''} ${look}/>`)
  }
  const side = pen => ({center: 'middle', right: 'end'})[pen.textAlign] ?? 'start'
  watch('clearRect', pen => { pen.canvas.scNotes = [] })
  watch('beginPath', pen => { pen.scPath = '' })
  watch('moveTo', (pen, x, y) => line(pen, 'M', x, y))
  watch('lineTo', (pen, x, y) => line(pen, 'L', x, y))
  watch('closePath', pen => { pen.scPath += 'Z' })
  watch('arc', (pen, x, y, r) => { pen.scPath = (pen.scPath ?? '') + `M${round(x - r)} ${round(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0` })
  watch('fill', pen => path(pen, `fill="${paint(pen, pen.fillStyle)}"`))
  watch('stroke', pen => path(pen, `fill="none" stroke="${paint(pen, pen.strokeStyle)}" stroke-width="${pen.lineWidth}"${pen.getLineDash().length ? ` stroke-dasharray="${pen.getLineDash().join(' ')}"` : ''}`))
  watch('fillText', (pen, text, x, y) => notes(pen).push(`<text x="${round(x)}" y="${round(y)}" font-size="${parseFloat(pen.font.match(/[\d.]+px/)?.[0])}" font-weight="600" text-anchor="${side(pen)}"${pen.textBaseline === 'middle' ? ' dominant-baseline="central"' : ''} fill="${paint(pen, pen.fillStyle)}">${text}</text>`))
})()

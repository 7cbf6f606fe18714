// Flatten what a page shows of an element into SVG: boxes, lines and letters, each where the browser laid it.
root => {
  const pen = document.createElement('canvas').getContext('2d')
  const origin = root.getBoundingClientRect()
  const icons = {'fa-undo': '↺', 'fa-search-plus': '⊕', 'fa-image': '▣', 'fa-upload': '⇧', 'fa-copy': '❏', 'leaflet-control-zoom-in': '+', 'leaflet-control-zoom-out': '−', 'leaflet-draw-draw-polygon': '⬟', 'leaflet-draw-draw-rectangle': '■'}
  const safe = text => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;')
  const round = number => Math.round(number * 10) / 10
  const at = box => [round(box.left - origin.left), round(box.top - origin.top), round(box.width), round(box.height)]
  const seen = colour => !/^rgba\(.*, 0\)$|\/ 0\)$|^transparent$/.test(colour)
  const out = []
  let clips = 0

  const letters = (text, box, look, right = Infinity) => {
    pen.letterSpacing = look.letterSpacing === 'normal' ? '0px' : look.letterSpacing
    pen.font = `${look.fontWeight} ${look.fontSize} ${look.fontFamily}`
    const room = Math.min(box.right, right) - box.left
    let said = text, wide = pen.measureText(said).width
    while (wide > room + 1 && said.length > 1) {
      said = said.replace(/…$/, '').slice(0, -1) + '…'
      wide = pen.measureText(said).width
    }
    const {fontBoundingBoxAscent: up, fontBoundingBoxDescent: down} = pen.measureText('x')
    const [x, y] = at(box), base = round(y + (box.height - up - down) / 2 + up)
    const face = look.fontFamily.includes('mono') ? ' font-family="ui-monospace, Menlo, monospace"' : ''
    const weight = look.fontWeight > 400 ? ` font-weight="${look.fontWeight}"` : ''
    out.push(`<text x="${x}" y="${base}" font-size="${parseFloat(look.fontSize)}" fill="${look.color}"${weight}${face} textLength="${round(wide)}" lengthAdjust="spacingAndGlyphs">${safe(said)}</text>`)
  }
  const middle = (text, box, look) => {
    const [x, y, w, h] = at(box)
    out.push(`<text x="${round(x + w / 2)}" y="${round(y + h / 2 + 5)}" font-size="14" text-anchor="middle" fill="${look.color}">${text}</text>`)
  }
  const ground = (one, box, look) => {
    const [x, y, w, h] = at(box)
    const sides = ['Top', 'Right', 'Bottom', 'Left'].map(side => [parseFloat(look[`border${side}Width`]), look[`border${side}Color`]])
    const drawn = sides.map(([width, colour]) => width > 0 && seen(colour))
    const isFramed = drawn.every(Boolean), rim = isFramed ? sides[0][0] : 0
    const corner = look.borderTopLeftRadius.endsWith('%') ? w / 2 : Math.min(parseFloat(look.borderTopLeftRadius), h / 2)
    const fill = seen(look.backgroundColor) ? look.backgroundColor : 'none'
    if (one.classList.contains('bar')) {
      const stops = look.backgroundImage.match(/rgba?\([^)]*\)/g)
      out.push(`<linearGradient id="scale">${stops.map((stop, n) => `<stop offset="${round(n / (stops.length - 1) * 100)}%" stop-color="${stop}"/>`).join('')}</linearGradient>`)
      out.push(`<rect x="${x}" y="${y}" width="${w}" height="${h}" rx="${corner}" fill="url(#scale)"/>`)
    } else if (fill !== 'none' || isFramed) {
      const stroke = isFramed ? ` stroke="${sides[0][1]}" stroke-width="${rim}"` : ''
      out.push(`<rect x="${x + rim / 2}" y="${y + rim / 2}" width="${round(w - rim)}" height="${round(h - rim)}" rx="${corner}" fill="${fill}"${stroke}/>`)
    }
    if (look.outlineStyle === 'solid') out.push(`<rect x="${x - 0.5}" y="${y - 0.5}" width="${w + 1}" height="${h + 1}" fill="none" stroke="${look.outlineColor}"/>`)
    if (!isFramed && drawn[2]) out.push(`<path d="M${x} ${y + h - 0.5}h${w}" stroke="${sides[2][1]}"/>`)
    if (one.ariaSelected === 'true' && one.classList.contains('row')) out.push(`<rect x="${x}" y="${y}" width="3" height="${h}" fill="${look.getPropertyValue('--sc-cart')}"/>`)
  }
  const field = (one, box, look) => {
    const left = box.left + parseFloat(look.paddingLeft) + parseFloat(look.borderLeftWidth)
    const inner = new DOMRect(left, box.top, box.right - left - 4, box.height)
    if (one.tagName === 'INPUT') return letters(one.value || one.placeholder, inner, look)
    const options = [...one.options]
    if (one.size < 2 && !one.multiple) {
      const [x, y, w, h] = at(box)
      out.push(`<path d="M${x + w - 18} ${y + h / 2 - 2}l5 5 5-5z" fill="${look.color}"/>`)
      return letters(one.selectedOptions[0]?.text ?? '', inner, look)
    }
    const high = box.height / options.length
    options.forEach((option, n) => {
      const line = new DOMRect(box.left + 1, box.top + n * high, box.width - 2, high), [x, y, w, h] = at(line)
      if (option.selected) out.push(`<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="${look.color}" fill-opacity=".16"/>`)
      letters(option.text, new DOMRect(line.left + 4, line.top, line.width - 8, high), look)
    })
  }
  const shape = (one, box, look) => {
    const paint = `fill="${look.fill}" fill-opacity="${look.fillOpacity}" stroke="${look.stroke}" stroke-opacity="${look.strokeOpacity}" stroke-width="${parseFloat(look.strokeWidth)}"`
    if (one.tagName === 'rect') {
      const [x, y, w, h] = at(box)
      return out.push(`<rect x="${x}" y="${y}" width="${w}" height="${h}" fill="${look.fill}"/>`)
    }
    const {e, f} = one.getScreenCTM()
    const dashes = look.strokeDasharray === 'none' ? '' : ` stroke-dasharray="${look.strokeDasharray.replace(/px/g, '')}"`
    out.push(`<path transform="translate(${round(e - origin.left)} ${round(f - origin.top)})" d="${one.getAttribute('d')}" ${paint}${dashes}/>`)
  }
  const walk = one => {
    const look = getComputedStyle(one), box = one.getBoundingClientRect()
    if (look.display === 'none' || look.visibility === 'hidden' || ['STYLE', 'SCRIPT', 'CANVAS'].includes(one.tagName)) return
    if (['rect', 'path'].includes(one.tagName)) return shape(one, box, look)
    if (one.tagName !== 'svg') ground(one, box, look)
    if (['INPUT', 'SELECT'].includes(one.tagName)) return field(one, box, look)
    const icon = Object.keys(icons).find(name => one.classList.contains(name))
    if (icon) return middle(icons[icon], box, look)
    const isClip = one.matches('.body, .sc-grid, .scenecart-map, .leaflet-container')
    if (isClip) {
      const [x, y, w, h] = at(box)
      out.push(`<clipPath id="clip${++clips}"><rect x="${x}" y="${y}" width="${w}" height="${h}" rx="${parseFloat(look.borderTopLeftRadius)}"/></clipPath><g clip-path="url(#clip${clips})">`)
    }
    // what stands above all others is drawn last
    const parts = [...one.childNodes].sort((a, b) => above(a) - above(b))
    for (const part of parts) {
      if (part.nodeType === Node.ELEMENT_NODE) walk(part)
      else if (part.nodeType === Node.TEXT_NODE && part.data.trim()) {
        const range = document.createRange()
        range.selectNodeContents(part)
        const words = range.getBoundingClientRect()
        if (words.width) letters(part.data.trim(), words, look, look.overflow === 'hidden' ? box.right : Infinity)
      }
    }
    if (isClip) out.push('</g>')
  }
  const above = node => {
    if (node.nodeType !== Node.ELEMENT_NODE) return 0
    return node.matches('.leaflet-control-container') ? 1000 : parseInt(getComputedStyle(node).zIndex) || 0
  }
  walk(root)
  return out.join('\n')
}

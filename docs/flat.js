// Flatten what a page shows of an element into SVG: boxes, lines and letters, each where the browser laid it.
// Canvases that docs/pen.js watched are drawn as it noted them; pictures of captures become small JPEGs.
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
    const stops = one.classList.contains('bar') ? look.backgroundImage.match(/rgba?\([^)]*\)/g) : null
    if (stops) {
      out.push(`<linearGradient id="scale">${stops.map((stop, n) => `<stop offset="${round(n / (stops.length - 1) * 100)}%" stop-color="${stop}"/>`).join('')}</linearGradient>`)
      out.push(`<rect x="${x}" y="${y}" width="${w}" height="${h}" rx="${corner}" fill="url(#scale)"/>`)
    } else if (fill !== 'none' || isFramed) {
      const stroke = isFramed ? ` stroke="${sides[0][1]}" stroke-width="${rim}"` : ''
      out.push(`<rect x="${x + rim / 2}" y="${y + rim / 2}" width="${round(w - rim)}" height="${round(h - rim)}" rx="${corner}" fill="${fill}"${stroke}/>`)
    }
    if (look.outlineStyle === 'solid') out.push(`<rect x="${x - 0.5}" y="${y - 0.5}" width="${w + 1}" height="${h + 1}" fill="none" stroke="${look.outlineColor}"/>`)
    if (!isFramed && one.closest('.sc-bench')) sides.forEach(([width, colour], side) => {
      if (!drawn[side] || side === 2) return
      const line = [[x, y, w, width], [x + w - width, y, width, h], [], [x, y, width, h]][side].map(round)
      out.push(`<rect x="${line[0]}" y="${line[1]}" width="${line[2]}" height="${line[3]}" fill="${colour}"/>`)
    })
    if (!isFramed && drawn[2]) out.push(`<path d="M${x} ${y + h - 0.5}h${w}" stroke="${sides[2][1]}"/>`)
    if (one.ariaSelected === 'true' && one.classList.contains('row')) out.push(`<rect x="${x}" y="${y}" width="3" height="${h}" fill="${look.getPropertyValue('--sc-cart')}"/>`)
  }
  const field = (one, box, look) => {
    const left = box.left + parseFloat(look.paddingLeft) + parseFloat(look.borderLeftWidth)
    const inner = new DOMRect(left, box.top, box.right - left - 4, box.height)
    if (['checkbox', 'radio'].includes(one.type)) return
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
  const names = ['d', 'x', 'y', 'width', 'height', 'rx', 'cx', 'cy', 'r', 'x1', 'y1', 'x2', 'y2']
  // a sign or a bar of the Workbench: as it is, where its own drawing is placed
  const sign = (one, look) => {
    const {a, b, c, d, e, f} = one.getScreenCTM()
    const matrix = [a, b, c, d, e - origin.left, f - origin.top].map(number => Math.round(number * 1000) / 1000).join(' ')
    const own = names.filter(name => one.hasAttribute(name)).map(name => ` ${name}="${one.getAttribute(name)}"`).join('')
    const stroke = look.stroke === 'none' ? '' : ` stroke="${look.stroke}" stroke-width="${parseFloat(look.strokeWidth)}" stroke-linecap="${look.strokeLinecap}" stroke-linejoin="${look.strokeLinejoin}"`
    out.push(`<${one.tagName} transform="matrix(${matrix})"${own} fill="${look.fill}"${stroke}/>`)
  }
  const jpeg = (source, box, x, y, w, h) => {
    if (box.width < 30 || !source.naturalWidth) return
    const small = document.createElement('canvas'), pixels = Math.min(1, 440 / box.width)
    Object.assign(small, {width: Math.round(box.width * pixels), height: Math.round(box.height * pixels)})
    const ink = small.getContext('2d')
    ink.fillStyle = getComputedStyle(root).getPropertyValue('--sc-sunken') || '#888'
    ink.fillRect(0, 0, small.width, small.height)
    ink.scale(pixels, pixels)
    ink.drawImage(source, x, y, w, h)
    return small.toDataURL('image/jpeg', 0.6)
  }
  // a background that covers its box, as CSS lays it
  const photo = (one, box, look) => {
    const source = pictures.get(look.backgroundImage.slice(5, -2))
    if (!source) return
    const scale = Math.max(box.width / source.naturalWidth, box.height / source.naturalHeight)
    const [w, h] = [source.naturalWidth * scale, source.naturalHeight * scale]
    image(box, jpeg(source, box, (box.width - w) / 2, (box.height - h) / 2, w, h), parseFloat(look.borderTopLeftRadius))
  }
  const image = (box, address, corner = 0) => {
    if (!address) return
    const [x, y, w, h] = at(box)
    out.push(`<clipPath id="clip${++clips}"><rect x="${x}" y="${y}" width="${w}" height="${h}" rx="${corner}"/></clipPath><image x="${x}" y="${y}" width="${w}" height="${h}" preserveAspectRatio="none" clip-path="url(#clip${clips})" href="${address}"/>`)
  }
  // the picture on the map, as far as the map shows it
  const onMap = (one, box) => {
    const seen = one.closest('.leaflet-container').getBoundingClientRect()
    image(seen, jpeg(one, seen, box.left - seen.left, box.top - seen.top, box.width, box.height))
  }
  const drawing = (one, box) => {
    if (one.scNotes) out.push(`<g transform="translate(${round(box.left - origin.left)} ${round(box.top - origin.top)})">${one.scNotes.join('')}</g>`)
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
    if (look.display === 'none' || look.visibility === 'hidden' || look.opacity === '0' || ['STYLE', 'SCRIPT', 'title'].includes(one.tagName)) return
    if (one.matches('.sr, [role=status]:empty') || (look.clip !== 'auto' && box.width < 2)) return
    if (one.tagName === 'CANVAS') return drawing(one, box)
    if (one.tagName === 'IMG') return one.closest('.leaflet-container') && one.naturalWidth ? onMap(one, box) : undefined
    if (one.ownerSVGElement && one.closest('.sc-bench')) return one.tagName === 'g' ? [...one.children].forEach(walk) : sign(one, look)
    if (['rect', 'path'].includes(one.tagName)) return shape(one, box, look)
    if (one.tagName !== 'svg') ground(one, box, look)
    if (look.backgroundImage.startsWith('url("blob:')) photo(one, box, look)
    if (['INPUT', 'SELECT'].includes(one.tagName)) return field(one, box, look)
    const icon = Object.keys(icons).find(name => one.classList.contains(name))
    if (icon) return middle(icons[icon], box, look)
    const isClip = one.matches('.body, .sc-grid, .scenecart-map, .leaflet-container') || (one.closest('.sc-bench') && look.overflow !== 'visible' && one.childElementCount > 0 && box.width > 0)
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
    // the tabs of the drawer lie on the bar of the results
    return node.matches('.leaflet-control-container') ? 1000 : node.matches('.sc-drawer') ? 1 : parseInt(getComputedStyle(node).zIndex) || 0
  }
  const wanted = [...root.querySelectorAll('*')].map(one => getComputedStyle(one).backgroundImage).filter(one => one.startsWith('url("blob:'))
  const pictures = new Map([...new Set(wanted)].map(one => [one.slice(5, -2), Object.assign(new Image(), {src: one.slice(5, -2)})]))
  return Promise.all([...pictures.values()].map(one => one.decode())).then(() => {
    walk(root)
    return out.join('\n')
  })
}

"""Whether letters can be read: their contrast with what is below them, as WCAG 2 counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator

_POOR = """root => {
  const pen = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d', {willReadFrequently: true})
  const read = colour => {
    pen.clearRect(0, 0, 1, 1)
    pen.fillStyle = colour
    pen.fillRect(0, 0, 1, 1)
    const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data
    return [red, green, blue, alpha / 255]
  }
  const over = (top, below) => [0, 1, 2].map(part => top[part] * top[3] + below[part] * (1 - top[3])).concat(1)
  const light = colour => [.2126, .7152, .0722].reduce((sum, weight, part) => {
    const share = colour[part] / 255
    return sum + weight * (share <= .03928 ? share / 12.92 : ((share + .055) / 1.055) ** 2.4)
  }, 0)
  const poor = []
  for (const one of root.querySelectorAll('*')) {
    const own = [...one.childNodes].filter(node => node.nodeType === Node.TEXT_NODE).map(node => node.data.trim()).join(' ').trim()
    const box = one.getBoundingClientRect(), look = getComputedStyle(one)
    const isSeen = box.width > 1 && box.height > 1 && look.visibility === 'visible'
    if (!own || !isSeen || one.closest('svg, style, script, [disabled]')) continue
    let ground = [255, 255, 255, 1], faint = 1
    const outer = []
    for (let it = one; it; it = it.parentElement) outer.unshift(getComputedStyle(it))
    for (const style of outer) {
      ground = over(read(style.backgroundColor), ground)
      faint *= Number(style.opacity)
    }
    const ink = read(look.color)
    ink[3] *= faint
    const [a, b] = [light(over(ink, ground)), light(ground)]
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05)
    const size = parseFloat(look.fontSize), isLarge = size >= 24 || (size >= 18.66 && look.fontWeight >= 700)
    if (ratio < (isLarge ? 3 : 4.5)) poor.push(`${ratio.toFixed(2)} ${own.slice(0, 60)}`)
  }
  return poor
}"""


def poor(shown: Locator) -> list[str]:
    """Return what within an element has less contrast than 4.5, or than 3 where letters are large, each with its contrast."""
    return list(shown.evaluate(_POOR))

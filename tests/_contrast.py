"""Contrast of text with its background, as WCAG 2 defines it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator

_UNREADABLE = """root => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 1, height: 1})
  const context = canvas.getContext('2d', {willReadFrequently: true})
  const rgba = colour => {
    context.clearRect(0, 0, 1, 1)
    context.fillStyle = colour
    context.fillRect(0, 0, 1, 1)
    const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data
    return [red, green, blue, alpha / 255]
  }
  const blend = (top, below) => [0, 1, 2].map(part => top[part] * top[3] + below[part] * (1 - top[3])).concat(1)
  const luminance = colour => [.2126, .7152, .0722].reduce((sum, weight, part) => {
    const share = colour[part] / 255
    return sum + weight * (share <= .03928 ? share / 12.92 : ((share + .055) / 1.055) ** 2.4)
  }, 0)
  const unreadable = []
  for (const element of root.querySelectorAll('*')) {
    const texts = [...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE).map(node => node.data.trim())
    const text = texts.join(' ').trim()
    const box = element.getBoundingClientRect(), style = getComputedStyle(element)
    const isVisible = box.width > 1 && box.height > 1 && style.visibility === 'visible'
    if (!text || !isVisible || element.closest('svg, style, script, [disabled]')) continue
    let background = [255, 255, 255, 1], opacity = 1
    const ancestors = []
    for (let it = element; it; it = it.parentElement) ancestors.unshift(getComputedStyle(it))
    for (const ancestor of ancestors) {
      background = blend(rgba(ancestor.backgroundColor), background)
      opacity *= Number(ancestor.opacity)
    }
    const colour = rgba(style.color)
    colour[3] *= opacity
    const [a, b] = [luminance(blend(colour, background)), luminance(background)]
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05)
    const size = parseFloat(style.fontSize), isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700)
    if (ratio < (isLarge ? 3 : 4.5)) unreadable.push(`${ratio.toFixed(2)} ${text.slice(0, 60)}`)
  }
  return unreadable
}"""


def unreadable_texts(element: Locator) -> list[str]:
    """Return the texts within an element whose contrast is below 4.5, or below 3 if they are large, each with its contrast."""
    return list(element.evaluate(_UNREADABLE))

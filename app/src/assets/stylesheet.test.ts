import { describe, expect, test } from 'vitest'
import { stylesheet } from './stylesheet.ts'

const [light = '', dark = ''] = [...stylesheet.matchAll(/:root \{([^}]*)\}/g)].map((match) => match[1] ?? '')

/** Pairs of foreground and background with the contrast that WCAG 2.2 asks: 1.4.3 for text, 1.4.11 for borders and focus. */
const pairs: readonly (readonly [string, string, number])[] = [
  ['text', 'page', 4.5],
  ['strong', 'page', 4.5],
  ['heading', 'page', 4.5],
  ['muted', 'page', 4.5],
  ['danger', 'page', 4.5],
  ['danger', 'button', 4.5],
  ['danger', 'button-hover', 4.5],
  ['strong', 'button', 4.5],
  ['strong', 'button-hover', 4.5],
  ['text', 'raised', 4.5],
  ['text', 'mark', 4.5],
  ['success-text', 'success-page', 4.5],
  ['error-text', 'error-page', 4.5],
  ['border', 'page', 3],
  ['focus', 'page', 3],
]

describe.each([
  ['light', light],
  ['dark', dark],
])('the %s theme', (_theme, block) => {
  test.each(pairs)('%s on %s has a contrast of at least %d', (front, back, atLeast) => {
    expect(contrast(colour(block, front), colour(block, back))).toBeGreaterThanOrEqual(atLeast)
  })
})

test('nothing is loaded from elsewhere and zooming stays possible', () => {
  expect(stylesheet).not.toMatch(/url\(|@import|https?:/)
  expect(stylesheet).not.toMatch(/outline:\s*(?:0|none)/)
})

function colour(block: string, name: string): string {
  const found = new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(block)?.[1]
  if (found === undefined) throw new Error(`no colour --${name}`)
  return found
}

/** Contrast ratio as WCAG 2.2 defines it (relative luminance of sRGB colours). */
function contrast(one: string, other: string): number {
  const [bright = 0, dim = 0] = [luminance(one), luminance(other)].toSorted((a, b) => b - a)
  return (bright + 0.05) / (dim + 0.05)
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

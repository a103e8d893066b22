import { expect, it } from 'vitest'
import { parseQuantity } from './quantity.ts'

it.each<[string, number | undefined]>([
  ['512Mi', 512 * 2 ** 20],
  ['1.5G', 1.5e9],
  ['1e9', 1e9],
  ['1E', 1e18],
  ['.5Gi', 2 ** 29],
  ['128', 128],
  ['100m', 0.1],
  ['plenty', undefined],
  ['1 Mi', undefined],
  ['', undefined],
])('%s stands for %s', (text, number) => {
  const parsed = parseQuantity(text)

  if (number === undefined) expect(parsed).toBeUndefined()
  else expect(parsed).toBeCloseTo(number)
})

import { expect, it } from 'vitest'
import { formatValue, holds } from './figure.ts'
import { renderPage } from './record.ts'

it.each([
  { value: 1, atMost: 1, expected: true },
  { value: 1.01, atMost: 1, expected: false },
  { value: 5, expected: true },
])('$value against $atMost holds: $expected', ({ expected, ...figure }) => {
  expect(holds({ what: 'x', unit: '', ...figure })).toBe(expected)
})

it.each([
  { value: 0, unit: '', expected: '0' },
  { value: 1.234, unit: 's', expected: '1.23 s' },
  { value: 12.34, unit: 'ms', expected: '12.3 ms' },
  { value: 123.4, unit: 'MiB', expected: '123 MiB' },
])('$value is written as $expected', ({ expected, ...figure }) => {
  expect(formatValue({ what: 'x', ...figure })).toBe(expected)
})

it('says beside each bar whether it holds, and what was missed in bold', () => {
  const figures = [
    { what: 'start', value: 0.5, unit: 's', atMost: 1 },
    { what: 'memory', value: 200, unit: 'MiB', atMost: 160 },
    { what: 'reads', value: 3, unit: '', note: 'by name' },
  ]
  const source = { date: '2026-01-02T03:04:05.000Z', commit: 'abc', machine: '2 cores', node: 'v26', kubernetes: '1.34' }

  const page = renderPage({ ready: { ...source, figures, remark: 'The machine was busy.' } })

  expect(page).toContain('## ready\n\n2026-01-02, commit abc, Kubernetes 1.34, Node v26, 2 cores. The machine was busy.')
  expect(page).toContain('| start | 0.50 s | ≤ 1 | holds |')
  expect(page).toContain('| memory | 200 MiB | ≤ 160 | **missed** |')
  expect(page).toContain('| reads | 3 |  | by name |')
})

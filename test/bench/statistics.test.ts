import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitLine, medianOf, percentileOf, studentT95 } from './statistics.ts'

describe('percentileOf', () => {
  it.each([
    { values: [5, 1, 3], share: 0.5, expected: 3 },
    { values: [5, 1, 3], share: 0.99, expected: 5 },
    { values: [4, 3, 2, 1], share: 0.5, expected: 2 },
    { values: Array.from({ length: 200 }, (_, index) => index + 1), share: 0.99, expected: 198 },
    { values: [7], share: 0.01, expected: 7 },
  ])('$share of $values.length values is $expected', ({ values, share, expected }) => {
    expect(percentileOf(values, share)).toBe(expected)
  })

  it('is one of the values, with the share of them not above it', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.double({ min: 0.01, max: 1, noNaN: true }), (values, share) => {
        const found = percentileOf(values, share)

        expect(values).toContain(found)
        expect(values.filter((value) => value <= found).length).toBeGreaterThanOrEqual(values.length * share)
      }),
    )
  })

  it('refuses no values', () => {
    expect(() => percentileOf([], 0.5)).toThrow(RangeError)
  })
})

describe('medianOf', () => {
  it.each([
    { values: [3, 1, 2], expected: 2 },
    { values: [4, 1, 3, 2], expected: 2.5 },
    { values: [10, 9, 1], expected: 9 },
  ])('of $values is $expected', ({ values, expected }) => {
    expect(medianOf(values)).toBe(expected)
  })

  it('refuses no values', () => {
    expect(() => medianOf([])).toThrow(RangeError)
  })
})

describe('fitLine', () => {
  it('finds any straight line, without doubt', () => {
    const number = fc.integer({ min: -1000, max: 1000 })
    fc.assert(
      fc.property(number, number, fc.uniqueArray(number, { minLength: 3 }), (slope, intercept, xs) => {
        const fit = fitLine(xs.map((x) => ({ x, y: intercept + slope * x })))

        expect(fit.slope).toBeCloseTo(slope, 6)
        expect(fit.intercept).toBeCloseTo(intercept, 4)
        expect(fit.slopeUpperBound).toBeCloseTo(slope, 4)
      }),
    )
  })

  it('gives the textbook error of the slope', () => {
    // Residues -0.2, 0.4, -0.2 around y = x + 0.2 … worked by hand for (0, 0), (1, 1.6), (2, 2).
    const fit = fitLine([
      { x: 0, y: 0 },
      { x: 1, y: 1.6 },
      { x: 2, y: 2 },
    ])

    expect(fit.slope).toBeCloseTo(1, 10)
    expect(fit.intercept).toBeCloseTo(0.2, 10)
    expect(fit.slopeError).toBeCloseTo(Math.sqrt(0.24 / 2), 10)
    expect(fit.slopeUpperBound).toBeCloseTo(1 + 6.3138 * Math.sqrt(0.12), 4)
  })

  it('has the true slope below its upper bound in about 95 of 100 noisy series', () => {
    const random = generator(17)
    const trials = 2000
    const points = (): { x: number; y: number }[] =>
      Array.from({ length: 12 }, (_, x) => ({ x, y: 3 * x + random() + random() + random() - 1.5 }))

    const covered = Array.from({ length: trials }, () => fitLine(points())).filter(({ slopeUpperBound }) => slopeUpperBound >= 3).length

    expect(covered / trials).toBeGreaterThan(0.93)
    expect(covered / trials).toBeLessThan(0.97)
  })

  it('refuses what has no slope', () => {
    expect(() =>
      fitLine([
        { x: 0, y: 0 },
        { x: 1, y: 1 },
      ]),
    ).toThrow(/three points/)
    expect(() => fitLine(Array.from({ length: 3 }, (_, y) => ({ x: 1, y })))).toThrow(/different x/)
  })
})

describe('studentT95', () => {
  // Tables of Student's t distribution, one-sided 95 %.
  it.each([
    [1, 6.3138],
    [3, 2.3534],
    [4, 2.1318],
    [10, 1.8125],
    [30, 1.6973],
    [120, 1.6577],
    [100_000, 1.6449],
  ])('with %i degrees of freedom is %f', (freedom, expected) => {
    expect(studentT95(freedom)).toBeCloseTo(expected, 2)
  })
})

/** Linear congruential (Numerical Recipes): the test is the same every time. */
function generator(seed: number): () => number {
  let state = seed
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32
}

/**
 * Nearest rank: the smallest value that at least this share of all values does not exceed.
 *
 * @param share - in (0, 1]
 * @throws RangeError without values
 */
export function percentileOf(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
  if (value === undefined) throw new RangeError('There is no percentile of no values.')
  return value
}

/**
 * The middle one, or the mean of the two in the middle.
 *
 * @throws RangeError without values
 */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)]
  const lower = sorted[Math.ceil(sorted.length / 2) - 1]
  if (upper === undefined || lower === undefined) throw new RangeError('There is no median of no values.')
  return (lower + upper) / 2
}

/** A straight line through points. */
export interface LinearFit {
  readonly slope: number
  readonly intercept: number
  /** Standard error of the slope. */
  readonly slopeError: number
  /** With 95 % confidence the true slope is below this (one-sided). */
  readonly slopeUpperBound: number
}

/**
 * Ordinary least squares.
 *
 * @throws RangeError with fewer than three points, or when all have the same x
 */
export function fitLine(points: readonly { readonly x: number; readonly y: number }[]): LinearFit {
  const count = points.length
  if (count < 3) throw new RangeError(`A fit needs at least three points, not ${count}.`)
  const meanX = sum(points.map(({ x }) => x)) / count
  const meanY = sum(points.map(({ y }) => y)) / count
  const spread = sum(points.map(({ x }) => (x - meanX) ** 2))
  if (spread === 0) throw new RangeError('A fit needs points at different x.')
  const slope = sum(points.map(({ x, y }) => (x - meanX) * (y - meanY))) / spread
  const intercept = meanY - slope * meanX
  const residue = sum(points.map(({ x, y }) => (y - intercept - slope * x) ** 2))
  const slopeError = Math.sqrt(residue / (count - 2) / spread)
  return { slope, intercept, slopeError, slopeUpperBound: slope + studentT95(count - 2) * slopeError }
}

/** Quantile 0.95 of the standard normal distribution. */
const normal95 = 1.644853627

/** Exact quantiles where the expansion below is off by more than a hundredth (any table of Student's distribution). */
const smallest: readonly number[] = [6.3138, 2.92, 2.3534]

/**
 * Quantile 0.95 of Student's t distribution, by the expansion in powers of 1/ν (Abramowitz and Stegun, 26.7.5).
 *
 * @param freedom - degrees of freedom, at least 1
 */
export function studentT95(freedom: number): number {
  const exact = smallest[freedom - 1]
  if (exact !== undefined) return exact
  const z = normal95
  const terms = [z, (z ** 3 + z) / 4, (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96, (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384]
  return sum(terms.map((term, power) => term / freedom ** power))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** One line of the table: what was measured, and what is wanted of it. */
export interface Figure {
  readonly what: string
  readonly value: number
  readonly unit: string
  readonly atMost?: number
  /** What one has to know to read the value. */
  readonly note?: string
}

/** A group of figures that are measured together. */
export interface FigureGroup {
  readonly name: string
  readonly measure: (scale: Scale, report: (line: string) => void) => Promise<readonly Figure[]>
}

/** How much is measured. */
export interface Scale {
  /** Steps of the number of instances for memory. */
  readonly sizes: readonly number[]
  /** Instances for start, creation and edits. */
  readonly instances: number
  /** Interleaved pairs, and edits in each round. */
  readonly pairs: number
  readonly editsPerRound: number
  readonly failing: number
  readonly restInstances: number
  readonly restSeconds: number
  /** Instances × changes, and changes a second. */
  readonly changingInstances: number
  readonly changesEach: number
  readonly changesPerSecond: number
  readonly starts: number
}

/** As the bars are meant. */
export const fullScale: Scale = {
  sizes: [1000, 5000],
  instances: 1000,
  pairs: 5,
  editsPerRound: 100,
  failing: 50,
  restInstances: 200,
  restSeconds: 600,
  changingInstances: 120,
  changesEach: 10,
  changesPerSecond: 4,
  starts: 10,
}

/** Shows in minutes that everything works; its figures say little. */
export const quickScale: Scale = {
  sizes: [100, 200],
  instances: 60,
  pairs: 2,
  editsPerRound: 40,
  failing: 10,
  restInstances: 50,
  restSeconds: 30,
  changingInstances: 20,
  changesEach: 3,
  changesPerSecond: 4,
  starts: 3,
}

/** Whether a figure keeps to its bar. */
export function holds({ value, atMost }: Figure): boolean {
  return atMost === undefined || value <= atMost
}

/** A value as people read it. */
export function formatValue({ value, unit }: Figure): string {
  const digits = Number.isInteger(value) ? 0 : Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return `${value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`
}

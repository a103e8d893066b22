import { AppError, exitCodes } from '../errors.ts'
import type { TableSum } from './row-hash.ts'

/** Names of the tables whose rows are not what they should be. */
export function differentTables(expected: readonly TableSum[], found: readonly TableSum[]): string[] {
  const byName = new Map(found.map((table) => [table.name, table]))
  const wanted = new Set(expected.map(({ name }) => name))
  return [
    ...expected
      .filter(({ name, rows, hash }) => byName.get(name)?.rows !== rows || byName.get(name)?.hash !== hash)
      .map(({ name }) => name),
    ...found.filter(({ name }) => !wanted.has(name)).map(({ name }) => name),
  ]
}

/** @throws {@link AppError} `ChecksumMismatch`, exit code 8, when any table differs */
export function assertSums(expected: readonly TableSum[], found: readonly TableSum[]): void {
  const different = differentTables(expected, found)
  if (different.length > 0) {
    throw damaged(`what was loaded is not what the manifest says, in ${different.slice(0, 10).join(', ')}`)
  }
}

/** An archive that cannot be trusted. */
export function damaged(message: string, cause?: unknown): AppError {
  return new AppError(message, { code: 'ChecksumMismatch', exitCode: exitCodes.checksum, cause })
}

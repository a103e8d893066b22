import { createWriteStream } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { AppError, exitCodes } from '../errors.ts'
import type { AccountData } from '../export/account-data.ts'
import { exportJson } from '../export/json-export.ts'
import { exportMarkdown } from '../export/markdown-export.ts'

/** What {@link exportSelection} needs. */
export interface ExportOptions {
  readonly data: AccountData
  /** Ends in `.zip` (Markdown files) or `.json`; must not be there yet. */
  readonly file: string
  /** Milliseconds since the epoch. */
  readonly now: number
}

/**
 * Writes what was selected as the app's own export would, for its owner alone to read; never over a file that is there.
 *
 * @returns how many notes were written
 * @throws {@link AppError} `InvalidArguments`, exit code 2, for another ending or a file that is there
 */
export async function exportSelection({ data, file, now }: ExportOptions): Promise<number> {
  assertExportFile(file)
  let notes = 0
  const counted = {
    ...data,
    notes: (async function* () {
      for await (const note of data.notes) {
        notes += 1
        yield note
      }
    })(),
  }
  const target = createWriteStream(file, { flags: 'wx', mode: 0o600 })
  let created = false
  target.once('open', () => (created = true))
  try {
    await pipeline(Readable.from(file.endsWith('.zip') ? exportMarkdown(counted) : exportJson(counted, now)), target)
  } catch (error) {
    if (created) await unlink(file).catch(() => undefined)
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') {
      throw new AppError(`${file} is there already: give another name`, {
        code: 'InvalidArguments',
        exitCode: exitCodes.usage,
        cause: error,
      })
    }
    throw error
  }
  return notes
}

/** @throws {@link AppError} `InvalidArguments`, exit code 2, for a name that does not say which form is wanted */
export function assertExportFile(file: string): void {
  if (!/\.(?:zip|json)$/.test(file)) {
    throw new AppError(`--export needs a file that ends in .zip or .json, not ${file}`, {
      code: 'InvalidArguments',
      exitCode: exitCodes.usage,
    })
  }
}

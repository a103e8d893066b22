import * as fc from 'fast-check'
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AppError, exitCodes } from '../errors.ts'
import { reportLine, runJob } from './report.ts'

describe('a report', () => {
  test('is one line of JSON of at most 4,096 bytes, whatever is in it, and keeps command and outcome', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 6000, size: 'max' }),
        fc.dictionary(fc.string({ maxLength: 10 }), fc.array(fc.string({ unit: 'binary', maxLength: 300 }), { maxLength: 60 })),
        (message, fields) => {
          const line = reportLine({ ...fields, command: 'migrate', outcome: 'Migrated', message })

          expect(Buffer.byteLength(line)).toBeLessThanOrEqual(4096)
          expect(line).not.toContain('\n')
          expect(JSON.parse(line)).toMatchObject({ command: 'migrate', outcome: 'Migrated' })
        },
      ),
      { numRuns: 200 },
    )
  })

  test('names what it had to leave out', () => {
    const line = reportLine({ command: 'migrate', outcome: 'Planned', statements: ['x'.repeat(5000)], phase: 'expand' })

    expect(JSON.parse(line)).toEqual({ command: 'migrate', outcome: 'Planned', phase: 'expand', omitted: ['statements'] })
  })

  test('goes to a termination message that is there, and makes none that is not', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'notejam-report-'))
    const present = join(folder, 'present')
    const absent = join(folder, 'absent')
    writeFileSync(present, 'left from before, and longer than the report will be, so that it must go')
    const lines: string[] = []
    try {
      const targets = { print: (line: string) => void lines.push(line) }
      const work = () => Promise.resolve({ outcome: 'Done' })

      const codes = [
        await runJob('x', { ...targets, terminationLog: present }, work),
        await runJob('x', { ...targets, terminationLog: absent }, work),
      ]

      expect(codes).toEqual([0, 0])
      expect(readFileSync(present, 'utf8')).toBe(`${lines[0]}\n`)
      expect(existsSync(absent)).toBe(false)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test.each([
    [new AppError('held', { code: 'Locked', exitCode: exitCodes.locked }), 3, 'Locked'],
    [new AppError('no', { code: 'MigrationFailed' }), 1, 'MigrationFailed'],
    [new TypeError('oops'), 1, 'Failed'],
  ])('of %s says so and gives exit code %i', async (error, code, outcome) => {
    const lines: string[] = []

    const ended = await runJob('x', { terminationLog: '/nowhere/at/all', print: (line) => void lines.push(line) }, () =>
      Promise.reject(error),
    )

    expect(ended).toBe(code)
    expect(JSON.parse(lines[0] ?? '')).toEqual({ command: 'x', outcome, message: error.message })
  })
})

import { expect, it } from 'vitest'
import { LeaseLost } from '../runtime/errors.ts'
import { createLogger } from './logger.ts'

/** Lines that a logger wrote, parsed. */
function keep(level: 'info' | 'debug' = 'info') {
  const lines: Record<string, unknown>[] = []
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) }
  return { lines, log: createLogger({ level, destination }) }
}

it('writes one JSON object a line: words for level and time, the fields of the logger and of the line, a constant message', () => {
  const { lines, log } = keep()

  log.child({ controller: 'widget' }).info({ name: 'a' }, 'The pass failed')

  expect(lines).toEqual([
    { level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/), controller: 'widget', name: 'a', msg: 'The pass failed' },
  ])
})

it('keeps quiet below its level', () => {
  const { lines, log } = keep()

  log.debug({}, 'Nobody asked')

  expect(lines).toEqual([])
})

it.each(['password', 'token', 'authorization', 'data', 'stringData'])('never shows what is called %s', (name) => {
  const { lines, log } = keep()

  log.info({ [name]: 's3cret', secret: { [name]: 's3cret' } }, 'Something')

  expect(JSON.stringify(lines)).not.toContain('s3cret')
})

it('shows the code and the cause of an error of ours, and the stack of one that we do not know', () => {
  const { lines, log } = keep()

  log.error({ err: new LeaseLost('ns/lease', 'it was taken', { cause: new Error('conflict') }) }, 'Lost the lease')

  expect(lines[0]?.['err']).toEqual({
    type: 'LeaseLost',
    code: 'LeaseLost',
    message: expect.stringContaining('ns/lease'),
    cause: { type: 'Error', message: 'conflict', stack: expect.stringContaining('Error: conflict') },
  })
})

import { assert, constantFrom, integer, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tuneServer } from './database-tuning.ts'

describe('tuneServer', () => {
  it('gives PostgreSQL a quarter for its buffers, and sessions what is left', () => {
    const { args, connections } = tuneServer({ engine: 'PostgreSQL', memory: '512Mi', storage: '5Gi' })

    expect(connections).toBe(58)
    expect(args).toEqual(expect.arrayContaining(['shared_buffers=128MB', 'max_connections=61', 'max_wal_size=640MB']))
  })

  it('gives MariaDB two fifths for its pool, and sessions what is left', () => {
    const { args, connections } = tuneServer({ engine: 'MySQL', memory: '512Mi', storage: '512Mi' })

    expect(connections).toBe(70)
    expect(args).toEqual(expect.arrayContaining(['--innodb-buffer-pool-size=204M', '--max-connections=73', '--innodb-log-file-size=64M']))
  })

  it('takes what cannot be read for 512Mi', () => {
    const sizes = { engine: 'PostgreSQL', memory: 'much', storage: 'much' } as const

    expect(tuneServer(sizes)).toEqual(tuneServer({ ...sizes, memory: '512Mi', storage: '512Mi' }))
  })

  it('never takes fewer connections for more memory', () => {
    const size = integer({ min: 64, max: 65_536 })
    assert(
      property(constantFrom('PostgreSQL', 'MySQL'), size, size, (engine, one, other) => {
        const connections = (memory: number) => tuneServer({ engine, memory: `${memory}Mi`, storage: '5Gi' }).connections

        expect(connections(Math.min(one, other))).toBeLessThanOrEqual(connections(Math.max(one, other)))
      }),
    )
  })
})

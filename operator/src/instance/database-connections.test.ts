import { describe, expect, it } from 'vitest'
import type { InstanceSpec } from '../api/notejam.ts'
import { effectivePolicy } from '../api/policy.ts'
import { connectionLimit, findConnectionShortage } from './database-connections.ts'
import { sampleInstance } from './resources/sample-instances.ts'

const builtIn = (more: Partial<InstanceSpec> = {}, memory = '512Mi', poolSizePerReplica = 10): InstanceSpec => ({
  environment: 'Test',
  image: 'registry.example/notejam:1',
  database: { type: 'PostgreSQL', poolSizePerReplica, builtIn: { resources: { limits: { memory } } } },
  ...more,
})
const external = (maxConnections: number | undefined): InstanceSpec => ({
  ...builtIn(),
  database: {
    type: 'PostgreSQL',
    external: { secretRef: { name: 'db' }, ...(maxConnections === undefined ? {} : { maxConnections }) },
  },
})
const shortage = (spec: InstanceSpec) => findConnectionShortage(sampleInstance(spec), effectivePolicy(spec))

describe('findConnectionShortage', () => {
  it.each<[string, InstanceSpec]>([
    ['the defaults of Test', builtIn()],
    ['few connections for each of many pods', builtIn({ replicas: 12 }, '512Mi', 4)],
    ['an external server that takes enough', external(40)],
    ['an external server that nobody described', external(undefined)],
    ['SQLite', { ...builtIn(), database: { type: 'SQLite', sqlite: { storage: {} } } }],
  ])('lets through: %s', (_what, spec) => {
    expect(shortage(spec)).toBeUndefined()
  })

  it('says what the pods could open, what the server takes, and what would fit', () => {
    const found = shortage(builtIn({ autoscaling: { maxReplicas: 8 } }))

    expect(found?.reason).toBe('ConnectionLimitExceeded')
    expect(found?.message).toContain('8 pods')
    expect(found?.message).toContain('100 connections (10 each), the database takes 58')
    expect(found?.message).toContain('poolSizePerReplica to 5')
  })

  it('holds an external server to what it was said to take', () => {
    expect(shortage(external(39))?.message).toContain('40 connections (10 each), the database takes 39')
  })

  it('follows the memory of a built-in server', () => {
    const limit = (memory: string) => connectionLimit(sampleInstance(builtIn()), effectivePolicy(builtIn({}, memory)))

    expect(limit('1Gi')).toBeGreaterThan(2 * (limit('512Mi') ?? 0))
  })
})

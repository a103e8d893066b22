import { describe, expect, it } from 'vitest'
import { databaseReachable, type DatabaseEvidence } from './database-reachable.ts'
import { samples } from './resources/sample-instances.ts'

const { spec } = samples.test.instance
const nothing: DatabaseEvidence = { spec, server: undefined, readyPods: 0, stall: undefined, jobSucceeded: false, generation: 1 }
const failed = (message: string): DatabaseEvidence => ({
  ...nothing,
  stall: { reason: 'MigrationFailed', message: `The migration failed with exit code 1: ${message}` },
})

describe('databaseReachable', () => {
  it.each<[string, DatabaseEvidence, string]>([
    ['nothing yet', nothing, 'Unknown NotProbed'],
    ['ready pods', { ...nothing, readyPods: 1 }, 'True Probed'],
    ['a Job', { ...nothing, jobSucceeded: true }, 'True Probed'],
    ['nobody listens', failed('connect ECONNREFUSED 10.0.0.1:5432'), 'False ConnectionRefused'],
    ['no such name', failed('getaddrinfo ENOTFOUND db.example'), 'False NameNotFound'],
    ['a wrong password on PostgreSQL', failed('password authentication failed for user "notes"'), 'False AuthenticationFailed'],
    [
      'a wrong password on MariaDB',
      failed("Access denied for user 'notes'@'10.0.0.2' (using password: YES)"),
      'False AuthenticationFailed',
    ],
    ['no such database', failed('database "notes" does not exist'), 'False DatabaseMissing'],
    ['a foreign certificate', failed('the TLS connection was refused: self-signed certificate'), 'False TLSFailed'],
    ['no answer', failed('timeout exceeded when trying to connect'), 'False Timeout'],
    ['a failure of another kind, with pods that serve', { ...failed('column "x" exists'), readyPods: 2 }, 'True Probed'],
    ['a failure of another kind', failed('column "x" exists'), 'Unknown NotProbed'],
    ['a built-in server that is ready', { ...nothing, server: { type: 'Ready' } }, 'True ServerReady'],
    ['a built-in server that starts', { ...nothing, server: { type: 'Starting', message: 'soon' }, readyPods: 1 }, 'False ServerStarting'],
    ['a built-in server that sleeps', { ...nothing, server: { type: 'Stopped' } }, 'False ServerStopped'],
    [
      'a built-in server that fails',
      { ...nothing, server: { type: 'Failed', stall: { reason: 'DatabaseFailed', message: 'no' } } },
      'False ServerFailed',
    ],
    [
      'a built-in server that knows no user',
      { ...failed('password authentication failed'), server: { type: 'Ready' } },
      'False AuthenticationFailed',
    ],
  ])('%s', (_what, evidence, expected) => {
    const found = databaseReachable(evidence)

    expect(`${found?.status} ${found?.reason}`).toBe(expected)
  })

  it('says nothing of a file', () => {
    expect(databaseReachable({ ...nothing, spec: samples.quickstart.instance.spec })).toBeUndefined()
  })
})

import { expect, test } from 'vitest'
import type { NotejamRestore } from '../../api/notejam.ts'
import { effectivePolicy } from '../../api/policy.ts'
import { samples } from '../../instance/resources/sample-instances.ts'
import { buildRecoverJob } from './recover-job.ts'

const { instance } = samples.quickstart
const source = { name: 'offsite', spec: { volume: { claimName: 'archives' }, encryption: { mode: 'None' } } } as const

function argumentsOf(select: NonNullable<NotejamRestore['spec']['select']>): readonly string[] {
  const job = buildRecoverJob({
    ...{
      instance,
      policy: effectivePolicy(instance.spec),
      connection: { type: 'SQLite' },
      source,
      image: 'registry.example/notejam:1.0.0',
    },
    ...{ stores: { first: source, second: undefined }, besideApp: false, archive: { backupID: '20261121T000003Z-1f0c2a9b' } },
    restore: {
      apiVersion: 'notejam.io/v1',
      kind: 'NotejamRestore',
      metadata: { name: 'annas', namespace: 'team', uid: 'u-1' },
      spec: { instanceRef: { name: 'notes' }, source: { backupID: 'Latest' }, mode: 'Select', select },
    },
  })
  const { containers } = (job['spec'] as { template: { spec: { containers: { args: string[] }[] } } }).template.spec
  return containers[0]?.args ?? []
}

test('the command gets every note with a flag of its own', () => {
  expect(argumentsOf({ noteIDs: [1, 20] }).join(' ')).toContain('--backup 20261121T000003Z-1f0c2a9b --note 1 --note 20 --reinsert')
})

test.each([
  ['anna@example.org', '--user=anna@example.org'],
  ['--export@example.org', '--user=--export@example.org'],
  ['$(SECRET_KEY)@example.org', '--user=$$(SECRET_KEY)@example.org'],
])('an address such as %s is one argument, in which nothing is replaced', (user, argument) => {
  expect(argumentsOf({ user })).toContain(argument)
})

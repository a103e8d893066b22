import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { InstanceSpec } from '../api/notejam.ts'
import { sampleInstance, samples } from './resources/sample-instances.ts'
import { findRival, type Contender } from './rivals.ts'

const database = (secret: string): Partial<InstanceSpec> => ({
  database: { type: 'PostgreSQL', external: { secretRef: { name: secret } } },
})
const hosted = (...hosts: string[]): Partial<InstanceSpec> => ({ http: { hosts, ingress: {} } })

interface Traits {
  readonly namespace?: string
  readonly born?: number
  readonly marked?: boolean
  readonly address?: string
  readonly serves?: readonly string[]
}

function contender(name: string, spec: Partial<InstanceSpec>, traits: Traits = {}): Contender {
  const { namespace = 'team', born = 0, marked = false, address, serves = [] } = traits
  const sample = sampleInstance({ ...samples.development.instance.spec, http: {}, ...spec })
  const identity = { instanceUID: name, environment: 'Test', fingerprint: 'f' }
  return {
    instance: {
      ...sample,
      metadata: { ...sample.metadata, name, namespace, uid: name, creationTimestamp: `2026-01-01T00:00:0${born}Z` },
      ...(marked ? { status: { databaseIdentity: identity } } : {}),
    },
    address,
    servedHosts: serves,
  }
}

describe('findRival', () => {
  it.each<[string, Contender, Contender, string | undefined]>([
    ['other databases, other hosts', contender('b', database('x'), { born: 1 }), contender('a', database('y')), undefined],
    ['the same Secret', contender('b', database('x'), { born: 1 }), contender('a', database('x')), 'DatabaseConflict'],
    ['the same Secret, but it came first', contender('b', database('x')), contender('a', database('x'), { born: 1 }), undefined],
    [
      'a Secret of that name elsewhere',
      contender('b', database('x'), { born: 1 }),
      contender('a', database('x'), { namespace: 'other' }),
      undefined,
    ],
    [
      'the same address elsewhere',
      contender('b', database('x'), { born: 1, address: 'h' }),
      contender('a', database('y'), { namespace: 'other', address: 'h' }),
      'DatabaseConflict',
    ],
    [
      'an older one that wants what is in use',
      contender('b', database('x')),
      contender('a', database('x'), { born: 1, marked: true }),
      'DatabaseConflict',
    ],
    ['the same claim', contender('b', {}, { born: 1 }), contender('a', {}), 'DatabaseConflict'],
    [
      'the same host',
      contender('b', { ...database('x'), ...hosted('n', 'm') }, { born: 1 }),
      contender('a', { ...database('y'), ...hosted('m') }, { namespace: 'other' }),
      'HostConflict',
    ],
    [
      'the same host without an ingress',
      contender('b', { ...database('x'), http: { hosts: ['m'] } }, { born: 1 }),
      contender('a', { ...database('y'), ...hosted('m') }),
      undefined,
    ],
    [
      'a host that an older one still serves, though it does not want it any more',
      contender('b', { ...database('x'), ...hosted('m') }, { born: 1 }),
      contender('a', { ...database('y'), ...hosted('n') }, { serves: ['m'] }),
      'HostConflict',
    ],
  ])('%s', (_what, own, other, reason) => {
    expect(findRival(own, [other])?.reason).toBe(reason)
  })

  it('lets exactly one of any number of instances have what all of them want', () => {
    const crowd = fc
      .array(fc.record({ born: fc.nat(3), marked: fc.boolean() }), { minLength: 1, maxLength: 5 })
      // At most one has the database: the mark in it is of one instance.
      .map((traits) =>
        traits.map(({ born, marked }, index) => contender(`i${index}`, database('x'), { born, marked: marked && index === 0 })),
      )
    fc.assert(
      fc.property(crowd, (all) => {
        const winners = all.filter(
          (own) =>
            findRival(
              own,
              all.filter((other) => other !== own),
            ) === undefined,
        )

        expect(winners).toHaveLength(1)
      }),
    )
  })
})

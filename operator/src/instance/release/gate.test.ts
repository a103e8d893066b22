import { describe, expect, it } from 'vitest'
import type { NotejamInstance } from '../../api/notejam.ts'
import { gatekeeperOf, readGate } from './gate.ts'

const digest = `sha256:${'a'.repeat(64)}`
const image = `registry.example/notejam@${digest}`
const gatekeeper = (environment: string, verified: readonly string[]) =>
  ({
    metadata: { name: 'notes', namespace: 'test' },
    spec: { environment },
    status: { verifiedImages: verified.map((name) => ({ image: name, digest: name.slice(name.indexOf('@') + 1), time: '' })) },
  }) as unknown as NotejamInstance
const required = { requireVerifiedBy: { namespace: 'test', name: 'notes' } }

describe('readGate', () => {
  it.each<[string, Parameters<typeof readGate>, RegExp | undefined]>([
    ['no gate', [undefined, image, undefined], undefined],
    ['a digest that a pipeline brought', [{ verifiedImages: [digest] }, image, undefined], undefined],
    ['another digest', [{ verifiedImages: [`sha256:${'b'.repeat(64)}`] }, image, undefined], /is not among/],
    ['an image that was verified', [required, image, gatekeeper('Test', [image])], undefined],
    ['the same digest under another name', [required, image, gatekeeper('Test', [`mirror.example/notejam@${digest}`])], undefined],
    ['an image that was not', [required, image, gatekeeper('Test', [])], /has not verified/],
    ['an instance that is not there', [required, image, undefined], /is not there/],
    ['an instance that is no Test', [required, image, gatekeeper('Development', [image])], /is not of environment Test/],
    ['either of the two', [{ ...required, verifiedImages: [digest] }, image, gatekeeper('Test', [])], undefined],
    ['a tag, as it is written', [required, 'registry.example/notejam:2', gatekeeper('Test', ['registry.example/notejam:2'])], undefined],
  ])('%s', (_title, args, expected) => {
    const wait = readGate(...args)

    if (expected === undefined) expect(wait).toBeUndefined()
    else expect(wait).toMatch(expected)
  })
})

describe('gatekeeperOf', () => {
  it('is in the same namespace where none is named', () => {
    const instance = { metadata: { namespace: 'prod' }, spec: { release: { gate: { requireVerifiedBy: { name: 'notes' } } } } }

    expect(gatekeeperOf(instance as unknown as NotejamInstance)).toEqual({ namespace: 'prod', name: 'notes' })
  })
})

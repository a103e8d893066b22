import { describe, expect, it } from 'vitest'
import { imageVersion, parseImage, pinImage, registryDigest } from './image.ts'

const digest = `sha256:${'ab'.repeat(32)}`

describe('parseImage', () => {
  it.each([
    ['notejam', { repository: 'notejam' }],
    ['notejam:1', { repository: 'notejam', tag: '1' }],
    ['localhost:5000/notejam', { repository: 'localhost:5000/notejam' }],
    ['localhost:5000/a/notejam:1.2', { repository: 'localhost:5000/a/notejam', tag: '1.2' }],
    [`notejam:1@${digest}`, { repository: 'notejam', tag: '1', digest }],
    [`localhost:5000/notejam@${digest}`, { repository: 'localhost:5000/notejam', digest }],
  ])('takes %s apart', (reference, parts) => {
    expect(parseImage(reference)).toEqual(parts)
  })
})

describe('imageVersion', () => {
  it.each([
    ['notejam:1.2', '1.2'],
    [`notejam@${digest}`, 'abababababab'],
    [`notejam:1.2@${digest}`, '1.2'],
    ['localhost:5000/notejam', 'latest'],
  ])('calls %s %s', (reference, version) => {
    expect(imageVersion(reference)).toBe(version)
  })
})

describe('pinImage', () => {
  it.each([
    ['notejam:1', digest, `notejam@${digest}`],
    ['notejam:1', undefined, 'notejam:1'],
    [`notejam@${digest}`, 'sha256:other', `notejam@${digest}`],
    ['localhost:5000/notejam', digest, `localhost:5000/notejam@${digest}`],
  ])('pins %s by %s', (reference, by, pinned) => {
    expect(pinImage(reference, by)).toBe(pinned)
  })
})

describe('registryDigest', () => {
  it.each([
    [`registry.example/notejam@${digest}`, digest],
    [`docker-pullable://notejam@${digest}`, digest],
    [digest, undefined],
    ['', undefined],
    [undefined, undefined],
  ])('of %s is %s', (imageID, expected) => {
    expect(registryDigest(imageID)).toBe(expected)
  })
})

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { childName } from './labels.ts'

const name = fc.stringMatching(/^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/)
const suffix = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,60}[a-z0-9])?$/)

describe('childName', () => {
  it('keeps a short name readable', () => {
    expect(childName('notes', 'r17-expand')).toBe('notes-r17-expand')
  })

  it('gives valid names of at most 63 characters, and different ones for different wholes', () => {
    fc.assert(
      fc.property(name, suffix, suffix, (instance, one, other) => {
        const [first, second] = [childName(instance, one), childName(instance, other)]

        expect(first).toMatch(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/)
        expect(first === second).toBe(one === other)
      }),
    )
  })
})

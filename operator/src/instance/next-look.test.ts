import { describe, expect, it } from 'vitest'
import type { InstanceSpec } from '../api/notejam.ts'
import { after, done } from '../runtime/result.ts'
import { nextLook, type Unwatched } from './next-look.ts'
import { sampleInstance, samples } from './resources/sample-instances.ts'

const { app: _app, ...alone }: InstanceSpec = samples.quickstart.instance.spec
const now = Date.parse('2026-06-01T12:00:00Z')
const nothing: Unwatched = { outlived: false, hasProblems: false, waitsForGate: false, instants: [] }

function look(unwatched: Partial<Unwatched>, { spec = alone, random = 0.5 }: { spec?: InstanceSpec; random?: number } = {}) {
  return nextLook(sampleInstance(spec), { ...nothing, ...unwatched }, { now, random: () => random })
}

describe('the next look at an instance', () => {
  it('is not by time where events tell everything', () => {
    expect(look({})).toEqual(done)
  })

  it('comes by itself where Secrets of others count, which nothing watches, and not for all at once', () => {
    const spec: InstanceSpec = { ...alone, app: { smtpSecretRef: { name: 'smtp' } } }

    expect(look({}, { spec, random: 0 })).toEqual(after(240))
    expect(look({}, { spec, random: 0.5 })).toEqual(after(300))
  })

  it('is at the first instant to come, and no later than in an hour, for a clock that somebody sets', () => {
    expect(look({ instants: [undefined, now - 1, now + 90_000, now + 60_000] })).toEqual(after(60))
    expect(look({ instants: [now + 86_400_000] })).toEqual(after(3600))
    expect(look({ instants: [now, now - 1] })).toEqual(done)
  })

  it('is soon where something is missing that no watch brings', () => {
    const instants = [now + 60_000]

    expect(look({ instants, waitsForGate: true })).toEqual(after(10))
    expect(look({ instants, hasProblems: true })).toEqual(after(10))
    expect(look({ instants, hasProblems: true, outlived: true })).toEqual(after(1))
  })
})

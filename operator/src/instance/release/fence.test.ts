import { describe, expect, it } from 'vitest'
import { judgeInspection } from './fence.ts'
import type { Draft } from './types.ts'

const draft = (adopt?: string): Draft =>
  ({ instanceUID: 'new', environment: 'Test', identity: undefined, address: 'a', adopt }) as unknown as Draft
const marked = { instanceUID: 'old', environment: 'Test', fingerprint: 'f' }

describe('judgeInspection', () => {
  it.each([
    ['the mark of another', undefined, marked, true],
    ['the mark of one that is taken over', 'old', marked, false],
    ['the mark of a third, where another is taken over', 'older', marked, true],
    ['a Notejam without a mark', undefined, undefined, true],
    ['one without a mark that is taken over', 'none', undefined, false],
    ['a mark, where none was expected', 'none', marked, true],
  ])('%s', (_what, adopt, identity, isRefused) => {
    const result = judgeInspection(draft(adopt), { type: 'Succeeded', database: 'ours', ...(identity === undefined ? {} : { identity }) })

    expect('refused' in result).toBe(isRefused)
  })

  it('takes over no tables that are not of Notejam', () => {
    expect(judgeInspection(draft('none'), { type: 'Succeeded', database: 'foreign' })).toHaveProperty('refused')
  })
})

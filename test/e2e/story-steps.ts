import { expect, it } from 'vitest'

/** Tests that go on from what those before them left. */
export interface StorySteps {
  /** A test that fails at once when one before it failed. */
  readonly step: (title: string, run: () => Promise<void>) => void
  readonly failed: boolean
}

/** Steps of one story, which ends with the first that fails. */
export function storySteps(): StorySteps {
  const state = { failed: false }
  return {
    get failed() {
      return state.failed
    },
    step: (title, run) => {
      it(title, async () => {
        expect(state.failed, 'an earlier step of the story failed').toBe(false)
        state.failed = true
        await run()
        state.failed = false
      })
    },
  }
}

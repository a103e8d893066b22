import * as fc from 'fast-check'
import { agreesWithClientGo, keepsItsPromises } from '../../operator/src/runtime/queue-models.ts'
import type { Proof } from './proof.ts'

const schedules = 100_000

/** The work queue against its two models. The unit tests run the same properties over a few thousand schedules. */
export const proof: Proof = {
  title: 'The work queue agrees with client-go and keeps its promises, over 100,000 random schedules each',
  async run(report) {
    const failures: string[] = []
    const check = async (name: string, property: fc.IAsyncProperty<readonly unknown[]>): Promise<void> => {
      const { failed, counterexample, numRuns } = await fc.check(property as fc.IAsyncProperty<[unknown]>, {
        numRuns: schedules,
        maxSkipsPerRun: 0,
      })
      report(`${name}: ${numRuns} schedules, ${failed ? `fails on ${JSON.stringify(counterexample)}` : 'holds'}`)
      if (failed) failures.push(name)
    }
    await check('agrees with client-go', agreesWithClientGo)
    await check('keeps its promises', keepsItsPromises)
    return {
      passed: failures.length === 0,
      figures: { schedules, failures: failures.join(', ') || 'none' },
      counterTest:
        'runtime-safeties takes the dedupe, the re-run after done, the ageing and the retry lanes out, one by one; a named test fails for each',
    }
  },
}

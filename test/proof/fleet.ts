import { startControlPlane } from '../cluster/control-plane.ts'
import { runFleet } from '../control-plane/fleet.ts'
import type { Proof } from './proof.ts'

const number = (name: string, standard: number): number => Number(process.env[name] ?? standard)

/** `INSTANCES=60 EDITS=2000 MINUTES=5 make proof NAME=fleet` runs a smaller one, `SEED=…` another one. */
const instances = number('INSTANCES', 300)
const edits = number('EDITS', 10_000)
const minutes = number('MINUTES', 20)
const seed = number('SEED', 1)

/** Random edits of a fleet; `make test` runs 150 edits of eight instances. */
export const proof: Proof = {
  title:
    'Random edits, made from the schema of the API: no instance is stuck without a reason, nothing throws, and the same spec gives the same objects whatever the path to it',
  async run(report) {
    await using controlPlane = await startControlPlane({ name: 'fleet' })
    const { api, kubeconfig } = controlPlane
    const found = await runFleet({ api, kubeconfig, instances, edits, seconds: minutes * 60, settleSeconds: 300, seed, report })
    for (const line of [...found.stuck, ...found.exceptions, ...found.different].slice(0, 30)) report(line)
    return {
      passed: found.stuck.length + found.different.length + found.exceptions.length + found.badWipes === 0 && found.accepted === edits,
      figures: {
        instances,
        edits: found.accepted,
        refusedByTheSchema: found.refused,
        minutes,
        seed,
        stuck: found.stuck.length,
        different: found.different.length,
        exceptions: found.exceptions.length,
        wipes: found.wipes,
        badWipes: found.badWipes,
        afterTheStorm: found.rests,
        atTheEnd: found.finalRests,
      },
      counterTest: 'with 27e720a taken back, an empty autoscaling.behavior and a status without limits make it fail (8 instances, seed 1)',
    }
  },
}

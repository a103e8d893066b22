import type { Release } from '../api/notejam.ts'
import type { Observation } from './observe.ts'
import { templateHash, type DeploymentInput } from './resources/deployment.ts'
import { readRollout, templateHashOf, type RolloutState } from './rollout.ts'

/** What a plan deploys. */
export interface Deploy {
  readonly image: string
  readonly release: Release
}

/**
 * Everything that the Deployment depends on; undefined while a Secret cannot be read: then it is left as it is, for to lose a Secret must not restart
 * what still serves.
 */
export function deploymentInput(observation: Observation, { image, release }: Deploy): DeploymentInput | undefined {
  const { instance, policy, secrets, scaling } = observation
  if (secrets.hash === undefined || secrets.connection === undefined) return undefined
  return {
    instance,
    policy,
    scaling,
    image,
    connection: secrets.connection,
    release: { id: release.id ?? '', image: release.image },
    secretHash: secrets.hash,
  }
}

/** How far the Deployment is with a release; while a Secret cannot be read, with what it has. */
export function rolloutOf(observation: Observation, deploy: Deploy): RolloutState {
  const { deployment, appPods } = observation
  const input = deploymentInput(observation, deploy)
  const hash = input === undefined ? (deployment === undefined ? undefined : templateHashOf(deployment.spec.template)) : templateHash(input)
  return hash === undefined ? { type: 'NotApplied' } : readRollout(deployment, appPods, hash)
}

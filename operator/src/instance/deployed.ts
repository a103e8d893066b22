import { annotations } from '../api/labels.ts'
import type { Release } from '../api/notejam.ts'
import type { Observation } from './observe.ts'
import { templateHash, type DeploymentInput } from './resources/deployment.ts'
import { readRollout, type RolloutState } from './rollout.ts'

/** What a plan deploys. */
export interface Deploy {
  readonly image: string
  readonly release: Release
}

/**
 * Everything that the Deployment depends on. While the Secret cannot be read the hash of the running pods is kept: to lose a Secret must not
 * restart what still serves.
 */
export function deploymentInput(observation: Observation, { image, release }: Deploy): DeploymentInput {
  const { instance, policy, secret, deployment } = observation
  const live = deployment?.spec.template.metadata?.annotations?.[annotations.secretHash]
  return {
    instance,
    policy,
    image,
    release: { id: release.id ?? '', image: release.image },
    secretHash: secret.hash ?? live ?? '',
  }
}

/** How far the Deployment is with a release. */
export function rolloutOf(observation: Observation, deploy: Deploy): RolloutState {
  return readRollout(observation.deployment, observation.appPods, templateHash(deploymentInput(observation, deploy)))
}

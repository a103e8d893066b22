import { parseImage } from '../../api/image.ts'
import type { InstanceSpec, NotejamInstance } from '../../api/notejam.ts'

type Gate = NonNullable<NonNullable<InstanceSpec['release']>['gate']>

/** The instance that a gate names, by namespace and name. */
export function gatekeeperOf({ spec, metadata }: NotejamInstance): { readonly namespace: string; readonly name: string } | undefined {
  const required = spec.release?.gate?.requireVerifiedBy
  return required === undefined ? undefined : { namespace: required.namespace ?? metadata.namespace ?? '', name: required.name }
}

/**
 * Says what a gate waits for; undefined when it lets the image in. An image by digest must be verified by that digest; one by tag as it is written.
 *
 * @param gatekeeper - the instance that the gate names, if it is there
 */
export function readGate(gate: Gate | undefined, image: string, gatekeeper: NotejamInstance | undefined): string | undefined {
  if (gate === undefined) return undefined
  const { digest } = parseImage(image)
  if (digest !== undefined && gate.verifiedImages?.includes(digest) === true) return undefined
  const { requireVerifiedBy } = gate
  if (requireVerifiedBy === undefined) return `${image} is not among spec.release.gate.verifiedImages`
  const { name } = requireVerifiedBy
  if (gatekeeper === undefined)
    return `NotejamInstance ${name}, which spec.release.gate names, is not there, or in a namespace that is not watched`
  if (gatekeeper.spec.environment !== 'Test') return `NotejamInstance ${name}, which spec.release.gate names, is not of environment Test`
  const verified = gatekeeper.status?.verifiedImages?.some((entry) =>
    digest === undefined ? entry.image === image : entry.digest === digest,
  )
  return verified === true ? undefined : `NotejamInstance ${name} has not verified ${image} yet (status.verifiedImages)`
}

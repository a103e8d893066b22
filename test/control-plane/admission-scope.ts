import type { KubeObject } from '../cluster/api-client.ts'

/** Label of the namespaces in which tests have admission policies enforced: the others of the control plane are left alone. */
export const held = { 'notejam.test/admission': 'held' }

/** Narrows the binding of a policy to the namespaces with {@link held}; anything else comes back as it is. */
export function onlyHere(object: KubeObject): KubeObject {
  if (object.kind !== 'ValidatingAdmissionPolicyBinding') return object
  const spec = object['spec'] as Readonly<Record<string, unknown>>
  return { ...object, spec: { ...spec, matchResources: { namespaceSelector: { matchLabels: held } } } }
}

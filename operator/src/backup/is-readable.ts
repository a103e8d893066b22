import type { InstanceStores } from './resources/data-pod.ts'

/** Whether archives of the first store can be opened here. */
export function isReadable({ first: { spec } }: InstanceStores): boolean {
  return spec.encryption.mode === 'None' || spec.encryption.identitySecretRef !== undefined
}

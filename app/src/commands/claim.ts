import type { IdentityClaim } from '../db/identity.ts'

/** Flags by which a command says whose database it changes. */
export interface ClaimFlags {
  readonly instanceUid?: string
  readonly environment?: string
  readonly fingerprint?: string
  readonly adopt?: string
}

/** Flags first, then what the operator sets in every pod of an instance; undefined when neither names an instance. */
export function claimFrom(flags: ClaimFlags, environment: Readonly<Record<string, string | undefined>>): IdentityClaim | undefined {
  const value = (flag: string | undefined, name: string) => {
    const given = flag ?? environment[name]
    return given === undefined || given === '' ? undefined : given
  }
  const instanceUid = value(flags.instanceUid, 'NOTEJAM_INSTANCE_UID')
  if (instanceUid === undefined) {
    return undefined
  }
  return {
    instanceUid,
    environment: value(flags.environment, 'NOTEJAM_ENVIRONMENT'),
    fingerprint: value(flags.fingerprint, 'NOTEJAM_FINGERPRINT'),
    adopt: value(flags.adopt, 'NOTEJAM_ADOPT'),
  }
}

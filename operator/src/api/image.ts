/** An image reference, taken apart. */
export interface ImageReference {
  /** Registry and repository: everything before tag and digest. */
  readonly repository: string
  readonly tag?: string
  /** `sha256:…` */
  readonly digest?: string
}

const digestPattern = /sha256:[0-9a-f]{64}$/

/** Takes `registry:5000/name:tag@sha256:…` apart. A colon before the last slash belongs to a port. */
export function parseImage(reference: string): ImageReference {
  const [named = '', digest] = reference.split('@', 2)
  const colon = named.lastIndexOf(':')
  const hasTag = colon > named.lastIndexOf('/')
  return {
    repository: hasTag ? named.slice(0, colon) : named,
    ...(hasTag ? { tag: named.slice(colon + 1) } : {}),
    ...(digest === undefined ? {} : { digest }),
  }
}

/** What people call the image: its tag, else the first twelve digits of its digest, else `latest` (what the kubelet pulls then). */
export function imageVersion(reference: string): string {
  const { tag, digest } = parseImage(reference)
  return tag ?? digest?.slice('sha256:'.length, 'sha256:'.length + 12) ?? 'latest'
}

/**
 * Digest of a pod's `imageID`, if it is one of a registry.
 * `name@sha256:…` is; a bare `sha256:…` names the configuration of an image that was loaded by hand, and cannot be pulled.
 */
export function registryDigest(imageID: string | undefined): string | undefined {
  if (imageID === undefined || !imageID.includes('@')) return undefined
  return digestPattern.exec(imageID)?.[0]
}

/** The same image by its digest, so that every pod runs what the migration ran, wherever the tag points by now. */
export function pinImage(reference: string, digest: string | undefined): string {
  const parsed = parseImage(reference)
  if (parsed.digest !== undefined || digest === undefined) return reference
  return `${parsed.repository}@${digest}`
}

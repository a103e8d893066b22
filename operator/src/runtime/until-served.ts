import { isForbidden } from '../kube/errors.ts'
import type { Reflector } from '../kube/reflector.ts'
import { resourceName, resources, type Resource } from '../kube/resource.ts'
import { sleep, type Clock } from './clock.ts'
import type { Reflect } from './informers.ts'

/** What {@link untilServed} needs. */
export interface UntilServedOptions {
  readonly resource: Resource
  readonly clock: Clock
  /** Whether the API serves the resource now. */
  readonly isServed: (resource: Resource, signal: AbortSignal) => Promise<boolean>
  /** Watches the definition; undefined where no role allows it: then the resource is looked for every five minutes. */
  readonly reflect: Reflect | undefined
  /** Asking has failed; it is asked again. */
  readonly onFailure: (error: unknown) => void
}

/** Milliseconds until the next look where nothing tells of the definition. */
const blindLookMs = 300_000
/** Milliseconds until the next look after one that failed. */
const failedLookMs = 30_000
/** The API serves a resource a moment after its definition was installed; where the definition has other versions only, that may be never. */
const firstLookMs = 100

/**
 * Waits until the API serves a resource that it did not serve a moment ago, by a watch on the metadata of its CustomResourceDefinition: while that is not there, nothing is asked. While it
 * is, the API is asked after 100 ms, doubled, to five minutes. Rejects only with the signal's reason.
 */
export async function untilServed(
  { resource, clock, isServed, reflect, onFailure }: UntilServedOptions,
  signal: AbortSignal,
): Promise<void> {
  const end = new AbortController()
  const definition = reflect?.({
    resource: resources.customResourceDefinitions,
    namespace: '',
    fieldSelector: `metadata.name=${resourceName(resource)}`,
    metadataOnly: true,
    indexes: {},
  })
  let changed = new AbortController()
  let looks = 0
  const wake = (): void => {
    looks = 0
    changed.abort()
  }
  definition?.store.subscribe(wake)
  definition?.onStatusChange(({ lastError }) => {
    // One that is refused is not tried again: each attempt would cost as much as a look.
    if (isForbidden(lastError)) end.abort(new Error('The definition may not be watched.'))
  })
  const watching = AbortSignal.any([signal, end.signal])
  const running = definition?.start(watching)
  definition?.whenSynced(watching).then(wake, wake)
  // The first look is over: the next one comes once the definition is watched, or cannot be.
  let pauseMs: number | undefined = failedLookMs
  try {
    for (;;) {
      await pause(clock, pauseMs, AbortSignal.any([signal, changed.signal]))
      signal.throwIfAborted()
      changed = new AbortController()
      pauseMs = failedLookMs
      try {
        if (await isServed(resource, signal)) return
        pauseMs = end.signal.aborted ? blindLookMs : pauseOf(definition, looks++)
      } catch (error) {
        signal.throwIfAborted()
        onFailure(error)
      }
    }
  } finally {
    end.abort(new Error('The definition is not watched any more.'))
    await running
  }
}

/** Milliseconds until the next look; undefined: the watch tells. */
function pauseOf(definition: Reflector | undefined, looks: number): number | undefined {
  if (definition?.hasSynced !== true) return blindLookMs
  return definition.store.size === 0 ? undefined : Math.min(blindLookMs, firstLookMs * 2 ** Math.min(looks, 20))
}

/** Ends after `pauseMs`, if that is given, or when the signal is aborted. */
async function pause(clock: Clock, pauseMs: number | undefined, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  if (pauseMs === undefined) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  else await sleep(clock, pauseMs, signal).catch(() => {})
}

import { takeOutEach, type Safety } from './counter-tests.ts'
import type { Proof } from './proof.ts'

const kube = 'operator/src/kube'
const reflector = `${kube}/collection-reflector.test.ts`
const machine = `${kube}/reflector-machine.test.ts`
const store = `${kube}/memory-store.test.ts`
const transport = `${kube}/transport.test.ts`

const safeties: readonly Safety[] = [
  {
    name: 'deletions that nobody saw are told',
    file: `${kube}/memory-store.ts`,
    from: "      events.push({ type: 'deleted', object: old, initial: false, synthesized: true })\n    }",
    to: '    }',
    test: store,
    title: 'tells deletions that nobody saw',
  },
  {
    name: 'a recreated object is another one',
    file: `${kube}/memory-store.ts`,
    from: 'if (old !== undefined && old.metadata.uid !== object.metadata.uid) {',
    to: "if (old !== undefined && old.metadata.uid === '') {",
    test: store,
    title: 'tells a recreated object as a deletion and an addition',
  },
  {
    name: 'an index forgets',
    file: `${kube}/memory-store.ts`,
    from: 'if (old !== undefined) removeKey(keys, values(old), key)',
    to: '',
    test: store,
    title: 'after any sequence of events and lists',
  },
  {
    name: 'a handler that throws harms nobody else',
    file: `${kube}/memory-store.ts`,
    from: "      this.#logger.error({ err: error, key: keyToString(keyOf(event.object)), event: event.type }, 'a handler of a store failed')",
    to: '      throw error',
    test: store,
    title: 'one that throws is logged',
  },
  {
    name: 'others get their turn while a list is told',
    file: `${kube}/memory-store.ts`,
    from: '      for (const handler of handlers) if (this.#handlers.has(handler)) this.#call(handler, event)\n      if (performance.now() - turnStarted < yieldEveryMs) continue',
    to: '      for (const handler of handlers) if (this.#handlers.has(handler)) this.#call(handler, event)\n      if (performance.now() >= turnStarted) continue',
    test: store,
    title: 'lets others have their turn',
  },
  {
    name: 'the pause after a failure',
    file: `${kube}/collection-reflector.ts`,
    from: 'await sleep(clock, delayMs, signal)',
    to: 'await sleep(clock, 0 * delayMs, signal)',
    test: reflector,
    title: 'costs 0.3 requests a second at most',
  },
  {
    name: 'Retry-After',
    file: `${kube}/collection-reflector.ts`,
    from: 'error instanceof ApiError ? (error.retryAfterSeconds ?? 0) * 1000 : 0',
    to: 'error instanceof ApiError ? 0 : 0',
    test: reflector,
    title: 'what the server asks for by Retry-After is waited for',
  },
  {
    name: 'a version that is gone is not asked for again',
    file: `${kube}/reflector-machine.ts`,
    from: "    case 'Expired':\n    case 'Unsupported':\n    case 'Refused':\n      return pause(machine, relistOf(machine), retryAfterMs)",
    to: "    case 'Expired':\n    case 'Unsupported':\n    case 'Refused':\n      return pause(machine, state, retryAfterMs)",
    test: reflector,
    title: 'end in a cache that equals the server',
  },
  {
    name: 'a watch that lived shortly is followed by a pause',
    file: `${kube}/reflector-machine.ts`,
    from: 'return livedMs >= decentWatchMs ? machine : pause(machine, state, 0)',
    to: 'return machine',
    test: machine,
    title: 'that the server ended after 29999 ms',
  },
  {
    name: 'bookmarks move on',
    file: `${kube}/collection-reflector.ts`,
    from: "    if (version === '') return\n",
    to: "    if (version === '' || event.type === 'BOOKMARK') return\n",
    test: reflector,
    title: 'a bookmark moves on where the next watch begins',
  },
  {
    name: 'the resync',
    file: `${kube}/collection-reflector.ts`,
    from: 'void this.#exclusively(() => this.store.resync())',
    to: '',
    test: reflector,
    title: 'tells all objects again after ten hours',
  },
  {
    name: 'what nobody reads is dropped',
    file: `${kube}/transform.ts`,
    from: '  delete metadata.managedFields\n',
    to: '',
    test: reflector,
    title: 'what the cache keeps lacks what nobody reads',
  },
  {
    name: 'calls in flight are capped',
    file: `${kube}/transport.ts`,
    from: 'calls: new Limiter(maxInFlight)',
    to: 'calls: new Limiter(maxInFlight * 100)',
    test: transport,
    title: 'no more than the cap at once',
  },
  {
    name: 'what may have been done is not repeated',
    file: `${kube}/retry.ts`,
    from: 'if (!idempotent || error.status < 500) return 0',
    to: 'if (error.status < 500) return 0',
    test: transport,
    title: '503 to what may have been done is not',
  },
  {
    name: 'the deadline of a call',
    file: `${kube}/transport.ts`,
    from: 'using scope = new AbortScope(request.signal, clock, deadlineMs, () =>',
    to: 'using scope = new AbortScope(request.signal, clock, deadlineMs * 1000, () =>',
    test: transport,
    title: 'comes with its deadline',
  },
  {
    name: 'the silence check',
    file: `${kube}/transport.ts`,
    from: '        silenceMs === undefined\n',
    to: '        silenceMs !== 0\n',
    test: transport,
    title: 'that falls silent is given up',
  },
  {
    name: 'a refused token is read anew',
    file: `${kube}/transport.ts`,
    from: 'if (isUnauthorized(error)) return attempts === 1 ? 0 : undefined',
    to: 'if (isUnauthorized(error)) return undefined',
    test: transport,
    title: 'a refused token is read anew',
  },
  {
    name: 'a deletion without uid is not repeated',
    file: `${kube}/http-client.ts`,
    from: 'idempotent: preconditions?.uid !== undefined,',
    to: 'idempotent: true,',
    test: `${kube}/http-client.test.ts`,
    title: 'is only repeated when a uid keeps it',
  },
  {
    name: 'one watch for all',
    file: 'operator/src/runtime/informers.ts',
    from: 'if (known.labelSelector !== labelSelector || known.metadataOnly !== metadataOnly)',
    to: "if (known.labelSelector === 'never')",
    test: 'operator/src/runtime/informers.test.ts',
    title: 'is refused to those who want',
  },
]

/** As `runtime-safeties`, for what talks to the API server. */
export const proof: Proof = {
  title: 'Without any one of its safeties, a named test of client, transport, reflector or store fails',
  run: async (report) => await takeOutEach(safeties, report),
}

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** MiB in use after a collection. */
export function collectedHeap(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // What a finalizer lets go is only taken by the next one.
  collect()
  collect()
  return process.memoryUsage().heapUsed / 2 ** 20
}

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

interface Collection {
  readonly type: 'major'
  readonly execution: 'sync'
  readonly flavor: 'last-resort'
}

let collector: ((collection: Collection) => void) | undefined

/**
 * Collects all garbage and gives the memory back to the system, which no other call of the platform does. The flag that shows V8's collector is set for a
 * moment only: from the command line it would void the compiled code of Node's own modules and double the time of a start.
 */
export function collectGarbage(): void {
  collector ??= findCollector()
  collector({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}

function findCollector(): (collection: Collection) => void {
  setFlagsFromString('--expose-gc')
  const found = runInNewContext('gc') as (collection: Collection) => void
  setFlagsFromString('--no-expose-gc')
  return found
}

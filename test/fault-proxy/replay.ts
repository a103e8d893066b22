import type { CollectionReflector } from '../../operator/src/kube/collection-reflector.ts'
import { keyOf, keyToString, type DynamicObject } from '../../operator/src/kube/object.ts'

/**
 * Follows a store by its events alone, as a controller does, and checks that each fits: nothing is told twice, updated or deleted when it is not
 * there, and `old` is what was told last. In the end its content must be the store's.
 */
export class Replay {
  readonly objects = new Map<string, DynamicObject>()
  readonly problems: string[] = []
  events = 0

  constructor(reflector: CollectionReflector<DynamicObject>) {
    reflector.store.subscribe((event) => {
      this.events += 1
      const key = keyToString(keyOf(event.object))
      const known = this.objects.get(key)
      if ((event.type === 'added') === (known !== undefined))
        this.problems.push(`${event.type} ${key}, which is ${known === undefined ? 'not ' : ''}there`)
      if (event.type === 'updated' && event.old !== known) this.problems.push(`updated ${key} from a state that was not told`)
      if (event.type === 'updated' && event.old.metadata.resourceVersion === event.object.metadata.resourceVersion) {
        this.problems.push(`updated ${key} was told twice`)
      }
      if (event.type === 'deleted') this.objects.delete(key)
      else this.objects.set(key, event.object)
    })
  }

  /** Problems so far, and whether the content is another than the store's. */
  check(reflector: CollectionReflector<DynamicObject>): readonly string[] {
    const stored = reflector.store.list()
    const same = stored.length === this.objects.size && stored.every((object) => this.objects.get(keyToString(keyOf(object))) === object)
    return same ? this.problems : [...this.problems, 'who followed the events has another content than the store']
  }
}

import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KubeObject } from '../cluster/api-client.ts'
import { objectsOf } from './crds.ts'

const folder = join(import.meta.dirname, '../../examples')

/** One example: where it lies, and the objects of all its files. */
export interface Example {
  /** `development/postgresql`, say. */
  readonly name: string
  readonly objects: readonly KubeObject[]
}

/** The folders of `examples/` that hold an instance. */
export function examples(): readonly Example[] {
  return globSync('*/*/instance.yaml', { cwd: folder })
    .toSorted()
    .map((file) => {
      const name = file.slice(0, file.lastIndexOf('/'))
      const files = globSync(`${name}/*.yaml`, { cwd: folder }).toSorted()
      return { name, objects: files.flatMap((path) => objectsOf(readFileSync(join(folder, path), 'utf8'))) }
    })
}

/** The NotejamInstance of an example. */
export function exampleInstance({ name, objects }: Example): KubeObject & { readonly spec: Readonly<Record<string, unknown>> } {
  const found = objects.find(({ kind }) => kind === 'NotejamInstance')
  if (found === undefined) throw new TypeError(`examples/${name} holds no NotejamInstance`)
  return found as KubeObject & { readonly spec: Readonly<Record<string, unknown>> }
}

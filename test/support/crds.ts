import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { ApiClient, KubeObject } from '../cluster/api-client.ts'
import { waitFor } from '../cluster/wait-for.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'crds')

interface Definition extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
}

/** All objects of a text with YAML documents; empty ones are left out. */
export function objectsOf(yaml: string): readonly KubeObject[] {
  return parseAllDocuments(yaml).flatMap((document) => {
    const object = document.toJS() as KubeObject | null
    return object === null ? [] : [object]
  })
}

/** Applies the CustomResourceDefinitions of `crds/` and waits until the API server serves them; may be called by many tests at once. */
export async function applyCrds(api: ApiClient, folder = FOLDER): Promise<void> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml')).toSorted()
  const texts = await Promise.all(files.map(async (file) => await readFile(join(folder, file), 'utf8')))
  await Promise.all(
    texts.flatMap(objectsOf).map(async (object) => {
      await api.apply(object, 'test-crds')
      await waitFor(
        async () =>
          (await api.get<Definition>(object, object.metadata.name))?.status?.conditions?.some(
            ({ type, status }) => type === 'Established' && status === 'True',
          ),
        { what: `CustomResourceDefinition ${object.metadata.name} being served`, timeoutMs: 15_000, intervalMs: 50 },
      )
    }),
  )
}

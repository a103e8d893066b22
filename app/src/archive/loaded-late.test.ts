import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

const sources = join(import.meta.dirname, '..')
/** Imports that are there when a file is loaded: neither types nor `import()`. */
const staticImport = /^(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?'([^']+)'/gm

/** Everything that is loaded together with a file: files as paths below the sources, packages by name. */
function loadedWith(file: string, seen = new Set<string>()): ReadonlySet<string> {
  const name = relative(sources, file)
  if (!seen.has(name)) {
    seen.add(name)
    for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(staticImport)) {
      if (target.startsWith('.')) loadedWith(join(dirname(file), target), seen)
      else seen.add(target)
    }
  }
  return seen
}

test.each(['main.ts', 'commands/serve.ts', 'commands/migrate.ts', 'commands/smoke.ts'])('%s loads nothing of the archives', (file) => {
  const loaded = [...loadedWith(join(sources, file))]

  expect(loaded.length).toBeGreaterThan(3)
  expect(loaded.filter((name) => name.startsWith('@aws-sdk') || name.startsWith('archive/') || name.startsWith('backup/'))).toEqual([])
})

test('a store in a folder is opened without the S3 client', () => {
  expect([...loadedWith(join(sources, 'commands/prune.ts'))].filter((name) => name.includes('s3'))).toEqual([])
  expect([...loadedWith(join(sources, 'archive/stores/s3-store.ts'))]).toContain('@aws-sdk/client-s3')
})

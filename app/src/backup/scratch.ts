import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder of our own for what a tool must find in a file. */
export interface Scratch extends AsyncDisposable {
  readonly folder: string
  /** Writes a file that nobody else can read, and returns its path. */
  write(name: string, text: string): Promise<string>
  path(name: string): string
}

/** Makes a folder, mode 0700, in `SCRATCH_DIR` or the system's; it goes when it is disposed of. */
export async function createScratch(environment: Readonly<Record<string, string | undefined>>): Promise<Scratch> {
  const parent = environment['SCRATCH_DIR'] ?? ''
  const folder = await mkdtemp(join(parent === '' ? tmpdir() : parent, 'notejam-scratch-'))
  const path = (name: string) => join(folder, name)
  return {
    folder,
    path,
    write: async (name, text) => {
      await writeFile(path(name), text, { mode: 0o600, flag: 'wx' })
      return path(name)
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

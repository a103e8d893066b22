import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'

interface Entry {
  readonly name: string
  readonly mode: number
  readonly data: Uint8Array
}

const BLOCK = 512

/** A tar archive (POSIX ustar) of plain files that belong to root and have no time, so that the same content has the same digest. */
export function tar(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap(({ name, mode, data }) => {
    const header = Buffer.alloc(BLOCK)
    const octal = (value: number, offset: number, size: number): void =>
      void header.write(`${value.toString(8).padStart(size - 1, '0')}\0`, offset)
    header.write(name, 0)
    octal(mode, 100, 8)
    octal(0, 108, 8)
    octal(0, 116, 8)
    octal(data.length, 124, 12)
    octal(0, 136, 12)
    header.write('        0', 148)
    header.write('ustar\0', 257)
    header.write('00', 263)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    return [header, data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)])
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')

/**
 * Writes an archive, in the format of `docker save`, of an image with one static program under several names: the sandbox of every pod
 * (`/pause`) and the helper that makes volumes (`/volume`). No engine is needed for it.
 */
export async function writeSandboxImage(program: string, tag: string, path: string): Promise<void> {
  const data = await readFile(program)
  const layer = tar([
    { name: 'pause', mode: 0o755, data },
    { name: 'volume', mode: 0o755, data },
  ])
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Entrypoint: ['/pause'], User: '65535:65535' },
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
    }),
  )
  const name = `${sha256(config)}.json`
  const manifest = Buffer.from(JSON.stringify([{ Config: name, RepoTags: [tag], Layers: ['layer.tar'] }]))
  const file = (entry: string, content: Uint8Array): Entry => ({ name: entry, mode: 0o644, data: content })
  await writeFile(path, tar([file('manifest.json', manifest), file(name, config), file('layer.tar', layer)]))
}

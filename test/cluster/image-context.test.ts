import { chmod, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { runCommand } from './command.ts'
import { contentKey, packContext } from './image-context.ts'

let tree: string
beforeEach(async () => {
  tree = await mkdtemp(path.join(tmpdir(), 'notejam-tree-'))
  await mkdir(path.join(tree, 'src'))
  await writeFile(path.join(tree, 'src/main.ts'), 'one')
})
afterEach(async () => {
  await rm(tree, { recursive: true, force: true })
})

const key = async (): Promise<string> => await contentKey({ paths: [tree], skip: ['dist'] })

describe('the key of a tree', () => {
  test.each([
    ['content', async () => await writeFile(path.join(tree, 'src/main.ts'), 'two')],
    ['a new file', async () => await writeFile(path.join(tree, 'src/other.ts'), '')],
    ['a new name', async () => await writeFile(path.join(tree, 'one'), '')],
    ['the right to run it', async () => await chmod(path.join(tree, 'src/main.ts'), 0o755)],
  ])('changes with %s', async (_what, change) => {
    const before = await key()
    await change()

    expect(await key()).not.toBe(before)
  })

  test.each([
    ['times', async () => await utimes(path.join(tree, 'src/main.ts'), 1, 1)],
    ['tests', async () => await writeFile(path.join(tree, 'src/main.test.ts'), 'test')],
    ['output', async () => await mkdir(path.join(tree, 'dist')).then(async () => await writeFile(path.join(tree, 'dist/main.js'), ''))],
    ['installed packages', async () => await mkdir(path.join(tree, 'node_modules'))],
  ])('does not change with %s', async (_what, change) => {
    const before = await key()
    await change()

    expect(await key()).toBe(before)
  })
})

test('a context holds the named files and texts as they are, but not what is excluded', async () => {
  await writeFile(path.join(tree, 'src/main.test.ts'), 'test')

  const archive = await packContext({ app: { path: tree }, 'deep/Dockerfile': { text: 'FROM scratch' } }, ['*.test.ts'])
  const packed = Buffer.concat((await archive.stream.toArray()) as Buffer[])
  await archive.done

  const names = (await runCommand('tar', ['-tf', '-'], { input: packed })).trim().split('\n')
  expect(names.filter((name) => !name.endsWith('/'))).toStrictEqual(['./app/src/main.ts', './deep/Dockerfile'])
  expect(await runCommand('tar', ['-xOf', '-', './app/src/main.ts'], { input: packed })).toBe('one')
})

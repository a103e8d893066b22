import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type LockFile, missingEntries, platformOf } from './complete-lock.ts'

test('the lock file names every optional package, so that npm ci takes it', () => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as LockFile

  const missing = Object.keys(missingEntries(lock))

  expect(missing, 'run: node test/lint/complete-lock.ts').toStrictEqual([])
})

test('a package that is missing is added at the top, or below its parent where another version has that place', () => {
  const lock: LockFile = {
    packages: {
      'node_modules/a': { version: '1.0.0', dev: true, optionalDependencies: { '@x/binding-linux-x64-musl': '1.0.0', here: '1.0.0' } },
      'node_modules/b': { version: '2.0.0', optionalDependencies: { '@x/binding-linux-x64-musl': '2.0.0', ranged: '^1.0.0' } },
      'node_modules/here': { version: '1.0.0' },
    },
  }

  const missing = missingEntries(lock)

  const platform = { os: ['linux'], cpu: ['x64'], libc: ['musl'], optional: true }
  expect(missing).toStrictEqual({
    'node_modules/@x/binding-linux-x64-musl': { version: '1.0.0', ...platform, dev: true },
    'node_modules/b/node_modules/@x/binding-linux-x64-musl': { version: '2.0.0', ...platform },
  })
})

test.each([
  ['@x/binding-darwin-arm64', { os: ['darwin'], cpu: ['arm64'] }],
  ['@x/binding-linux-arm-gnueabihf', { os: ['linux'], cpu: ['arm'], libc: ['glibc'] }],
  ['@x/binding-win32-x64-msvc', { os: ['win32'], cpu: ['x64'] }],
  ['@x/binding-wasm32-wasi', { cpu: ['wasm32'] }],
])('%s is for %o', (name, platform) => {
  expect(platformOf(name)).toStrictEqual(platform)
})

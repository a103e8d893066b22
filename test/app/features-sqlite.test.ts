import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { describeFeatures } from './features.ts'

const folder = mkdtempSync(join(tmpdir(), 'notejam-features-'))

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

describeFeatures(`sqlite:${join(folder, 'notejam')}`)

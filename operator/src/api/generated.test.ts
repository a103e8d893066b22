import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { generateTypes } from '../../scripts/generate-types.ts'

describe('the generated files', () => {
  it('are those that the CRDs give today (else: node operator/scripts/generate-types.ts)', async () => {
    const files = await generateTypes()

    for (const { path, text } of files) expect(readFileSync(path, 'utf8')).toBe(text)
    expect(files.length).toBeGreaterThan(1)
  })
})

import { describe, expect, it } from 'vitest'
import { checkLayers, findLayerViolations, listImports } from './layers.ts'
import { listTrackedFiles } from './tracked-files.ts'

describe('checkLayers', () => {
  it.each([
    ['operator/src/kube/client.ts', `import { queue } from '../runtime/queue.ts'`, 'kube knows HTTP'],
    ['operator/src/runtime/queue.ts', `import type { Instance } from '../api/instance.ts'`, 'runtime knows Kubernetes'],
    ['operator/src/instance/observe.ts', `import { serve } from '../../../app/src/config.ts'`, 'image contract'],
    ['app/src/notes/routes.ts', `import { x } from '@notejam/operator'`, 'image contract'],
    ['app/src/commands/serve.ts', `import { run } from '../main.ts'`, 'main is the top'],
    ['operator/src/main.ts', `const x = await import('../../app/src/config.ts')`, 'image contract'],
    ['operator/src/instance/resources/deployment.ts', `import { readFileSync } from 'node:fs'`, 'must stay pure'],
    ['operator/src/instance/release/plan.ts', `export const step = () => Date.now()`, 'must stay pure'],
    ['operator/src/instance/status.ts', `export const id = () => Math.random()`, 'must stay pure'],
  ])('refuses %s with %s', (file, source, because) => {
    const findings = checkLayers(file, source)

    expect(findings).toHaveLength(1)
    expect(findings[0]).toContain(because)
  })

  it.each([
    ['operator/src/runtime/controller.ts', `import type { Client } from '../kube/client.ts'`],
    ['operator/src/instance/reconcile.ts', `import { createController } from '../runtime/controller.ts'`],
    ['operator/src/instance/resources/secret.ts', `import { createHash } from 'node:crypto'`],
  ])('accepts %s with %s', (file, source) => {
    expect(checkLayers(file, source)).toEqual([])
  })

  it('sees imports over several lines, re-exports and side effects', () => {
    expect(listImports(`import {\n  a,\n  b,\n} from './a.ts'\nexport { c } from './c.ts'\nimport './d.ts'\n`)).toEqual([
      './a.ts',
      './c.ts',
      './d.ts',
    ])
  })
})

describe('the tree', () => {
  it('keeps its layers', () => {
    expect(findLayerViolations(listTrackedFiles())).toEqual([])
  })
})

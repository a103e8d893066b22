import type { TestProject } from 'vitest/node'
import { createProgress } from '../cluster/progress.ts'
import { startControlPlane } from '../cluster/control-plane.ts'

/** What a test of the tier `control-plane` gets by `inject('controlPlane')`. */
export interface ProvidedControlPlane {
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string
  readonly url: string
  /** State folder, with a log of each program under `logs/`. */
  readonly folder: string
}

declare module 'vitest' {
  // oxlint-disable-next-line typescript/consistent-type-definitions -- merging into vitest's own interface is its way of typing `inject`
  interface ProvidedContext {
    controlPlane: ProvidedControlPlane
  }
}

/**
 * One control plane for a whole run; every test has a namespace of its own in it. A test that stops the API server, or that needs a server
 * with nothing in it, starts one for itself: `startControlPlane()` takes three seconds.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const controlPlane = await startControlPlane({ name: 'tests', progress: createProgress() })
  project.provide('controlPlane', { kubeconfig: controlPlane.kubeconfig, url: controlPlane.url, folder: controlPlane.folder })
  return async () => await controlPlane.stop()
}

import { join } from 'node:path'
import { registryComponent, registryReady } from '../registry.ts'
import type { AddonContext, AddonPlan } from './addon.ts'

/** The image registry of a cluster, on its host address: the same for nodes and for this machine. */
export function registryAddon(context: AddonContext, binary: string, port: number): AddonPlan {
  const address = `${context.layout.gateway}:${port}`
  return {
    objects: [],
    component: registryComponent({ binary, address, folder: join(context.layout.folder, 'addons', 'registry') }),
    ready: async () => await registryReady(address),
  }
}

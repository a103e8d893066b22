import type { ImageRecipe } from './images.ts'
import type { PushedImage } from './image-push.ts'
import type { Progress } from './progress.ts'

/** Kinds of clusters that the command line can use. */
export const PROVIDERS = ['local', 'kind', 'current'] as const

/** `local`: made here from Go modules. `kind`: made by kind and Docker. `current`: the one that the kubeconfig in force names. */
export type ProviderName = (typeof PROVIDERS)[number]

/** What the command line asks of any kind of cluster. */
export interface ProviderOptions {
  readonly name: string
  readonly progress: Progress
  readonly nodes?: number
  readonly ingressPort?: number
  /** Where images are pushed to for a cluster that has no registry of its own: `host/path`. */
  readonly registry?: string
}

/** A cluster that runs, whatever made it. */
export interface ProvidedCluster {
  readonly kubeconfig: string
  /** Where its Ingress controller answers on this machine, if it is known. */
  readonly url: string | undefined
  /** Builds an image where it is missing and brings it to where nodes find it. */
  readonly publish: (recipe: ImageRecipe) => Promise<PushedImage>
  /** Brings an image that the Docker engine has to where nodes find it; gives its name for pods. */
  readonly load: (image: string) => Promise<string>
  readonly close: () => Promise<void>
}

/** A way to have a cluster. */
export interface Provider {
  readonly up: (options: ProviderOptions) => Promise<ProvidedCluster>
  /** The cluster that `up` made. */
  readonly open: (options: ProviderOptions) => Promise<ProvidedCluster>
  /** Removes it; gives the line that says what was done. */
  readonly down: (options: ProviderOptions) => Promise<string>
  /** Lines for a person. */
  readonly status: (options: ProviderOptions) => Promise<readonly string[]>
}

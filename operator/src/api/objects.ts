/**
 * The parts of Kubernetes objects that the operator reads or writes, as the API server sends them (times are strings). Only these parts: what is
 * not named here must not be relied on.
 */

/** Readonly all the way down: what a store or a planner hands out belongs to everybody. */
export type Immutable<T> = T extends (infer Item)[] ? readonly Immutable<Item>[] : T extends object ? { readonly [K in keyof T]: Immutable<T[K]> } : T

/** `metav1.OwnerReference`. */
export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** `metav1.ObjectMeta`; the optional fields are the server's. */
export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly ownerReferences?: readonly OwnerReference[]
  readonly finalizers?: readonly string[]
}

/** Any object of the API. */
export interface ApiObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
}

/** An object as a builder wants it to be: a server-side apply sends it as it is. */
export interface DesiredObject extends ApiObject {
  readonly [field: string]: unknown
}

/** A condition of an object that is not ours. */
export interface ForeignCondition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastTransitionTime?: string
}

/** What of a pod template is read back. */
interface PodSpec {
  readonly nodeName?: string
  readonly containers: readonly { readonly name: string; readonly image?: string }[]
}

/** `apps/v1 Deployment`. */
export interface Deployment extends ApiObject {
  readonly spec: {
    readonly replicas?: number
    readonly template: { readonly metadata?: Partial<ObjectMeta>; readonly spec: PodSpec }
  }
  readonly status?: {
    readonly observedGeneration?: number
    readonly replicas?: number
    readonly updatedReplicas?: number
    readonly readyReplicas?: number
    readonly availableReplicas?: number
    readonly terminatingReplicas?: number
    readonly conditions?: readonly ForeignCondition[]
  }
}

/** `batch/v1 Job`. */
export interface Job extends ApiObject {
  readonly spec: { readonly template: { readonly spec: PodSpec } }
  readonly status?: {
    readonly active?: number
    readonly ready?: number
    readonly failed?: number
    readonly succeeded?: number
    readonly startTime?: string
    readonly completionTime?: string
    readonly conditions?: readonly ForeignCondition[]
  }
}

/** How a container ended. */
export interface TerminatedState {
  readonly exitCode: number
  readonly reason?: string
  readonly message?: string
  readonly finishedAt?: string
}

/** `v1 ContainerStatus`. */
export interface ContainerStatus {
  readonly name: string
  readonly image?: string
  readonly imageID?: string
  readonly ready?: boolean
  readonly restartCount?: number
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string }
    readonly running?: { readonly startedAt?: string }
    readonly terminated?: TerminatedState
  }
  readonly lastState?: { readonly terminated?: TerminatedState }
}

/** `v1 Pod`. */
export interface Pod extends ApiObject {
  readonly spec: PodSpec
  readonly status?: {
    readonly phase?: string
    readonly reason?: string
    readonly message?: string
    readonly conditions?: readonly ForeignCondition[]
    readonly initContainerStatuses?: readonly ContainerStatus[]
    readonly containerStatuses?: readonly ContainerStatus[]
  }
}

/** `v1 PersistentVolumeClaim`. */
export interface PersistentVolumeClaim extends ApiObject {
  readonly spec: { readonly resources?: { readonly requests?: Readonly<Record<string, string>> }; readonly storageClassName?: string }
  readonly status?: {
    readonly phase?: string
    readonly capacity?: Readonly<Record<string, string>>
    readonly conditions?: readonly ForeignCondition[]
  }
}

/** `v1 Secret`; `data` is base64. */
export interface Secret extends ApiObject {
  readonly type?: string
  readonly data?: Readonly<Record<string, string>>
}

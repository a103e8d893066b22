import type { KubeObject, ObjectMeta } from '../kube/object.ts'

/**
 * The parts of Kubernetes objects that the operator reads or writes, as the API server sends them (times are strings). Only these parts: what is
 * not named here must not be relied on.
 */

/** Readonly all the way down: what a store or a planner hands out belongs to everybody. */
export type Immutable<T> = T extends (infer Item)[]
  ? readonly Immutable<Item>[]
  : T extends object
    ? { readonly [K in keyof T]: Immutable<T[K]> }
    : T

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
export interface Deployment extends KubeObject {
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
export interface Job extends KubeObject {
  readonly spec: { readonly activeDeadlineSeconds?: number; readonly template: { readonly spec: PodSpec } }
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
export interface Pod extends KubeObject {
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

/** `autoscaling/v2 HorizontalPodAutoscaler`. */
export interface HorizontalPodAutoscaler extends KubeObject {
  readonly status?: { readonly conditions?: readonly ForeignCondition[] }
}

/** `v1 Secret`; `data` is base64. */
export interface Secret extends KubeObject {
  readonly type?: string
  readonly data?: Readonly<Record<string, string>>
}

/** `apps/v1 StatefulSet`. */
export interface StatefulSet extends KubeObject {
  readonly spec: {
    readonly replicas?: number
    readonly template: { readonly metadata?: Partial<ObjectMeta>; readonly spec: PodSpec }
  }
  readonly status?: {
    readonly observedGeneration?: number
    readonly replicas?: number
    readonly readyReplicas?: number
    readonly updatedReplicas?: number
  }
}

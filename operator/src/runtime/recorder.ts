import type { KubeObject } from '../kube/object.ts'

/** Something worth telling a person, about an object. Record it on transitions, not on states. */
export interface EventOptions {
  /** `Normal`, or `Warning` when somebody may have to act. */
  readonly type: 'Normal' | 'Warning'
  /** UpperCamelCase, of a closed list. */
  readonly reason: string
  /** What was being done, UpperCamelCase. */
  readonly action: string
  /** For people; cut at 1,024 bytes. No secrets. */
  readonly note: string
  /** A second object, such as the Job that failed. */
  readonly related?: KubeObject
}

/** Writes events. Never throws and never waits: an event that cannot be written is dropped and counted. */
export interface Recorder {
  event(regarding: KubeObject, event: EventOptions): void
}

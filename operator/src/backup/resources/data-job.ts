import { annotations, childMetadata } from '../../api/labels.ts'
import type { DynamicObject } from '../../kube/object.ts'
import { dataPod, runAnnotation, stopSeconds, type DataPod, type DataPodInput } from './data-pod.ts'

/** Exit codes of a run that a repetition may cure: somebody else holds the database's lock, the store does not answer (image contract). */
export const repeatedExits = [3, 7]

/** Pods that may fail in a row so: with the Job's backoff of 10, 20, 40 … seconds, five minutes. */
const retries = 5
/** Seconds between the deadline of the pod and that of its Job. */
const jobMarginSeconds = 5
/** Of a finished Job: it stays for a day, so that an operator that was away for that long still reads what came of it. */
export const finishedSeconds = 86_400

/** Seconds that a command which writes waits for the lock of the database. */
export const lockSeconds = 60

/** What every Job of a data command has in common; it may be repeated, for the command knows what it did before. */
export function dataJobSpec(container: string, deadlineSeconds: number) {
  return {
    activeDeadlineSeconds: deadlineSeconds + stopSeconds + jobMarginSeconds,
    backoffLimit: retries,
    podFailurePolicy: {
      rules: [
        { action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] },
        { action: 'FailJob', onExitCodes: { containerName: container, operator: 'NotIn', values: repeatedExits } },
      ],
    },
  }
}

/**
 * The Job of one data command.
 *
 * @param operationID - the operation of the instance that it is a step of; one that is none goes a day after its end
 */
export function dataJob(input: DataPodInput, name: string, pod: DataPod, operationID?: string): DynamicObject {
  const step = operationID === undefined ? {} : { [annotations.release]: operationID }
  const notes = { [runAnnotation]: pod.run, ...step, [annotations.image]: input.image }
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: childMetadata(input.instance, 'backup', name, notes),
    spec: {
      ...dataJobSpec(pod.run, pod.deadlineSeconds),
      ...(operationID === undefined ? { ttlSecondsAfterFinished: finishedSeconds } : {}),
      template: dataPod(input, pod),
    },
  }
}

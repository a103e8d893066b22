import { describe, expect, it } from 'vitest'
import type { InstanceSpec } from '../../api/notejam.ts'
import type { KubeObject } from '../../kube/object.ts'
import { renderSample, sampleInstance, samples } from './sample-instances.ts'

interface Deployment extends KubeObject {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number
        readonly topologySpreadConstraints?: readonly { readonly whenUnsatisfiable: string; readonly nodeTaintsPolicy?: string }[]
        readonly containers: readonly {
          readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } }
          readonly env: readonly { readonly name: string; readonly value?: string }[]
        }[]
      }
    }
  }
}

/** Seconds before the signal, between it and the end of accepting, until the rest is cut, and until Kubernetes ends the pod. */
function endOf(sample: 'quickstart' | 'production', drainSeconds: number | undefined): readonly number[] {
  const spec: InstanceSpec = samples[sample].instance.spec
  const rollout = { ...spec.release?.rollout, ...(drainSeconds === undefined ? {} : { drainSeconds }) }
  const instance = sampleInstance({ ...spec, release: { ...spec.release, rollout } })
  const found = renderSample({ instance, database: samples[sample].database }).find(({ kind }) => kind === 'Deployment') as Deployment
  const { containers, terminationGracePeriodSeconds } = found.spec.template.spec
  const seconds = (name: string) => Number(containers[0]?.env.find((variable) => variable.name === name)?.value)
  const preStop = containers[0]?.lifecycle?.preStop.sleep.seconds ?? 0
  return [preStop, seconds('DRAIN_SECONDS'), seconds('STOP_TIMEOUT_SECONDS'), terminationGracePeriodSeconds]
}

describe('the end of a pod', () => {
  it.each<['quickstart' | 'production', number | undefined, readonly number[]]>([
    ['production', undefined, [10, 5, 25, 45]],
    ['production', 10, [3, 1, 6, 15]],
    ['production', 300, [10, 5, 285, 305]],
    ['quickstart', undefined, [0, 0, 25, 30]],
    ['quickstart', 60, [0, 0, 60, 65]],
  ])('%s, drainSeconds %s: %s', (sample, drainSeconds, seconds) => {
    expect(endOf(sample, drainSeconds)).toEqual(seconds)
  })
})

describe('the spread over zones', () => {
  it.each([
    ['Required', { whenUnsatisfiable: 'DoNotSchedule', nodeTaintsPolicy: 'Honor' }],
    ['Preferred', { whenUnsatisfiable: 'ScheduleAnyway' }],
  ] as const)('%s: counts no zone that could take no pod where a pod would wait for it', (zoneSpread, wanted) => {
    const { instance, database } = samples.production
    const spec: InstanceSpec = { ...instance.spec, availability: { zoneSpread } }
    const found = renderSample({ instance: sampleInstance(spec), database }).find(({ kind }) => kind === 'Deployment') as Deployment

    const [zones] = found.spec.template.spec.topologySpreadConstraints ?? []

    const { whenUnsatisfiable, nodeTaintsPolicy } = zones ?? {}
    expect({ whenUnsatisfiable, ...(nodeTaintsPolicy === undefined ? {} : { nodeTaintsPolicy }) }).toEqual(wanted)
  })
})

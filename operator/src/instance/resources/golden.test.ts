import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { KubeObject } from '../../kube/object.ts'
import { findPodSecurityViolations, type PodSpecLike } from './pod-security.ts'
import { renderSample, samples, type Sample } from './sample-instances.ts'

const names = Object.keys(samples) as (keyof typeof samples)[]
const objectsOf = (name: keyof typeof samples) => renderSample(samples[name] as Sample)

interface Templated {
  readonly spec?: {
    readonly template?: { readonly spec: PodSpecLike }
    readonly jobTemplate?: { readonly spec: { readonly template: { readonly spec: PodSpecLike } } }
  }
}

/** The pod specs of a rendered sample, by the object that holds them. */
function podSpecs(objects: readonly KubeObject[]): readonly (readonly [string, PodSpecLike])[] {
  return objects.flatMap((object) => {
    const { jobTemplate, template = jobTemplate?.spec.template } = (object as Templated).spec ?? {}
    return template === undefined ? [] : [[`${object.kind} ${object.metadata.name}`, template.spec] as const]
  })
}

describe('the objects of an instance', () => {
  // What changes a pod restarts it everywhere when the operator is updated. If that is meant, say so in CHANGELOG.md and write the files anew:
  //   npx vitest run --project unit operator/src/instance/resources/golden.test.ts --update
  it.each(names)('%s: are those of golden/', async (name) => {
    const text = objectsOf(name)
      .map((object) => stringify(object, { lineWidth: 0 }))
      .join('---\n')

    await expect(text).toMatchFileSnapshot(join(import.meta.dirname, 'golden', `${name}.golden`))
  })

  it.each(names)('%s: keep to the restricted profile of Pod Security', (name) => {
    const specs = podSpecs(objectsOf(name))

    expect(specs.length).toBeGreaterThanOrEqual(2)
    for (const [where, spec] of specs) expect(findPodSecurityViolations(spec), where).toEqual([])
  })

  it.each(names)('%s: hold no token of the API and no secret in clear', (name) => {
    const objects = objectsOf(name)

    const text = JSON.stringify(objects.filter(({ kind }) => kind !== 'Secret'))
    expect(text).not.toContain('a-key-of-tests')
    expect(text).not.toMatch(/:secret@|"value":"secret"/)
    for (const [where, spec] of podSpecs(objects)) expect(spec.automountServiceAccountToken, where).toBe(false)
  })

  it.each(names)('%s: are labelled as ours, owned, and have names that Kubernetes takes', (name) => {
    for (const { metadata } of objectsOf(name)) {
      expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/instance': 'notes', 'app.kubernetes.io/managed-by': 'notejam-operator' })
      expect(metadata.ownerReferences).toEqual([expect.objectContaining({ kind: 'NotejamInstance', controller: true })])
      expect(metadata.name).toMatch(/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/)
      expect(metadata.namespace).toBe('team')
    }
  })

  it.each(names)('%s: are the same each time', (name) => {
    expect(objectsOf(name)).toEqual(objectsOf(name))
  })
})

describe('findPodSecurityViolations', () => {
  const container = { name: 'c', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }
  const good: PodSpecLike = {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [container],
  }

  it.each<[string, Partial<PodSpecLike>]>([
    ['root', { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }],
    ['user 0', { securityContext: { ...good.securityContext, runAsUser: 0 } }],
    ['no seccomp profile', { securityContext: { runAsNonRoot: true } }],
    ['a host path', { volumes: [{ name: 'v', hostPath: { path: '/' } }] }],
    ['the network of the host', { hostNetwork: true }],
    ['a capability kept', { containers: [{ ...container, securityContext: { allowPrivilegeEscalation: false } }] }],
    ['an init container that may become root', { initContainers: [{ name: 'i', securityContext: { capabilities: { drop: ['ALL'] } } }] }],
    ['a port of the host', { containers: [{ ...container, ports: [{ containerPort: 1, hostPort: 1 }] }] }],
    ['a privileged container', { containers: [{ ...container, securityContext: { ...container.securityContext, privileged: true } }] }],
  ])('sees %s', (_what, more) => {
    expect(findPodSecurityViolations(good)).toEqual([])
    expect(findPodSecurityViolations({ ...good, ...more })).toHaveLength(1)
  })
})

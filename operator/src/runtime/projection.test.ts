import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson, hashJson, sameJson } from './json.ts'
import { equivalent, project } from './projection.ts'

const desired = {
  spec: {
    replicas: 2,
    template: {
      spec: {
        containers: [{ name: 'app', image: 'a:1', args: ['x'], resources: { requests: { cpu: '1000m', memory: '1Gi' } } }],
        tolerations: [{ key: 'k' }],
      },
    },
  },
}
/** What the server makes of it: defaults, another form of a quantity, a container that somebody injected. */
const live = {
  spec: {
    replicas: 2,
    strategy: { type: 'RollingUpdate' },
    template: {
      spec: {
        containers: [
          { name: 'mesh', image: 'mesh:1' },
          { name: 'app', image: 'a:1', args: ['x'], imagePullPolicy: 'Always', resources: { requests: { cpu: '1', memory: '1Gi' } } },
        ],
        tolerations: [{ key: 'k', operator: 'Exists' }],
      },
    },
  },
}

describe('project', () => {
  it('keeps the fields that we talk about, with the values of the server', () => {
    expect(project(desired, live)).toEqual({
      spec: {
        replicas: 2,
        template: {
          spec: {
            containers: [{ name: 'app', image: 'a:1', args: ['x'], resources: { requests: { cpu: '1', memory: '1Gi' } } }],
            tolerations: [{ key: 'k' }],
          },
        },
      },
    })
  })

  it.each([
    { name: 'a value of ours', change: { spec: { ...live.spec, replicas: 3 } } },
    {
      name: 'an item more in a list that is ours as a whole',
      change: { spec: { ...live.spec, template: { spec: { ...live.spec.template.spec, tolerations: [{ key: 'k' }, { key: 'l' }] } } } },
    },
    {
      name: 'an item of ours taken away',
      change: { spec: { ...live.spec, template: { spec: { ...live.spec.template.spec, containers: [] } } } },
    },
  ])('differs after somebody changed $name', ({ change }) => {
    expect(sameJson(project(desired, live), project(desired, change))).toBe(false)
  })

  it('is what was desired, where the server has exactly that', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        expect(sameJson(project({ value }, { value, more: 1 }), { value })).toBe(true)
      }),
    )
  })
})

describe('equivalent', () => {
  it('sees through what the server normalises', () => {
    expect(equivalent(desired, project(desired, live))).toBe(true)
    expect(equivalent({ a: {}, b: [], c: null, d: '' }, project({ a: {}, b: [], c: null, d: '' }, {}))).toBe(true)
  })

  it.each([
    ['1', '2'],
    ['1000m', '1.5'],
    ['1Gi', '1G'],
    [true, false],
    [['a'], ['a', 'b']],
    ['text', undefined],
  ])('tells %o from %o', (a, b) => {
    expect(equivalent({ a }, { a: b })).toBe(false)
  })

  it.each([
    ['1', '1000m'],
    ['1Gi', '1024Mi'],
    ['0.5', '500m'],
    [8080, 8080],
  ])('takes %o for %o', (a, b) => {
    expect(equivalent({ a }, { a: b })).toBe(true)
  })
})

describe('json', () => {
  it('gives equal text to equal values, whatever the order of their members', () => {
    const value = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }))
    fc.assert(
      fc.property(value, (object) => {
        const turned = Object.fromEntries(Object.entries(object).toReversed())
        expect(canonicalJson(turned)).toBe(canonicalJson(object))
        expect(hashJson(turned)).toBe(hashJson(object))
        expect(sameJson(turned, object)).toBe(true)
        expect(JSON.parse(canonicalJson(object))).toEqual(JSON.parse(JSON.stringify(object)))
      }),
    )
  })

  it.each([
    [{ a: 1 }, { a: 1, b: 2 }],
    [[1], { 0: 1 }],
    [null, {}],
    [{ a: [1, 2] }, { a: [2, 1] }],
  ])('tells %o from %o', (a, b) => {
    expect([sameJson(a, b), sameJson(b, a), hashJson(a) === hashJson(b)]).toEqual([false, false, false])
  })

  it('takes an absent member for an undefined one', () => {
    expect([sameJson({ a: undefined }, {}), sameJson({}, { a: undefined }), hashJson({ a: undefined }) === hashJson({})]).toEqual([
      true,
      true,
      true,
    ])
  })
})

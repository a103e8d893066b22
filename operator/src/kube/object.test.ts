import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareResourceVersions, keyFromString, keyToString } from './object.ts'
import { resourceName, resourcePath, resources } from './resource.ts'

test('a key survives being written and read', () => {
  const name = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?$/)
  fc.assert(
    fc.property(fc.record({ namespace: fc.oneof(fc.constant(''), name), name }), (key) => {
      expect(keyFromString(keyToString(key))).toEqual(key)
    }),
  )
})

test('versions are compared as integers of any size', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 80n }), fc.bigInt({ min: 0n, max: 2n ** 80n }), (left, right) => {
      const order = compareResourceVersions(String(left), String(right)) ?? Number.NaN

      expect(Math.sign(order)).toBe(left === right ? 0 : left < right ? -1 : 1)
    }),
  )
})

test.each(['', '01', '-1', 'abc', '1.5', '1e3'])('"%s" is no version that can be compared', (version) => {
  expect(compareResourceVersions(version, '1')).toBeUndefined()
})

test.each([
  [resources.configMaps, {}, '/api/v1/configmaps'],
  [resources.configMaps, { namespace: 'a', name: 'b' }, '/api/v1/namespaces/a/configmaps/b'],
  [resources.jobs, { namespace: 'a', name: 'b', subresource: 'status' }, '/apis/batch/v1/namespaces/a/jobs/b/status'],
  [resources.namespaces, { namespace: 'ignored', name: 'b' }, '/api/v1/namespaces/b'],
  [resources.roles, { namespace: 'a', name: 'system:x/y' }, '/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles/system%3Ax%2Fy'],
])('path of %o in %o', (resource, parts, path) => {
  expect(resourcePath(resource, parts)).toBe(path)
})

test('names are those of roles', () => {
  expect([resourceName(resources.pods), resourceName(resources.jobs)]).toEqual(['pods', 'jobs.batch'])
})

import { expect, test } from 'vitest'
import type { RawAnswer, RawRequest } from './client.ts'
import { Discovery } from './discovery.ts'
import { ApiError, ResourceUnknown } from './errors.ts'
import { resources } from './resource.ts'

const pods = { name: 'pods', kind: 'Pod', namespaced: true, verbs: ['get', 'list'] }
const podLogs = { name: 'pods/log', kind: 'Pod', namespaced: true, verbs: ['get'] }
const deployments = { name: 'deployments', kind: 'Deployment', namespaced: true, verbs: ['get'] }

/** An API that serves these lists, and counts what it is asked. */
function serving(lists: Record<string, object>) {
  const asked: string[] = []
  const request = ({ path }: RawRequest): Promise<RawAnswer> => {
    asked.push(path)
    const list = lists[path]
    if (list === undefined) return Promise.reject(new ApiError({ call: path, status: 404, reason: 'NotFound', message: 'no such group' }))
    return Promise.resolve({ status: 200, headers: {}, text: JSON.stringify(list) })
  }
  return { asked, discovery: new Discovery({ request }) }
}

test('a kind is found once and remembered; its subresources are no kinds', async () => {
  const { asked, discovery } = serving({ '/api/v1': { resources: [podLogs, pods] } })

  const found = await discovery.find('v1', 'Pod')
  await discovery.find('v1', 'Pod')

  expect(found).toEqual({ group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true, verbs: ['get', 'list'] })
  expect(asked).toEqual(['/api/v1'])
})

test('a kind that is not served is asked for again, and found once its definition is installed', async () => {
  const lists: Record<string, object> = {}
  const { asked, discovery } = serving(lists)

  await expect(discovery.find('apps/v1', 'Deployment')).rejects.toThrow(ResourceUnknown)
  lists['/apis/apps/v1'] = { resources: [deployments] }

  await expect(discovery.find('apps/v1', 'Deployment')).resolves.toMatchObject({ group: 'apps', plural: 'deployments' })
  expect(asked).toEqual(['/apis/apps/v1', '/apis/apps/v1'])
})

test('whether a resource is served is asked each time: definitions come and go', async () => {
  const lists: Record<string, object> = { '/apis/apps/v1': { resources: [deployments] } }
  const { discovery } = serving(lists)

  const before = await discovery.serves(resources.deployments)
  delete lists['/apis/apps/v1']

  expect([before, await discovery.serves(resources.deployments)]).toEqual([true, false])
  await expect(discovery.find('apps/v1', 'Deployment')).rejects.toThrow(ResourceUnknown)
})

test('an API that cannot be asked is not one that lacks the resource', async () => {
  const error = new ApiError({ call: 'discover', status: 503, reason: 'ServiceUnavailable', message: 'starting' })
  const discovery = new Discovery({ request: () => Promise.reject(error) })

  await expect(discovery.serves(resources.pods)).rejects.toBe(error)
})

test('everything is the core group and each other group in the version that it prefers', async () => {
  const group = (versions: readonly string[], preferred: string) => ({
    versions: versions.map((groupVersion) => ({ groupVersion })),
    preferredVersion: { groupVersion: preferred },
  })
  const { discovery } = serving({
    '/apis': { groups: [group(['apps/v1', 'apps/v1beta1'], 'apps/v1'), group(['broken/v1'], 'broken/v1')] },
    '/api/v1': { resources: [pods, podLogs] },
    '/apis/apps/v1': { resources: [deployments] },
  })

  const found = await discovery.all()

  expect(found.map(({ version, group: name, plural }) => `${name}/${version} ${plural}`)).toEqual(['/v1 pods', 'apps/v1 deployments'])
})

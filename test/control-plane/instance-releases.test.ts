import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { controlPlaneApi } from '../support/control-plane.ts'
import { applyCrds } from '../support/crds.ts'
import { digestOf, repository } from './instance-kubelet.ts'
import { Scene } from './instance-scene.ts'

const api = controlPlaneApi()

beforeAll(async () => {
  await applyCrds(api)
})

afterAll(async () => {
  await api.close()
})

describe('a release', () => {
  it('takes a new image in: Ready goes Unknown and comes back', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    await scene.create('good-1')
    await scene.served('good-1')

    await scene.edit({ image: scene.kubelet.image('slowmigration-2') })
    await scene.until('Ready', 'Unknown', 'Updating')
    const during = await scene.deployedImage()
    scene.kubelet.slowMigrationsEnd = true
    await scene.served('slowmigration-2')

    expect(during).toBe(`${repository}@${digestOf('good-1')}`)
    expect((await scene.jobs()).map(({ metadata }) => metadata.name).toSorted()).toEqual([
      'notes-r1-expand',
      'notes-r2-expand',
      'notes-r2-verify',
    ])
  })

  it.each([
    ['badmigration-2', 'MigrationFailed', /exit code 1: no such table: pads/],
    ['crash-2', 'RolloutCrashed', /exit code 1: TypeError: cannot read the sky/],
    ['unready-2', 'RolloutDeadlineExceeded', /made no progress within its deadline/],
  ])('gives the image %s up, says %s, and serves the one before', async (tag, reason, message) => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    await scene.create('good-1')
    await scene.served('good-1')

    await scene.edit({ image: scene.kubelet.image(tag) })

    expect(await scene.until('Stalled', 'True', reason)).toMatch(message)
    await scene.until('Ready', 'False', reason)
    await scene.until('Available', 'True', 'MinimumReplicas')
    expect(await scene.deployedImage()).toBe(`${repository}@${digestOf('good-1')}`)
    await scene.edit({ image: scene.kubelet.image('good-3') })
    await scene.served('good-3')
    await scene.until('Stalled', 'False', 'None')
  })

  it('says that an image cannot be pulled, keeps serving, and takes another one', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    await scene.create('good-1')
    await scene.served('good-1')

    await scene.edit({ image: scene.kubelet.image('unpullable-2') })
    expect(await scene.until('Stalled', 'True', 'ImagePullFailed')).toContain('not found')
    await scene.edit({ image: scene.kubelet.image('good-3') })
    await scene.served('good-3')

    expect((await scene.get())?.status?.release?.history?.map(({ id, result }) => `${id} ${result}`)).toEqual([
      'r3 Succeeded',
      'r2 Superseded',
      'r1 Succeeded',
    ])
  })

  it('ends on the last of 50 edits in a second', async () => {
    const scene = await Scene.open(api, inject('controlPlane').kubeconfig)
    await scene.create('good-0')
    await scene.served('good-0')

    const generation = (await scene.get())?.metadata.generation ?? 0
    const edit = (number: number) =>
      scene.edit({ image: scene.kubelet.image(`good-${number}`), http: { hosts: [`h${number}.example.org`] } })
    await Promise.all(Array.from({ length: 49 }, (_, index) => edit(index + 1)))
    await edit(50)
    await scene.served('good-50')

    expect((await scene.get())?.metadata.generation).toBe(generation + 50)
    expect((await scene.get())?.status).toMatchObject({ url: 'http://h50.example.org' })
    const ids = (await scene.jobs()).map(({ metadata }) => metadata.name)
    expect(new Set(ids).size).toBe(ids.length)
  })
})

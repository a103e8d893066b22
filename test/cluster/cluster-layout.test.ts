import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkClusterName, clusterLayout, MAX_NODES, MAX_SLOTS } from './cluster-layout.ts'
import { chooseSlot } from './cluster-record.ts'
import { containerdSocket } from './node-config.ts'

const slots = fc.integer({ min: 0, max: MAX_SLOTS - 1 })
const names = fc.stringMatching(/^[a-z][a-z0-9]{0,19}$/)

describe('a layout', () => {
  test('shares nothing with that of another cluster', () => {
    const unique = fc.tuple(fc.uniqueArray(slots, { minLength: 2, maxLength: 2 }), fc.uniqueArray(names, { minLength: 2, maxLength: 2 }))
    fc.assert(
      fc.property(unique, ([[slot1 = 0, slot2 = 1], [name1 = 'a', name2 = 'b']]) => {
        const words = (name: string, slot: number): readonly string[] => {
          const { bridge, gateway, podsCidr, folder, runFolder, cgroup, nodes } = clusterLayout(name, slot, MAX_NODES)
          const ofNode = nodes.flatMap((node) => [
            node.address,
            node.podCidr,
            node.namespacePath,
            node.veth,
            node.folder,
            node.podCgroup,
            node.systemCgroup,
          ])
          return [bridge, gateway, podsCidr, folder, runFolder, cgroup, ...ofNode]
        }

        const [one, two] = [words(name1, slot1), words(name2, slot2)]

        expect(new Set([...one, ...two]).size).toBe(one.length + two.length)
      }),
    )
  })

  test('keeps to the lengths that the kernel allows', () => {
    fc.assert(
      fc.property(slots, names, (slot, name) => {
        const { bridge, nodes } = clusterLayout(name, slot, MAX_NODES)

        for (const link of [bridge, ...nodes.map(({ veth }) => veth)]) expect(link.length).toBeLessThan(16)
        for (const node of nodes) expect(containerdSocket(node).length).toBeLessThan(108)
      }),
    )
  })

  test('has the pods of every node inside of the range of all pods', () => {
    fc.assert(
      fc.property(slots, (slot) => {
        const { podsCidr, nodes } = clusterLayout('any', slot, MAX_NODES)
        const third = (cidr: string): number => Number(cidr.split('.')[2])

        for (const { podCidr } of nodes) expect(third(podCidr) - third(podsCidr)).toBeGreaterThanOrEqual(0)
        for (const { podCidr } of nodes) expect(third(podCidr) - third(podsCidr)).toBeLessThan(8)
      }),
    )
  })
})

describe('the name of a cluster', () => {
  test.each(['a', 'notejam', 'test-2', 'a2345678901234567890'])('may be %s', (name) => {
    expect(checkClusterName(name)).toBe(name)
  })

  test.each(['', 'A', '1a', 'a-', '-a', 'a_b', 'a/b', '..', 'a23456789012345678901'])('may not be "%s"', (name) => {
    expect(() => checkClusterName(name)).toThrow(expect.objectContaining({ code: 'Usage' }) as Error)
  })
})

describe('a slot', () => {
  test('is the same every day for those who have one, and nobody else takes it while others are free', () => {
    expect(chooseSlot('notejam', new Set())).toBe(0)
    expect(chooseSlot('test', new Set())).toBe(1)
    expect(chooseSlot('other', new Set())).toBe(2)
    expect(chooseSlot('test', new Set([1]))).toBe(2)
  })

  test('is free, whoever asks', () => {
    fc.assert(
      fc.property(names, fc.uniqueArray(slots, { maxLength: MAX_SLOTS - 1 }), (name, taken) => {
        expect(taken).not.toContain(chooseSlot(name, new Set(taken)))
      }),
    )
  })

  test('is refused when all are taken', () => {
    const all = new Set(Array.from({ length: MAX_SLOTS }, (_, slot) => slot))

    expect(() => chooseSlot('late', all)).toThrow(/all 16 clusters of this machine are taken/)
  })
})

import { describe, expect, it } from 'vitest'
import { imageEnvironment, sumOf, withinLimit } from './contenders.ts'

describe('imageEnvironment', () => {
  it('is that of the shipped image', () => {
    expect(imageEnvironment()).toMatchObject({
      NODE_ENV: 'production',
      NODE_OPTIONS: expect.stringContaining('--max-semi-space-size') as string,
    })
  })

  it('reads quoted and plain values and leaves out what is not there', () => {
    expect(imageEnvironment('ENV NODE_ENV=production \\\n  NODE_OPTIONS="--a=1 --b"')).toEqual({
      NODE_ENV: 'production',
      NODE_OPTIONS: '--a=1 --b',
    })
  })
})

it('gives the heap its share of the container that is not there', () => {
  expect(withinLimit({ NODE_OPTIONS: '--a --max-old-space-size-percentage=70' }, 256)).toEqual({
    NODE_OPTIONS: '--a --max-old-space-size=179',
  })
})

describe('sumOf', () => {
  const text = '# HELP passes x\npasses{result="success"} 3\npasses{result="error"} 2\npasses_more 7\nplain 4.5\n'

  it.each([
    { metric: 'passes', label: '', expected: 5 },
    { metric: 'passes', label: 'result="error"', expected: 2 },
    { metric: 'plain', label: '', expected: 4.5 },
    { metric: 'unknown', label: '', expected: 0 },
  ])('$metric with "$label" is $expected', ({ metric, label, expected }) => {
    expect(sumOf(text, metric, label)).toBe(expected)
  })
})

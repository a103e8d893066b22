import type { IncomingMessage } from 'node:http'
import { readBody } from '../http/read-body.ts'
import { ApiProblem } from './problem.ts'

/**
 * Bytes of a body that are read: a text of 100,000 characters, each written as a pair of `\u` escapes (12 bytes), and room for the rest.
 */
export const maxBodyBytes = 1_280_000

const jsonTypes = new Set(['application/json', 'application/merge-patch+json'])

/**
 * Reads the body of a request as JSON in UTF-8.
 *
 * @returns undefined when there is no body
 * @throws ApiProblem `unsupported-media-type`, `body-too-large`, or `bad-request` for what is not JSON
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const announced = request.headers['content-length']
  if (announced === undefined && request.headers['transfer-encoding'] === undefined) return undefined
  if (announced !== undefined && Number(announced) === 0) return undefined
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    throw new ApiProblem('unsupported-media-type', {
      detail: 'Send the body without Content-Encoding.',
      headers: { 'Accept-Encoding': 'identity' },
    })
  }
  const [type = '', ...parameters] = (request.headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const otherCharset = parameters.some((parameter) => /^charset=(?!"?utf-8"?$)/.test(parameter))
  if (!jsonTypes.has(type) || otherCharset) {
    throw new ApiProblem('unsupported-media-type', {
      detail: 'Send Content-Type: application/json, in UTF-8.',
      headers: { Accept: 'application/json' },
    })
  }
  if (announced !== undefined && Number(announced) > maxBodyBytes) throw tooLarge()
  return parse(await readBody(request, maxBodyBytes, { tooLarge, brokenOff }))
}

function parse(bytes: Buffer): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new ApiProblem('bad-request', { detail: 'The body is not UTF-8.', cause })
  }
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new ApiProblem('bad-request', { detail: 'The body is not JSON.', cause })
  }
}

function tooLarge(): ApiProblem {
  return new ApiProblem('body-too-large', { detail: `A body may have at most ${maxBodyBytes} bytes.` })
}

function brokenOff(cause?: unknown): ApiProblem {
  return new ApiProblem('bad-request', { detail: 'The body ended before its end.', cause })
}

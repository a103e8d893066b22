import { planted } from './plans.ts'
import type { RawAnswer, RawExchange } from './raw-http.ts'
import { victimMark } from './world.ts'

/** What is expected of the answers of one connection. */
export interface Expectations {
  /** The address is below `/api`, so problems are JSON. */
  readonly api: boolean
  readonly head?: boolean
  /** The server may end the connection without a word: the request was no HTTP, or it broke off. */
  readonly mayBeSilent?: boolean
  /** May be refused before anybody knows the address, so that a page is right whatever it is. */
  readonly beforeRouting?: boolean
  /** Statuses that alone are right. */
  readonly statuses?: readonly number[]
}

/** What a stack trace, a driver or a template betrays. */
const inner =
  /\bat (?:async )?[\w.<>]+ \(|\.[tj]s:\d+:\d+|node:internal|node_modules|SQLITE_|ER_[A-Z_]{4}|pg_catalog|relation "|errno|\[object Object\]/

/** What is wrong with an exchange; empty when nothing is. The same for every request, whatever it was. */
export function findFaults({ answers, end }: RawExchange, expected: Expectations): readonly string[] {
  if (end === 'silent') return ['the connection was left open without an answer']
  if (answers.length === 0) return expected.mayBeSilent === true ? [] : [`no answer, the connection was ${end}`]
  if (answers.length > 1) return [`${answers.length} answers to one request`]
  return answers.flatMap((answer) => faultsOf(answer, expected))
}

function faultsOf(answer: RawAnswer, expected: Expectations): readonly string[] {
  const { status, headers, body } = answer
  const value = (name: string): string | undefined => headers.find(([key]) => key === name)?.[1]
  const text = body.toString('utf8')
  const faults: string[] = []
  const check = (right: boolean, fault: string): void => {
    if (!right) faults.push(`${status}: ${fault}`)
  }
  check(status >= 200 && status < 500, 'not an answer to bad input')
  check(expected.statuses?.includes(status) ?? true, `instead of ${expected.statuses?.join(' or ')}`)
  check(!inner.test(text), `shows what is inside: ${inner.exec(text)?.[0]}`)
  check(!text.includes(victimMark), "shows somebody else's text")
  check(value('x-injected') === undefined && value('bcc') === undefined, 'a header was injected')
  const location = value('location')
  check(location === undefined || /^\/(?![/\\])/.test(location), `leads elsewhere: ${location}`)
  if (value('content-type')?.startsWith('text/html') === true) {
    check(!text.includes(planted) && !text.includes('<img src=x'), 'shows markup that was sent')
    check(!/href="javascript:/i.test(text), 'links to a script')
    check((value('content-security-policy') ?? '').includes("default-src 'none'"), 'has no content security policy')
  }
  check(value('x-content-type-options') === 'nosniff', 'lacks nosniff')
  if (status >= 400 && expected.head !== true) faults.push(...refusalFaults(answer, text, expected))
  return faults
}

function refusalFaults({ status, headers }: RawAnswer, text: string, { api, beforeRouting }: Expectations): readonly string[] {
  const type = headers.find(([key]) => key === 'content-type')?.[1] ?? ''
  if (api && (beforeRouting !== true || type.startsWith('application/problem+json'))) {
    if (!type.startsWith('application/problem+json')) return [`${status}: a problem of the API is ${type}`]
    const problem = JSON.parse(text) as { readonly type?: unknown; readonly title?: unknown; readonly status?: unknown }
    const whole = typeof problem.type === 'string' && typeof problem.title === 'string' && problem.status === status
    return whole ? [] : [`${status}: the problem is not whole: ${text.slice(0, 200)}`]
  }
  return type === 'text/html; charset=utf-8' && text.includes('<strong>note</strong>jam:') && text.endsWith('</html>\n')
    ? []
    : [`${status}: a refusal outside the layout, ${type}: ${text.slice(0, 200)}`]
}

/** A request for a message: control characters shown, cut. */
export function show(parts: readonly Buffer[]): string {
  return JSON.stringify(Buffer.concat(parts).toString('latin1').slice(0, 600))
}

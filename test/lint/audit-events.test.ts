import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test('the page of the audit log names every event, and no other', () => {
  const union = /export type AuditEvent =([^/]*)/.exec(readFileSync('app/src/accounts/audit.ts', 'utf8'))?.[1] ?? ''
  const events = [...union.matchAll(/'([a-z-]+)'/g)].map(([, name]) => name)
  const named = [...readFileSync('docs/security/audit-log.md', 'utf8').matchAll(/^\| `([a-z-]+)`/gm)].map(([, name]) => name)

  expect(events.length).toBeGreaterThan(10)
  expect(named).toEqual(events)
})

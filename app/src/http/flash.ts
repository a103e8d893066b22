import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Alert } from '../views/layout.ts'
import type { Cookies } from './cookies.ts'

/** What can be said on the next page. The cookie holds only a name of this list, so it can say nothing else. */
export const flashTexts = {
  'signed-up': 'Account is created. Now you can sign in.',
  'note-created': 'Note is successfully created',
  'note-updated': 'Note is successfully updated',
  'note-deleted': 'Note is successfully deleted',
  'note-restored': 'Note is successfully restored',
  'pad-created': 'Pad is successfully created',
  'pad-updated': 'Pad is successfully updated',
  'pad-deleted': 'Pad is successfully deleted',
  'pad-restored': 'Pad is successfully restored',
  'password-changed': 'Password is successfully changed',
  'reset-sent': 'Check your inbox: if this address has an account, a link to choose a new password is on its way.',
  'signed-out-everywhere': 'All other sessions are signed out',
  'session-ended': 'The session is signed out',
  'account-deleted': 'Your account and everything in it is deleted',
  'token-created': 'Token is successfully created',
  'token-revoked': 'Token is successfully revoked',
} as const

/** One of {@link flashTexts}. */
export type FlashName = keyof typeof flashTexts

const deletionId = /^[0-9a-zA-Z-]{1,64}$/

/** Leaves a message for the next page. With the id of a deletion it offers to take that back. */
export function writeFlash(cookies: Cookies, response: ServerResponse, name: FlashName, deletion?: string): void {
  cookies.write(response, 'flash', deletion === undefined ? name : `${name}.${deletion}`, 300)
}

/** The message that was left, which is thereby used up. */
export function takeFlash(cookies: Cookies, request: IncomingMessage, response: ServerResponse): Alert | undefined {
  const value = cookies.read(request, 'flash')
  if (value === undefined || value === '') return undefined
  cookies.clear(response, 'flash')
  const [name = '', deletion] = value.split('.', 2)
  if (!Object.hasOwn(flashTexts, name)) return undefined
  const text = flashTexts[name as FlashName]
  if (deletion === undefined || !deletionId.test(deletion)) return { kind: 'success', text }
  return { kind: 'success', text, undo: `/deletions/${deletion}/undo/` }
}

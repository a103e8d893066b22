import { createHmac } from 'node:crypto'

/** What is kept of an account that its owner deleted: enough to delete it again after a restore, not to find out who it was. */
export function erasedHash(secretKey: string, account: { readonly id: number; readonly emailKey: string }): string {
  return createHmac('sha256', secretKey).update(`erased\0${account.id}\0${account.emailKey}`).digest('hex')
}

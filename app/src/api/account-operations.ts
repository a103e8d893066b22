import { operation, type Operation } from './operation.ts'
import { toIso } from './present.ts'
import { me, noQuery } from './schemas.ts'

/** Whose token it is. */
export function accountOperations(): readonly Operation[] {
  return [
    operation({
      operationId: 'getMe',
      method: 'GET',
      path: '/me',
      tag: 'account',
      summary: 'Tells whose token it is and what it may do',
      scope: 'read',
      query: noQuery,
      success: { status: 200, description: 'The account.', schema: me },
      run: ({ token }) =>
        Promise.resolve({
          status: 200,
          body: {
            id: token.userId,
            email: token.email,
            created_at: toIso(token.userCreatedAt),
            note_count: token.noteCount,
            token: { name: token.name, scopes: token.scopes, expires_at: token.expiresAt === null ? null : toIso(token.expiresAt) },
          },
        }),
    }),
  ]
}

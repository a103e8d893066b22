import type { FormBody } from '../http/form-body.ts'
import type { PageContent } from '../http/pages.ts'
import { errorSummary, inputField, selectField, type FieldErrors } from '../views/form.ts'
import { html, type Html } from '../views/html.ts'
import { fullTime } from '../views/time.ts'
import type { ApiTokenView } from './tokens.ts'

/** Days that a token may live, as the form offers them; 0 is without end. */
export const lifetimes = [30, 90, 365, 0] as const

const labels = { name: 'Name', scope: 'May', days: 'Ends' }
const scopeChoices = [
  { value: 'read', label: 'read' },
  { value: 'read write', label: 'read and write' },
]
const lifetimeChoices = lifetimes.map((days) => ({ value: String(days), label: days === 0 ? 'never' : `after ${days} days` }))

/** What the page of tokens shows. */
export interface TokensPageOptions {
  readonly list: readonly ApiTokenView[]
  /** What was typed, when it was not accepted. */
  readonly form: FormBody
  /** The token that was just made: this page is the only one that ever shows it. */
  readonly token?: string | undefined
  readonly errors?: FieldErrors | undefined
}

/** The page of personal tokens: make one, see when each was used, revoke it. */
export function tokensPage({ list, form, token, errors }: TokensPageOptions): PageContent {
  return {
    title: 'API tokens',
    hasErrors: errors !== undefined,
    content: html`<p>
        A token lets a program read or write your notes through the <a href="/api/v1/openapi.json">JSON API</a>.
        <a href="/settings/">Back to the account settings</a>
      </p>
      ${token === undefined ? null : newToken(token)}${errorSummary(errors, labels)}
      <form method="post" action="/settings/tokens/" class="narrow">
        <h2>New token</h2>
        ${inputField({ name: 'name', label: labels.name, value: form['name'], errors, maxlength: 100, autocomplete: 'off', hint: 'What it is for.' })}
        ${selectField({ name: 'scope', label: labels.scope, value: form['scope'] ?? 'read', errors, choices: scopeChoices })}
        ${selectField({ name: 'days', label: labels.days, value: form['days'] ?? '90', errors, choices: lifetimeChoices })}
        <button type="submit">Create token</button>
      </form>
      <h2>Your tokens</h2>
      ${list.length === 0 ? html`<p class="empty">No tokens</p>` : tokenTable(list)}`,
  }
}

function newToken(token: string): Html {
  return html`<div class="alert alert-success" role="status">
    <p>This is the token. Copy it now: it is not shown again.</p>
    <p><code>${token}</code></p>
  </div> `
}

function tokenTable(list: readonly ApiTokenView[]): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Your tokens">
    <table>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Begins with</th>
          <th scope="col">May</th>
          <th scope="col">Last used</th>
          <th scope="col">Ends</th>
          <th scope="col"><span class="visually-hidden">Revoke</span></th>
        </tr>
      </thead>
      <tbody>
        ${list.map(
          (token) =>
            html`<tr>
              <td>${token.name}</td>
              <td><code>${token.hint}…</code></td>
              <td>${token.scopes.join(' and ')}</td>
              <td>${token.lastUsedAt === null ? 'never' : fullTime(token.lastUsedAt)}</td>
              <td>${ending(token)}</td>
              <td>
                <form method="post" action="/settings/tokens/${token.id}/revoke/">
                  <button class="link danger" type="submit">Revoke<span class="visually-hidden"> ${token.name}</span></button>
                </form>
              </td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div> `
}

function ending(token: ApiTokenView): Html {
  if (token.expiresAt === null) return html`never`
  return token.expired ? html`ended ${fullTime(token.expiresAt)}` : fullTime(token.expiresAt)
}

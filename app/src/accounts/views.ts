import { errorSummary, type FieldErrors, inputField } from '../views/form.ts'
import { html, type Html } from '../views/html.ts'
import { timeAgo } from '../views/time.ts'
import type { SessionView } from './sessions.ts'

/** What was typed, and what was wrong with it. Passwords are never shown again. */
export interface Typed {
  readonly email?: string | undefined
  readonly errors?: FieldErrors | undefined
}

const labels = {
  email: 'Email',
  password: 'Password',
  confirm_password: 'Confirm password',
  old_password: 'Current password',
  new_password: 'New password',
  confirm_new_password: 'Confirm new password',
}
const passwordHint = '8 to 128 characters'

/** Sign-up. */
export function signUpView({ email, errors }: Typed): Html {
  return html`<div class="narrow">${errorSummary(errors, labels)}<form method="post" action="/signup/">
${inputField({ name: 'email', label: labels.email, type: 'email', value: email, errors, autocomplete: 'email', autofocus: true })}${inputField({ name: 'password', label: labels.password, type: 'password', errors, autocomplete: 'new-password', hint: passwordHint })}${inputField({ name: 'confirm_password', label: labels.confirm_password, type: 'password', errors, autocomplete: 'new-password' })}<div class="actions"><button type="submit">Sign Up</button><a href="/signin/">Sign in</a></div>
</form></div>`
}

/** Sign-in. `action` carries where to go on to. */
export function signInView({ email, errors }: Typed, action: string): Html {
  return html`<div class="narrow">${errorSummary(errors, labels)}<form method="post" action="${action}">
${inputField({ name: 'email', label: labels.email, type: 'email', value: email, errors, autocomplete: 'username', autofocus: true })}${inputField({ name: 'password', label: labels.password, type: 'password', errors, autocomplete: 'current-password' })}<div class="actions"><button type="submit">Sign In</button><a class="danger" href="/forgot-password/">Forgot password?</a></div>
</form></div>`
}

/** The question after GET on the sign-out address; signing out itself is a POST. */
export function signOutView(): Html {
  return html`<div class="narrow"><p>Do you want to sign out?</p><form method="post" action="/signout/"><div class="actions"><button type="submit">Sign out</button><a href="/">Cancel</a></div></form></div>`
}

/** Asking for a link. */
export function forgotView({ email, errors }: Typed): Html {
  return html`<div class="narrow">${errorSummary(errors, labels)}<p class="hint">We send you a link to choose a new password.</p><form method="post" action="/forgot-password/">
${inputField({ name: 'email', label: labels.email, type: 'email', value: email, errors, autocomplete: 'email', autofocus: true })}<div class="actions"><button type="submit">Get new password</button><a href="/signin/">Sign in</a></div>
</form></div>`
}

/** Choosing a new password by the link. */
export function recoverView(action: string, errors?: FieldErrors): Html {
  return html`<div class="narrow">${errorSummary(errors, labels)}<form method="post" action="${action}">
${inputField({ name: 'password', label: labels.new_password, type: 'password', errors, autocomplete: 'new-password', hint: passwordHint, autofocus: true })}${inputField({ name: 'confirm_password', label: labels.confirm_new_password, type: 'password', errors, autocomplete: 'new-password' })}<div class="actions"><button type="submit">Save</button></div>
</form></div>`
}

/** What the settings show. */
export interface SettingsView {
  readonly errors?: FieldErrors | undefined
  readonly sessions: readonly SessionView[]
  readonly now: number
}

/** Account settings: password, sessions, and ways to what belongs to them. */
export function settingsView({ errors, sessions, now }: SettingsView): Html {
  return html`<div class="wide-form">${errorSummary(errors, labels)}<h2 id="change-password">Change password</h2><form method="post" action="/settings/">
${inputField({ name: 'old_password', label: labels.old_password, type: 'password', errors, autocomplete: 'current-password' })}${inputField({ name: 'new_password', label: labels.new_password, type: 'password', errors, autocomplete: 'new-password', hint: passwordHint })}${inputField({ name: 'confirm_new_password', label: labels.confirm_new_password, type: 'password', errors, autocomplete: 'new-password' })}<div class="actions"><button type="submit">Save</button></div>
</form></div>
<h2>Sessions</h2>
<table><caption class="visually-hidden">Where you are signed in</caption><thead><tr><th scope="col">Browser</th><th scope="col">Address</th><th scope="col">Last seen</th><th scope="col"><span class="visually-hidden">Action</span></th></tr></thead><tbody>${sessions.map(
    (
      session,
    ) => html`<tr><td>${session.userAgent === '' ? 'Unknown' : session.userAgent}</td><td>${session.address}</td><td>${timeAgo(session.lastSeenAt, now)}</td><td class="when">${
      session.current
        ? 'This one'
        : html`<form method="post" action="/settings/sessions/${session.id}/end/"><button class="link" type="submit">Sign out</button></form>`
    }</td></tr>
`,
  )}</tbody></table>
<form method="post" action="/settings/sign-out-everywhere/"><div class="actions"><button type="submit">Sign out everywhere else</button></div></form>
<h2>Your data</h2>
<ul><li><a href="/settings/export/">Export your notes</a></li><li><a href="/settings/tokens/">Tokens for the API</a></li><li><a href="/deletions/">Recently deleted</a></li><li><a class="danger" href="/settings/delete/">Delete account</a></li></ul>`
}

/** The question before an account is deleted. */
export function deleteAccountView(noteCount: number, errors?: FieldErrors): Html {
  return html`<div class="wide-form">${errorSummary(errors, labels)}<p>Are you sure you want to delete your account, with all pads and all notes (${noteCount})? This cannot be undone.</p><p><a href="/settings/export/">Export your notes</a> first, if you want to keep them.</p>
<form method="post" action="/settings/delete/">${inputField({ name: 'password', label: labels.old_password, type: 'password', errors, autocomplete: 'current-password' })}<div class="actions"><button class="danger" type="submit">Yes, I want to delete my account</button><a href="/settings/">Cancel</a></div></form></div>`
}

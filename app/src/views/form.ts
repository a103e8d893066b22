import { attributes, html, type Html } from './html.ts'

/** One list of messages per field; a field without an entry is right. */
export type FieldErrors = Readonly<Record<string, readonly string[]>>

/** What an input needs beyond its name. */
export interface FieldOptions {
  readonly name: string
  readonly label: string
  readonly type?: 'text' | 'email' | 'password'
  readonly value?: string | undefined
  readonly errors?: FieldErrors | undefined
  readonly autocomplete?: string
  readonly maxlength?: number
  readonly minlength?: number
  readonly hint?: string
  readonly required?: boolean
  readonly autofocus?: boolean
}

/** What is said under a field that was left empty. */
export const requiredMessage = 'This field is required.'

/** A labelled input with its hint and its errors, tied to it for assistive technology. */
export function inputField(options: FieldOptions): Html {
  const { name, errors } = options
  return html`<div class="field"><label for="${name}">${options.label}</label>${hint(name, options.hint)}<input ${attributes({
    id: name,
    name,
    type: options.type ?? 'text',
    value: options.value,
    required: options.required ?? true,
    autocomplete: options.autocomplete,
    maxlength: options.maxlength,
    minlength: options.minlength,
    autofocus: options.autofocus,
    ...described(name, errors, options.hint),
  })}>${errorList(name, errors)}</div>
`
}

/** A labelled text area. */
export function textField(options: FieldOptions): Html {
  const { name, errors } = options
  // The line break after the opening tag is dropped by the parser; without it a text that begins with one would lose it.
  return html`<div class="field"><label for="${name}">${options.label}</label>${hint(name, options.hint)}<textarea ${attributes({
    id: name,
    name,
    required: options.required ?? true,
    ...described(name, errors, options.hint),
  })}>
${options.value ?? ''}</textarea>${errorList(name, errors)}</div>
`
}

/** A labelled choice of one. */
export function selectField(
  options: FieldOptions & { readonly choices: readonly { readonly value: string; readonly label: string }[] },
): Html {
  const { name, errors } = options
  return html`<div class="field"><label for="${name}">${options.label}</label><select ${attributes({ id: name, name, ...described(name, errors, undefined) })}>${options.choices.map(
    (choice) => html`<option ${attributes({ value: choice.value, selected: choice.value === options.value })}>${choice.label}</option>`,
  )}</select>${errorList(name, errors)}</div>
`
}

/** The box above a form that was not accepted: every error as a link to its field. It takes the focus when scripts run. */
export function errorSummary(errors: FieldErrors | undefined, labels: Readonly<Record<string, string>>): Html | null {
  if (errors === undefined) return null
  const entries = Object.entries(errors).flatMap(([name, messages]) => messages.map((message) => ({ name, message })))
  if (entries.length === 0) return null
  return html`<div class="alert alert-error error-summary" role="alert" tabindex="-1"><h2>Please correct this</h2><ul>${entries.map(
    ({ name, message }) =>
      html`<li><a href="#${name}">${message === requiredMessage ? `${labels[name] ?? name} is required` : message}</a></li>`,
  )}</ul></div>
`
}

function hint(name: string, text: string | undefined): Html | null {
  return text === undefined ? null : html`<p class="hint" id="${name}-hint">${text}</p>`
}

function errorList(name: string, errors: FieldErrors | undefined): Html | null {
  const messages = errors?.[name]
  if (messages === undefined || messages.length === 0) return null
  return html`<ul class="errorlist" id="${name}-error">${messages.map((message) => html`<li>${message}</li>`)}</ul>`
}

function described(name: string, errors: FieldErrors | undefined, text: string | undefined): Readonly<Record<string, string | undefined>> {
  const wrong = (errors?.[name]?.length ?? 0) > 0
  const ids = [text === undefined ? '' : `${name}-hint`, wrong ? `${name}-error` : ''].filter((id) => id !== '').join(' ')
  return { 'aria-invalid': wrong ? 'true' : undefined, 'aria-describedby': ids === '' ? undefined : ids }
}

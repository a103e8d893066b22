import { errorSummary, type FieldErrors, inputField } from '../views/form.ts'
import { html, type Html } from '../views/html.ts'
import type { PadSummary, PadView } from './service.ts'

const labels = { name: 'Name' }

/** What the form of a pad holds. */
export interface PadFormView {
  readonly action: string
  readonly name: string
  readonly version?: number
  readonly errors?: FieldErrors | undefined
}

/** The form of a new pad, and of one that is renamed. */
export function padFormView(form: PadFormView, deleteUrl?: string): Html {
  return html`${errorSummary(form.errors, labels)}<form class="keep wide-form" method="post" action="${form.action}">
${inputField({ name: 'name', label: labels.name, value: form.name, errors: form.errors, maxlength: 200, autofocus: form.name === '' })}${
    form.version === undefined ? null : html`<input type="hidden" name="version" value="${form.version}">`
  }<div class="actions"><button type="submit">Save</button>${deleteUrl === undefined ? null : html`<a class="danger end" href="${deleteUrl}">Delete pad</a>`}</div>
</form>`
}

/** "1 note", "2 notes". */
export function countOfNotes(count: number): string {
  return count === 1 ? '1 note' : `${count} notes`
}

/** The notes of a pad. */
export function padPageView(pad: PadSummary, table: Html | null): Html {
  return html`${table ?? html`<p class="empty">Create your first note in the pad.</p>`}<div class="actions"><a class="button" href="/notes/create/?pad=${pad.id}">New note</a><a class="end" href="/pads/${pad.id}/edit/">Pad settings</a></div>`
}

/** The question before a pad is deleted: says what it takes along, and offers to keep it. */
export function padDeleteView(pad: PadView): Html {
  const count = pad.noteCount
  const what = count === 0 ? null : html` and all related notes (${count})`
  const choice =
    count === 0
      ? html`<p class="hint">The pad holds no notes.</p>`
      : html`<fieldset><legend>The pad holds ${countOfNotes(count)}</legend>
<label class="choice" for="notes-delete"><input type="radio" id="notes-delete" name="notes" value="delete" checked>Delete ${count === 1 ? 'it' : 'them'} too</label>
<label class="choice" for="notes-keep"><input type="radio" id="notes-keep" name="notes" value="keep">Keep ${count === 1 ? 'it' : 'them'} without a pad</label></fieldset>`
  return html`<p>Are you sure you want to delete ${pad.name}${what}?</p>
<form method="post" action="/pads/${pad.id}/delete/">${choice}<p class="hint">You can undo it for 30 days.</p>
<div class="actions"><button class="danger" type="submit">Yes, I want to delete this pad</button><a href="/pads/${pad.id}/edit/">Cancel</a></div></form>`
}

/** Both names of a pad that was renamed in two places. */
export function padConflictView(stored: PadView, mine: PadFormView): Html {
  return html`<div class="alert alert-error" role="alert">This pad was changed in another place since you opened it. Nothing was saved yet.</div>
<dl><dt>Stored now</dt><dd>${stored.name}</dd><dt>Yours</dt><dd>${mine.name}</dd></dl>
${padFormView({ ...mine, version: stored.version })}`
}

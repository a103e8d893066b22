import { errorSummary, type FieldErrors, inputField, selectField, textField } from '../views/form.ts'
import { attributes, html, type Html } from '../views/html.ts'
import type { SidebarPad } from '../views/layout.ts'
import { markdown } from '../views/markdown.ts'
import { plainText } from '../views/text.ts'
import { fullTime } from '../views/time.ts'
import type { NoteView } from './service.ts'

const labels = { name: 'Name', text: 'Text', pad_id: 'Pad' }
const noPad = '---------'

/** What the form of a note holds. */
export interface NoteFormView {
  readonly action: string
  readonly name: string
  readonly text: string
  /** As the form holds it; empty for no pad. */
  readonly padId: string
  /** The version that is being edited; absent for a new note. */
  readonly version?: number | undefined
  readonly errors?: FieldErrors | undefined
  readonly pads: readonly SidebarPad[]
  /** Shows the text as Markdown above the form. */
  readonly preview?: boolean
}

/** The form of a new note, and of one that is edited. */
export function noteFormView(form: NoteFormView): Html {
  const choices = [{ value: '', label: noPad }, ...form.pads.map((pad) => ({ value: String(pad.id), label: pad.name }))]
  return html`${errorSummary(form.errors, labels)}${form.preview === true ? html`<section class="preview" aria-label="Preview">${markdown(form.text)}</section>` : null}<form class="keep" method="post" action="${form.action}">
${inputField({ name: 'name', label: labels.name, value: form.name, errors: form.errors, maxlength: 200, autofocus: form.name === '' })}${textField({ name: 'text', label: labels.text, value: form.text, errors: form.errors })}${selectField(
    {
      name: 'pad_id',
      label: labels.pad_id,
      value: form.padId,
      errors: form.errors,
      choices,
    },
  )}${form.version === undefined ? null : html`<input type="hidden" name="version" value="${form.version}">`}<div class="actions"><button type="submit">Save</button><button ${attributes(
    {
      type: 'submit',
      formaction: form.version === undefined ? '/notes/preview/' : form.action.replace(/edit\/$/, 'preview/'),
      formnovalidate: true,
    },
  )}>Preview</button></div>
</form>`
}

/** One note. */
export function noteView(note: NoteView, pad: SidebarPad | undefined, format: 'text' | 'markdown'): Html {
  return html`<p class="hint">Last edited at ${fullTime(note.updatedAt)}${pad === undefined ? null : html` in <a href="/pads/${pad.id}/">${pad.name}</a>`} · ${
    format === 'text'
      ? html`<a href="/notes/${note.id}/?format=markdown">Show as Markdown</a>`
      : html`<a href="/notes/${note.id}/">Show as typed</a>`
  }</p>
${format === 'markdown' ? markdown(note.text) : plainText(note.text)}
<div class="actions"><a class="button" href="/notes/${note.id}/edit/">Edit</a><a class="danger end" href="/notes/${note.id}/delete/">Delete it</a></div>`
}

/** The question before a note is deleted. */
export function noteDeleteView(note: NoteView): Html {
  return html`<p>Are you sure you want to delete ${note.name}?</p>
<p class="hint">You can undo it for 30 days.</p>
<form method="post" action="/notes/${note.id}/delete/"><input type="hidden" name="version" value="${note.version}"><div class="actions"><button class="danger" type="submit">Yes, I want to delete this note</button><a href="/notes/${note.id}/">Cancel</a></div></form>`
}

/** Both versions of a note that was changed in two places, and the choice between them. */
export function noteConflictView(stored: NoteView, mine: NoteFormView): Html {
  return html`<div class="alert alert-error" role="alert">This note was changed in another place since you opened it. Nothing was saved yet: compare the two versions, then save what should stay.</div>
<div class="compare"><section aria-labelledby="stored"><h2 id="stored">Stored now</h2><p class="hint">Last edited at ${fullTime(stored.updatedAt)}</p><h3>${stored.name}</h3><pre>${stored.text}</pre><p><a href="/notes/${stored.id}/">Keep this one</a></p></section>
<section aria-labelledby="mine"><h2 id="mine">Yours</h2><p class="hint">Not saved</p><h3>${mine.name}</h3><pre>${mine.text}</pre></section></div>
<h2>Save your version</h2>
${noteFormView({ ...mine, version: stored.version })}`
}

/** The answer to saving a note that is not there: what was typed can become a new one. */
export function noteGoneView(message: string, mine: NoteFormView): Html {
  const nothingTyped = mine.name === '' && mine.text === ''
  return html`<p>${message}</p><p><a href="/">Go to all notes</a> or to what was <a href="/deletions/">recently deleted</a></p>${
    nothingTyped ? null : html`<h2>Save what you typed as a new note</h2>${noteFormView(mine)}`
  }`
}

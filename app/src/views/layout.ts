import { assetUrls } from '../http/static-assets.ts'
import { escapeHtml, html, type Html, trusted } from './html.ts'

/** A pad as the left column lists it. */
export interface SidebarPad {
  readonly id: number
  readonly name: string
}

/** The box above the content: what just happened. */
export interface Alert {
  readonly kind: 'success' | 'error'
  readonly text: string
  /** A deletion can be taken back: where the button posts to. */
  readonly undo?: string
}

/** Everything that one page shows. */
export interface Page {
  /** Shown in `title` and in the heading. */
  readonly title: string
  /** E-mail address of the person signed in. */
  readonly email?: string | undefined
  /** The left column; without it the page has none (sign-in, settings and their like). */
  readonly pads?: readonly SidebarPad[] | undefined
  readonly currentPadId?: number | undefined
  /** What the search field holds. */
  readonly query?: string | undefined
  readonly alert?: Alert | undefined
  /** Says so at the beginning of `title`, which is what a screen reader reads first. */
  readonly hasErrors?: boolean | undefined
  /** Says on every page that nothing can be saved (`READ_ONLY=true`), before somebody types in vain. */
  readonly readOnly?: boolean | undefined
  readonly content: Html
}

const opening = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="${assetUrls.icon}" type="image/svg+xml">
<link rel="stylesheet" href="${assetUrls.stylesheet}">
<script type="module" src="${assetUrls.script}"></script>
`
const afterTitle = `
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<div class="page">
<header>
`
const anonymousLinks = '<nav class="account" aria-label="Account"><a href="/signup/">Sign up</a> <a href="/signin/">Sign in</a></nav>\n'
const memberLinks =
  ': </span><a href="/settings/">Account settings</a> <form method="post" action="/signout/"><button class="link" type="submit">Sign out</button></form></nav>\n'
const closing = `
</div>
<footer>Notejam application</footer>
</div>
</body>
</html>
`
const newPad = '<hr><a href="/pads/create/">New pad</a></div></nav>\n'

/** The whole document around a page's content. */
export function layout(page: Page): string {
  const title = escapeHtml(page.title)
  let out = `${opening}<title>${page.hasErrors === true ? 'Error: ' : ''}${title}</title>${afterTitle}`
  out +=
    page.email === undefined
      ? anonymousLinks
      : `<nav class="account" aria-label="Account"><span class="who">${escapeHtml(page.email)}${memberLinks}`
  out += `<h1><a class="logo" href="/"><strong>note</strong>jam:</a> <span>${title}</span></h1>\n</header>\n`
  if (page.pads === undefined) {
    return `${out}<div><main id="content" tabindex="-1">\n${noticeOf(page)}${renderAlert(page.alert)}${page.content.value}\n</main>${closing}`
  }
  out += `<div class="columns">\n<nav class="pads" aria-labelledby="my-pads"><h2 id="my-pads">My pads</h2><div class="list">`
  out += renderPads(page.pads, page.currentPadId) + newPad
  return `${out}<main id="content" tabindex="-1">\n${renderSearch(page.query)}${noticeOf(page)}${renderAlert(page.alert)}${page.content.value}\n</main>${closing}`
}

const notice = '<p class="notice">Notejam can only be read at the moment: changes cannot be saved.</p>\n'

function noticeOf({ readOnly }: Page): string {
  return readOnly === true ? notice : ''
}

function renderPads(pads: readonly SidebarPad[], current: number | undefined): string {
  if (pads.length === 0) return '<p class="empty">No pads</p>'
  let out = '<ul>'
  for (const pad of pads) {
    out += `<li><a href="/pads/${pad.id}/"${pad.id === current ? ' aria-current="page"' : ''}>${escapeHtml(pad.name)}</a></li>`
  }
  return `${out}</ul>`
}

const emptySearch =
  '<form class="search" role="search" action="/search/" method="get"><input type="search" name="q" aria-label="Search notes" placeholder="Search" maxlength="200"><button type="submit">Search</button></form>\n'

function renderSearch(query: string | undefined): string {
  if (query === undefined) return emptySearch
  return html`<form class="search" role="search" action="/search/" method="get"><input type="search" name="q" aria-label="Search notes" placeholder="Search" maxlength="200" value="${query}"><button type="submit">Search</button></form>
`.value
}

function renderAlert(alert: Alert | undefined): string {
  if (alert === undefined) return ''
  const undo =
    alert.undo === undefined
      ? trusted('')
      : html`<form method="post" action="${alert.undo}"><button class="link" type="submit">Undo</button></form>`
  return html`<div class="alert alert-${alert.kind}" role="${alert.kind === 'error' ? 'alert' : 'status'}">${alert.text}${undo}</div>
`.value
}

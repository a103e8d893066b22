import { attributes, html, type Html } from './html.ts'

const address = /\bhttps?:\/\/[^\s<>"']+/giu

/** A note's text as it was typed: line breaks stay, addresses of the web become links, everything else is text. */
export function plainText(text: string): Html {
  const lines = text.split('\n').map((line, index) => html`${index === 0 ? null : html`<br>`}${linked(line)}`)
  return html`<div class="text">${lines}</div>`
}

function linked(line: string): Html {
  const parts: Html[] = []
  let at = 0
  for (const match of line.matchAll(address)) {
    const url = withoutTail(match[0])
    if (!URL.canParse(url)) continue
    parts.push(html`${line.slice(at, match.index)}<a ${attributes({ href: url, rel: 'noopener noreferrer nofollow ugc' })}>${url}</a>`)
    at = match.index + url.length
  }
  return html`${parts}${line.slice(at)}`
}

/** Punctuation after an address belongs to the sentence; a closing bracket does unless the address opened it. */
function withoutTail(url: string): string {
  let end = url.length
  for (; end > 0; end -= 1) {
    const last = url[end - 1] ?? ''
    if (/[.,;:!?*_~]/.test(last)) continue
    if ((last === ')' && !url.slice(0, end).includes('(')) || (last === ']' && !url.slice(0, end).includes('['))) continue
    break
  }
  return url.slice(0, end)
}

import MarkdownIt from 'markdown-it'
import sanitizeHtml from 'sanitize-html'
import { html, type Html, trusted } from './html.ts'

// Raw HTML in the text is printed as text already; the allow-list is the second lock, should the first ever fail.
const parser = new MarkdownIt({ html: false, linkify: true, breaks: true, maxNesting: 30 }).disable('image')

const rules: sanitizeHtml.IOptions = {
  allowedTags: [
    'h2',
    'h3',
    'h4',
    'h5',
    'h6',
    'p',
    'br',
    'hr',
    'strong',
    'em',
    's',
    'code',
    'pre',
    'blockquote',
    'ul',
    'ol',
    'li',
    'a',
    'table',
    'thead',
    'tbody',
    'tr',
    'th',
    'td',
  ],
  allowedAttributes: { a: ['href', 'title', 'rel'], ol: ['start'] },
  allowedSchemes: ['http', 'https', 'mailto'],
  allowProtocolRelative: false,
  disallowedTagsMode: 'discard',
  transformTags: {
    // The page has its own h1; one below keeps the outline whole.
    h1: 'h2',
    a: (tagName, attribs) => ({ tagName, attribs: { ...attribs, rel: 'noopener noreferrer nofollow ugc' } }),
  },
}

/** A note's text read as Markdown (CommonMark with tables, strike-through and bare links). No HTML, no pictures, links to the web and to mail only. */
export function markdown(text: string): Html {
  return html`<div class="markdown">${trusted(sanitizeHtml(parser.render(text), rules))}</div>`
}

import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Express } from 'express'
import type { AppContext } from '../context.ts'
import type { MemberExchange, Pages } from '../http/pages.ts'
import type { Services } from '../http/services.ts'
import { html } from '../views/html.ts'
import { readAccountData, type AccountData } from './account-data.ts'
import { exportJson } from './json-export.ts'
import { exportMarkdown } from './markdown-export.ts'

/** Where the account's notes can be had. */
const exportPaths = { markdown: '/settings/export/notes.zip', json: '/settings/export/notes.json' } as const

/** Downloads of everything that one has written. */
export function exportRoutes(
  app: Express,
  { context, services, pages }: { readonly context: AppContext; readonly services: Services; readonly pages: Pages },
): void {
  const { db, clock, config, log } = context

  const send = async (
    exchange: MemberExchange,
    extension: 'zip' | 'json',
    write: (data: AccountData) => AsyncIterable<string | Uint8Array>,
  ): Promise<void> => {
    const { member, origin, response, request } = exchange
    // Reading a whole account is the dearest thing that a GET can ask for. Counting attempts is a write.
    if (!config.readOnly) await services.throttle.attempt('export', { address: origin.address, account: String(member.userId) })
    const data = await readAccountData(db, member.userId)
    const day = new Date(clock.now()).toISOString().slice(0, 10)
    response.writeHead(200, {
      'Content-Type': extension === 'zip' ? 'application/zip' : 'application/json; charset=utf-8',
      'Content-Disposition': `attachment; filename="notejam-${day}.${extension}"`,
      'Cache-Control': 'no-store',
    })
    services.audit('account-exported', { userId: member.userId, address: origin.address, format: extension })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    try {
      await pipeline(Readable.from(write(data), { objectMode: false }), response)
    } catch (error) {
      // The head is sent: a connection that breaks off is all that can still tell the browser.
      log.warn({ err: error }, 'export broke off')
      response.destroy()
    }
  }

  app.get(
    '/settings/export',
    pages.member((exchange) =>
      pages.plain(exchange, {
        title: 'Export your notes',
        content: html`<p>Everything that you have written, to keep or to take elsewhere. Deleted notes are left out.</p>
          <ul>
            <li><a href="${exportPaths.markdown}">Markdown files in a ZIP archive</a>: a folder for each pad, a file for each note</li>
            <li><a href="${exportPaths.json}">One JSON document</a>: for programs</li>
          </ul>
          <p><a href="/settings/">Back to the account settings</a></p>`,
      }),
    ),
  )
  app.get(
    exportPaths.markdown,
    pages.member(async (exchange) => send(exchange, 'zip', exportMarkdown)),
  )
  app.get(
    exportPaths.json,
    pages.member(async (exchange) => send(exchange, 'json', (data) => exportJson(data, clock.now()))),
  )
}

import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { icon } from '../assets/icon.ts'
import { script } from '../assets/script.ts'
import { stylesheet } from '../assets/stylesheet.ts'

interface Asset {
  readonly plain: Buffer
  readonly zipped: Buffer
  readonly type: string
}

const assets = new Map<string, Asset>()

/** Where pages find the style sheet, the script and the icon. The address changes with the content, so answers may be kept for good. */
export const assetUrls = {
  stylesheet: publish('notejam', 'css', 'text/css; charset=utf-8', stylesheet),
  script: publish('notejam', 'js', 'text/javascript; charset=utf-8', script),
  icon: publish('icon', 'svg', 'image/svg+xml', icon),
} as const

/** Answers a request below `/assets/`; false when there is no such file. During a roll-out an old page may ask for a new or an older address: the name without its hash decides. */
export function serveAsset(request: IncomingMessage, response: ServerResponse, path: string): boolean {
  const exact = assets.get(path)
  const asset = exact ?? assets.get(path.replace(/\.[0-9a-f]{12}\.(css|js|svg)$/, '.$1'))
  if (asset === undefined) return false
  const zipped = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
  const body = zipped ? asset.zipped : asset.plain
  response.setHeader('Content-Type', asset.type)
  response.setHeader('Cache-Control', exact === undefined ? 'public, max-age=60' : 'public, max-age=31536000, immutable')
  response.setHeader('Vary', 'Accept-Encoding')
  if (zipped) response.setHeader('Content-Encoding', 'gzip')
  response.setHeader('Content-Length', body.length)
  response.statusCode = 200
  response.end(request.method === 'HEAD' ? undefined : body)
  return true
}

function publish(name: string, extension: string, type: string, content: string): string {
  const plain = Buffer.from(content)
  const hash = createHash('sha256').update(plain).digest('hex').slice(0, 12)
  const asset = { plain, zipped: gzipSync(plain, { level: 9 }), type }
  const url = `/assets/${name}.${hash}.${extension}`
  assets.set(url, asset)
  assets.set(`/assets/${name}.${extension}`, asset)
  return url
}

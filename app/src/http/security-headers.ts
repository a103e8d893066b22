import helmet from 'helmet'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

/**
 * The security headers of every answer. Helmet computes them once, into a response that is never sent: they depend on nothing in a
 * request, and computing them each time costs more than a query.
 *
 * No inline code or style, nothing from elsewhere, no framing. `Referrer-Policy: same-origin` instead of helmet's `no-referrer`, which makes browsers send
 * `Origin: null` with our own forms.
 */
export function securityHeaders(options: { readonly https: boolean }): readonly (readonly [name: string, value: string])[] {
  const request = new IncomingMessage(new Socket())
  const response = new ServerResponse(request)
  const apply = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'none'"],
        'style-src': ["'self'"],
        'script-src': ["'self'"],
        'img-src': ["'self'"],
        'connect-src': ["'self'"],
        'form-action': ["'self'"],
        'frame-ancestors': ["'none'"],
        'base-uri': ["'none'"],
        ...(options.https ? { 'upgrade-insecure-requests': [] } : {}),
      },
    },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: options.https ? { maxAge: 31_536_000, includeSubDomains: false } : false,
  })
  apply(request, response, (error?: unknown) => {
    if (error !== undefined) throw new Error('helmet could not compute the headers', { cause: error })
  })
  const headers = Object.entries(response.getHeaders()).map(([name, value]) => [name, String(value)] as const)
  return [...headers, ['permissions-policy', 'camera=(), geolocation=(), microphone=(), payment=()']]
}

// Answers with files of a page: content types, and headers by which a page loads nothing from elsewhere.
import type { ServerResponse } from 'node:http'

/** Content types by extension. */
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  opus: 'audio/ogg',
  wasm: 'application/wasm',
}

/** Of what a page may load: its own scripts, styles and images, and what `more` adds. No page may embed it. */
export const contentPolicy = (more: readonly string[], scripts = "'self'"): string =>
  [
    "default-src 'none'",
    `script-src ${scripts}`,
    "style-src 'self'",
    "img-src 'self'",
    ...more,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

/** `headers` has the content policy at least. */
export function sendPage(
  response: ServerResponse,
  name: string,
  bytes: Buffer,
  headers: { readonly 'content-security-policy': string } & Readonly<Record<string, string>>,
): void {
  const extension = name.slice(name.lastIndexOf('.') + 1)
  response.writeHead(200, {
    'content-type': TYPES[extension] ?? 'application/octet-stream',
    ...headers,
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    // Names under assets/ change with their content.
    'cache-control': name.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-store',
    'content-length': bytes.length,
  })
  response.end(bytes)
}

/** The page's relative URLs need the trailing slash. */
export function redirect(response: ServerResponse, location: string): void {
  response.writeHead(308, { location, 'cache-control': 'no-store' })
  response.end()
}

export function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  })
  response.end(`${text}\n`)
}

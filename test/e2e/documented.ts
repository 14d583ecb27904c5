// What the pages of the documentation list: the cells of their generated tables; and requests over an admin socket.
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { fileURLToPath } from 'node:url'

/** The cells of a generated table of a page that are code, in one column. */
export function documented(page: 'operating' | 'cluster', marker: string, column: number): string[] {
  const text = readFileSync(fileURLToPath(new URL(`../../docs/${page}.md`, import.meta.url)), 'utf8')
  const [, section = ''] = new RegExp(`<!-- begin ${marker} -->([\\s\\S]*?)<!-- end ${marker} -->`).exec(text) ?? []
  const rows = section.trim().split('\n').slice(2)
  const cells = rows.map(row => row.split(' | ').at(column) ?? '')
  return cells.map(cell => /^`(.*)`$/.exec(cell.replace(/^\| | \|$/g, ''))?.[1] ?? '')
}

export interface Answer {
  status: number
  body: Record<string, unknown>
}

/** A request over the Unix socket. Of a streamed answer the first line is read. */
export function ask(socketPath: string, method: string, path: string, text?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path, agent: false }, async response => {
      let body = ''
      for await (const chunk of response) {
        body += chunk
        if (response.headers['content-type'] === 'application/x-ndjson' && body.includes('\n')) break
      }
      resolve({ status: response.statusCode!, body: JSON.parse(body.split('\n')[0] ?? '') })
    })
    request.once('error', reject)
    request.end(text)
  })
}

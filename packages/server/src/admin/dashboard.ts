// The dashboard page on the admin listener: files without data. What they show, the page requests with the token.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { DASHBOARD, pageFiles } from '../playground/page-files.ts'
import { contentPolicy, redirect, refuse, sendPage } from '../playground/page-response.ts'

const FOLDER = '/dashboard/'
const HEADERS = { 'content-security-policy': contentPolicy(["connect-src 'self'"]) }

export const isDashboard = (path: string): boolean => path === '/' || path === '/dashboard' || path.startsWith(FOLDER)

export class DashboardPage {
  #files: Promise<ReadonlyMap<string, Buffer>> | undefined

  /** Answers the paths of `isDashboard`. */
  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return refuse(response, 405, 'only GET is supported here')
    if (!path.startsWith(FOLDER)) return redirect(response, FOLDER)
    const name = path === FOLDER ? DASHBOARD : path.slice(FOLDER.length)
    // The files are loaded on the first request.
    this.#files ??= pageFiles()
    const files = await this.#files.catch(error => {
      this.#files = undefined
      throw error
    })
    const isOwn = name === DASHBOARD || name.startsWith('assets/')
    const bytes = isOwn ? files.get(name) : undefined
    if (bytes === undefined) return refuse(response, 404, 'not found')
    sendPage(response, name, bytes, HEADERS)
  }
}

// The log as a stream of lines, for `parley tail`.
import type { ServerResponse } from 'node:http'
import type { z } from 'zod'
import { SERVER_LIMITS } from '../limits.ts'
import type { Log, LogLine } from '../monitoring/log.ts'
import type { LOG_ROUTE } from './route.ts'

/** Levels from the lowest. */
const ORDER = ['debug', 'info', 'warn', 'error']

/** Writes lines until the reader closes the response. A reader that is slow misses lines, and receives their number. */
export function streamLog(log: Log, response: ServerResponse, options: z.output<typeof LOG_ROUTE.request>): void {
  const lowest = ORDER.indexOf(options.level)
  let lost = 0
  const write = (line: LogLine) => {
    if (ORDER.indexOf(line.level) < lowest || !line.event.startsWith(options.event ?? '')) return
    if (response.writableLength > SERVER_LIMITS.maxLogReaderBuffered) {
      lost++
      return
    }
    const missed = lost > 0 ? { missed: lost } : undefined
    lost = 0
    const { level, event, fields } = line
    response.write(`${JSON.stringify({ level, time: new Date().toISOString(), ...fields, ...missed, event })}\n`)
  }
  response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
  response.flushHeaders()
  const remove = log.read(write)
  response.once('close', remove)
}

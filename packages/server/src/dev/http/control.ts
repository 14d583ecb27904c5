// The control API of a test server: JSON over HTTP, for test runners of every language.
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { nodeCrypto } from '../../crypto.ts'
import type { ControlContext } from '../control-context.ts'
import { FaultError } from '../faults/fault-words.ts'
import { type Answer, bodyOf, isAnswer, RequestError } from './answer.ts'
import { CONTROL, type ControlRow } from './control-table.ts'
import { openApiDocument } from './openapi.ts'

/** Served without the token, so that a generator can read it. */
const DOCUMENT = '/openapi.json'
const NOTHING = z.object({})

/** `path` is what follows `/control`. Throws a `RequestError`. */
export async function answerControl(context: ControlContext, path: string, request: IncomingMessage): Promise<Answer> {
  const name = path === '' ? '/' : path
  if (request.method === 'GET' && name === DOCUMENT) return { status: 200, body: openApiDocument() }
  const token = (request.headers.authorization ?? '').replace(/^Bearer /, '')
  if (!nodeCrypto.equal(context.token, token)) throw new RequestError(401, 'expected the token of the control API')
  if (request.method === 'GET' && name === '/') return { status: 200, body: overview() }
  const row = CONTROL.find(row => row.method === request.method && row.path === name)
  if (row === undefined) throw new RequestError(404, `${request.method} ${name.slice(0, 100)} is unknown`)
  const result = await attempt(async () => row.serve(context, await inputOf(row, request)))
  if (isAnswer(result)) return result
  return result === undefined ? { status: 204 } : { status: 200, body: result }
}

/** What `GET /control` answers. */
const overview = () => CONTROL.map(({ method, path, summary }) => ({ method, path, summary }))

/** The query or body, checked by the row's schema. */
async function inputOf({ method, input }: ControlRow, request: IncomingMessage): Promise<unknown> {
  const raw = method === 'GET' ? queryOf(request) : await bodyOf(request)
  return read(input ?? NOTHING, raw)
}

const queryOf = ({ url = '/' }: IncomingMessage) => Object.fromEntries(new URL(url, 'http://test').searchParams)

/** Errors of one sentence become status 400. */
async function attempt(act: () => Promise<unknown>): Promise<unknown> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof FaultError || error instanceof RangeError) throw new RequestError(400, error.message)
    throw error
  }
}

function read<Schema extends z.ZodType>(schema: Schema, body: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const { path, message } = parsed.error.issues[0]!
  throw new RequestError(400, [...path, message].join(': '))
}

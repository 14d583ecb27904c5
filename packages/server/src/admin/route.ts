// What a route of an admin API is, and what the tables of routes share: pages of lists, the log.
import { Snowflake } from '@parley/protocol'
import { z } from 'zod'
import { SERVER_LIMITS } from '../limits.ts'
import type { Administration } from './administration.ts'

/** One row: what a request looks like, what answers it, and what it does. The schemas are the documentation too. */
export interface AdminRoute<Subject = Administration> {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly summary: string
  /** The query of a GET, or the JSON body of a POST. */
  readonly request: z.ZodObject
  readonly answer: z.ZodType
  /** Throws an `AdminRefusal` where the request cannot be met. */
  run(subject: Subject, request: unknown): unknown
}

/** A request that is well formed and cannot be met, with the status and the sentence of its answer. */
export class AdminRefusal extends Error {
  readonly status: 404 | 409

  constructor(status: 404 | 409, sentence: string) {
    super(sentence)
    this.name = 'AdminRefusal'
    this.status = status
  }
}

/** A route with the types of its schemas, from which `AdminRoute` erases them. */
interface TypedRoute<Subject, Request extends z.ZodObject, Answer extends z.ZodType> {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly summary: string
  readonly request: Request
  readonly answer: Answer
  run(subject: Subject, request: z.output<Request>): z.input<Answer> | Promise<z.input<Answer>>
}

/** Checks the types of the rows of a table. */
export const routeOf =
  <Subject>() =>
  <Request extends z.ZodObject, Answer extends z.ZodType>(
    typed: TypedRoute<Subject, Request, Answer>,
  ): AdminRoute<Subject> =>
    typed as AdminRoute<Subject>

/** What the administrations of nodes and of fronts have in common. */
interface Inspected {
  inspect(): object
  metrics(): string | Promise<string>
}

/** The routes that show the whole state and the metrics. `source` is the method that returns the state, for the documentation. */
export const stateRoutes = <Subject extends Inspected>(source: string): readonly AdminRoute<Subject>[] => {
  const route = routeOf<Subject>()
  return [
    route({
      method: 'GET',
      path: '/v1/inspect',
      summary: `The complete state without secrets, as \`${source}\` returns it. Its fields may change between versions.`,
      request: Nothing,
      answer: z.looseObject({}),
      run: subject => ({ ...subject.inspect() }),
    }),
    route({
      method: 'GET',
      path: '/v1/stats',
      summary: 'The metrics of `/metrics`, in Prometheus text format.',
      request: Nothing,
      answer: z.object({ text: z.string() }),
      run: async subject => ({ text: await subject.metrics() }),
    }),
  ]
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export const Nothing = z.strictObject({})
export const Backend = z.string().max(32).optional().meta({ description: 'Only of this backend.' })
export const Channel = Snowflake.optional().meta({ description: 'Only in this channel.' })
/** A number in a query, which is text. */
const Count = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number)

/** Which items of a list, and which page of them. */
export const Filter = z.strictObject({
  backend: Backend,
  channel: Channel,
  user: Snowflake.optional().meta({ description: 'Only this user.' }),
  offset: Count.optional().meta({ description: 'Items to leave out.' }),
  limit: Count.optional().meta({
    description: `Items in the answer; default and maximum ${SERVER_LIMITS.maxAdminItems}.`,
  }),
})
export type Filter = z.output<typeof Filter>

/** An answer with one page of items. */
export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ total: z.int().meta({ description: 'Items that match.' }), items: z.array(item) })

/** One page of the items that match. */
export function page<Item extends object>(items: readonly Item[], { offset = 0, limit, ...filter }: Filter) {
  const wanted = Object.entries(filter).filter(([, value]) => value !== undefined)
  const matching = items.filter(item => wanted.every(([key, value]) => matches(item, key, value)))
  const most = Math.min(limit ?? SERVER_LIMITS.maxAdminItems, SERVER_LIMITS.maxAdminItems)
  return { total: matching.length, items: matching.slice(offset, offset + most) }
}

/** A channel matches a user that is present in it. */
function matches(item: object, key: string, value: unknown): boolean {
  const fields = item as Record<string, unknown>
  return key === 'user' && Array.isArray(fields.present) ? fields.present.includes(value) : fields[key] === value
}

export const LEVEL_REQUEST = z.strictObject({ level: z.enum(LOG_LEVELS) })

/** Streamed, one JSON object per line: not an answer as those of the table. */
export const LOG_ROUTE = {
  method: 'GET',
  path: '/v1/log',
  summary: 'Log lines from now on, one JSON object per line, whatever the level of the log.',
  request: z.strictObject({
    level: z.enum(['debug', 'info', 'warn', 'error']).default('info').meta({ description: 'The lowest level.' }),
    event: z.string().max(64).optional().meta({ description: 'Only events that begin with this, such as `voice.`.' }),
  }),
} as const

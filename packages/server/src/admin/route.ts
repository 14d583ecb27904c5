// What a route of an admin API is, and what the tables of routes share.
import { z } from 'zod'
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

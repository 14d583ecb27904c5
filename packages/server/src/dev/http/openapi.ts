// The OpenAPI 3.1 document of the control API, from its table.
import { z } from 'zod'
import { FAULTS } from '../faults/fault-table.ts'
import { CONTROL, type ControlRow } from './control-table.ts'

const ERROR = { $ref: '#/components/schemas/Error' }
/** Content of a request or response. */
const json = (schema: object) => ({ 'application/json': { schema } })

export function openApiDocument(): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const row of CONTROL) paths[row.path] = { ...paths[row.path], [row.method.toLowerCase()]: operation(row) }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Control API of the Parley test server',
      version: '1',
      description: 'Base URL and token are `control` and `token` in the line that `parley dev --json` prints.',
    },
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: {
        Error: {
          type: 'object',
          properties: { message: { type: 'string', description: 'one sentence' }, code: { type: 'integer' } },
          required: ['message', 'code'],
        },
        FaultName: { type: 'string', enum: Object.keys(FAULTS) },
      },
    },
  }
}

/** One row as an operation. Its id is made of method and path: `postNodeRestart`. */
function operation(row: ControlRow): object {
  const { method, path, summary, input, answer } = row
  const success = answer === undefined ? { 204: { description: 'done' } } : { 200: { description: answer } }
  return {
    operationId: `${method.toLowerCase()}${path.replace(/[/-](\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary,
    ...(input !== undefined &&
      (method === 'GET' ? { parameters: parametersOf(input) } : { requestBody: bodyOf(input) })),
    responses: {
      ...success,
      '4XX': { description: 'the request is wrong, or its subject is unknown', content: json(ERROR) },
    },
  }
}

const schemaOf = (input: z.ZodType) => {
  const { $schema: _, ...schema } = z.toJSONSchema(input, { io: 'input' })
  return schema as { properties?: Record<string, { description?: string }>; required?: string[] }
}

const bodyOf = (input: z.ZodType) => ({ required: true, content: json(schemaOf(input)) })

/** The fields of a GET's schema as parameters of the query. */
function parametersOf(input: z.ZodType): object[] {
  const { properties = {}, required = [] } = schemaOf(input)
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema,
  }))
}

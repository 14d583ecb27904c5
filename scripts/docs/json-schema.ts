// The published JSON Schema of messages, and tables of their fields.
import { z } from 'zod'
import { table } from './page.ts'

/** The part of JSON Schema that Parley's messages use. */
export interface JsonSchema {
  type?: string
  description?: string
  properties?: Record<string, JsonSchema>
  required?: string[]
  items?: JsonSchema
  anyOf?: JsonSchema[]
  enum?: unknown[]
  pattern?: string
  maxItems?: number
}

/** The sender of a message. A node accepts more forms than it sends. */
export type Sender = 'backend' | 'node'

const SNOWFLAKE = '^(0|[1-9][0-9]{0,19})$'

/** A node also accepts integers as snowflakes, and null for absent fields; it sends neither. */
export function jsonSchema(schema: z.ZodType, sender: Sender): JsonSchema {
  const strict = sender === 'node'
  return z.toJSONSchema(schema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      const choices = (jsonSchema as JsonSchema).anyOf
      if (!strict || choices === undefined) return
      const only = isSnowflake(jsonSchema as JsonSchema) ? choices[0]! : choices.find(({ type }) => type !== 'null')
      delete jsonSchema.anyOf
      Object.assign(jsonSchema, { ...only, description: jsonSchema.description ?? only?.description })
    },
  }) as JsonSchema
}

/** Field, type, whether it is optional, and its meaning; nested fields as `a.b`, fields of list elements as `a[].b`. */
export function fieldTable(schema: JsonSchema): string {
  const rows = rowsOf(schema, '')
  return rows.length === 0 ? 'No fields.' : table(['field', 'type', 'meaning'], rows)
}

function rowsOf({ properties = {}, required = [] }: JsonSchema, prefix: string): string[][] {
  return Object.entries(properties).flatMap(([name, field]) => {
    const type = typeOf(field)
    const optional = required.includes(name) ? '' : ', optional'
    return [
      [`\`${prefix}${name}\``, `${type}${optional}`, field.description ?? ''],
      ...nestedRows(field, prefix + name),
    ]
  })
}

function nestedRows(field: JsonSchema, path: string): string[][] {
  if (field.items !== undefined) return rowsOf(field.items, `${path}[].`)
  return field.properties === undefined ? [] : rowsOf(field, `${path}.`)
}

function typeOf(field: JsonSchema): string {
  if (isSnowflake(field)) return 'snowflake'
  if (field.enum !== undefined) return field.enum.map(value => `\`${value}\``).join(' or ')
  if (field.anyOf !== undefined)
    return [...new Set(field.anyOf.map(typeOf))].filter(type => type !== 'null').join(' or ')
  if (field.type === 'array') return `list of ${typeOf(field.items ?? {})}`
  return field.type ?? 'any'
}

const isSnowflake = ({ pattern, anyOf = [] }: JsonSchema): boolean =>
  pattern === SNOWFLAKE || (anyOf.some(choice => choice.pattern === SNOWFLAKE) && anyOf.every(isSnowflakeOrInteger))
const isSnowflakeOrInteger = ({ pattern, type }: JsonSchema) => pattern === SNOWFLAKE || type === 'integer'

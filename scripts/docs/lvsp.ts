// docs/lvsp.md and docs/schema/lvsp: the messages of LVSP, from their schemas.
import {
  LVSP_FAILURE_MEANINGS,
  LvspCapability,
  LvspClose,
  LvspCommands,
  LvspEvents,
  LvspFailure,
  LvspHeartbeatAck,
  LvspHello,
  LvspIdentify,
  LvspInfo,
  LvspInfoMessage,
  LvspOp,
  LvspReady,
  LvspResume,
} from '@parley/protocol'
import { z } from 'zod'
import { fieldTable, jsonSchema, type Sender } from './json-schema.ts'
import { type Section, table, type Whole } from './page.ts'

const PAGE = 'docs/lvsp.md'
const SCHEMAS = 'docs/schema/lvsp'
const LAST_OF_SPECIFICATION = 6

interface Message {
  name: string
  number: number
  from: readonly Sender[]
  schema: z.ZodType
}

/** The specification abbreviates one name. */
const wireName = (name: string) =>
  name === 'ChannelRequest' ? 'CHANNEL_REQ' : name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()
const fileName = (name: string) => name.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase()

const op = (name: keyof typeof LvspOp, schema: z.ZodType, ...from: Sender[]): Message => {
  return { name, number: LvspOp[name], from, schema }
}
const messages: Message[] = [
  op('Hello', LvspHello, 'node'),
  op('Identify', LvspIdentify, 'backend'),
  op('Resume', LvspResume, 'backend'),
  op('Ready', LvspReady, 'node'),
  op('Heartbeat', z.object({}), 'backend'),
  op('HeartbeatAck', LvspHeartbeatAck, 'node'),
  op('Info', LvspInfoMessage, 'backend', 'node'),
]

const schemasOf = (sender: Sender): Record<number, z.ZodType> => (sender === 'node' ? LvspEvents : LvspCommands)
const infos: Message[] = Object.entries(LvspInfo).flatMap(([name, number]) =>
  (['backend', 'node'] as const).flatMap(sender => {
    const schema = schemasOf(sender)[number]
    return schema === undefined ? [] : [{ name, number, from: [sender], schema }]
  }),
)

const overview = (kind: string, list: readonly Message[]) =>
  table(
    [kind, 'name', 'sent by', 'schema'],
    list.map(({ name, number, from, schema }) => [
      String(number),
      `\`${wireName(name)}\`${schema.description === undefined ? '' : `: ${schema.description}`}`,
      from.join(', '),
      `[json](schema/lvsp/${schemaFile({ name, number, from, schema })})`,
    ]),
  )

const fields = (list: readonly Message[]) =>
  list
    .map(message => {
      const { name, from, schema } = message
      return `#### ${wireName(name)}, from the ${from.join(' or the ')}\n\n${fieldTable(jsonSchema(schema, from[0]!))}`
    })
    .join('\n\n')

/** Both sides send STATS, with different data. */
function schemaFile({ name, from }: Message): string {
  const isInfo = name in LvspInfo
  const both = isInfo && infos.filter(info => info.name === name).length > 1
  return `${isInfo ? 'info-' : ''}${fileName(name)}${both ? `-${from[0]}` : ''}.json`
}

const isExtension = ({ number }: Message) => number > LAST_OF_SPECIFICATION
const numbers = (object: Record<string, number>, meaning: (value: number) => string) =>
  table(
    ['code', 'name', 'meaning'],
    Object.entries(object).map(([name, value]) => [String(value), wireName(name), meaning(value)]),
  )

const CLOSE_MEANINGS: Record<LvspClose, string> = {
  [LvspClose.GeneralError]: 'any other error: reconnect and resume',
  [LvspClose.AuthenticationFailed]: 'the token matches no secret of the node, or did not arrive in time',
  [LvspClose.DecodeError]: 'a message was not text, not JSON, not an object, or too long',
}

const section = (marker: string, render: () => string): Section => ({ file: PAGE, marker, render })

export const lvspSections: Section[] = [
  section('lvsp opcodes', () => overview('op', messages)),
  section('lvsp fields', () => fields(messages)),
  section('lvsp info types', () =>
    overview(
      'type',
      infos.filter(info => !isExtension(info)),
    ),
  ),
  section('lvsp info fields', () => fields(infos.filter(info => !isExtension(info)))),
  section('lvsp extension types', () => overview('type', infos.filter(isExtension))),
  section('lvsp extension fields', () => fields(infos.filter(isExtension))),
  section('lvsp close codes', () => numbers(LvspClose, code => CLOSE_MEANINGS[code as LvspClose])),
  section('lvsp failure codes', () => numbers(LvspFailure, code => LVSP_FAILURE_MEANINGS[code as LvspFailure])),
  section('lvsp capabilities', () =>
    Object.values(LvspCapability)
      .map(name => `\`${name}\``)
      .join(', '),
  ),
]

export const lvspSchemas: Whole[] = [...messages, ...infos].map(message => ({
  file: `${SCHEMAS}/${schemaFile(message)}`,
  render: () => {
    const { description, ...schema } = jsonSchema(message.schema, message.from[0]!)
    const title = `LVSP ${wireName(message.name)}: ${message.name in LvspInfo ? 'data of info type' : 'd of opcode'} ${message.number}`
    return `${JSON.stringify({ title, description, ...schema }, undefined, 2)}\n`
  },
}))

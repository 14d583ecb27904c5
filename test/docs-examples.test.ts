// Validates the message examples of the documentation: against the schemas, and against what a node sends.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  DaveTransition,
  Heartbeat,
  Identify,
  LvspCommands,
  LvspEvents,
  LvspHeartbeatAck,
  LvspHello,
  LvspIdentify,
  LvspInfo,
  LvspOp,
  LvspReady,
  LvspResume,
  MediaSinkWants,
  NUMBERED_OPS,
  Resume,
  SelectProtocol,
  SessionUpdate,
  Speaking,
  Video,
  VoiceOp,
} from '@parley/protocol'
import { z } from 'zod'
import { type BenchSocket, connect, type Json, NodeBench, SECRET } from '../packages/core/src/testing/node-bench.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FOLDERS = [
  '.',
  'docs',
  'packages/protocol',
  'packages/core',
  'packages/client',
  'packages/spacebar',
  'packages/server',
]

/** One message in a fenced block whose info string names protocol, sender and message: ```` ```json lvsp node HELLO ````. */
interface Example {
  place: string
  protocol: string
  sender: string
  name: string
  message: Json
}

const pages = FOLDERS.flatMap(folder =>
  readdirSync(join(ROOT, folder))
    .filter(name => name.endsWith('.md'))
    .map(name => join(ROOT, folder, name)),
).map(file => ({ path: relative(ROOT, file), text: readFileSync(file, 'utf8') }))

const MARKED = /^```json (lvsp|voice) (node|backend|client) (\w+)\n([\s\S]*?)^```$/gm
const MESSAGE_KEY = /["']op["']\s*:/

const examples: Example[] = pages.flatMap(({ path, text }) =>
  [...text.matchAll(MARKED)].map(({ 1: protocol = '', 2: sender = '', 3: name = '', 4: body = '', index }) => ({
    place: `${path}:${lineOf(text, index)}: ${name}`,
    protocol,
    sender,
    name,
    message: JSON.parse(body),
  })),
)
const examplesOf = (protocol: string) => examples.filter(example => example.protocol === protocol)

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}

/** `HELLO` and `CHANNEL_ASSIGN` as the documentation writes them, `Hello` and `ChannelAssign` as the code does. */
function codeName(name: string): string {
  if (name === 'CHANNEL_REQ') return 'ChannelRequest'
  return name.toLowerCase().replaceAll(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

const LVSP_MESSAGES: Record<string, Record<string, z.ZodType>> = {
  node: { Hello: LvspHello, Ready: LvspReady, HeartbeatAck: LvspHeartbeatAck },
  backend: { Identify: LvspIdentify, Resume: LvspResume, Heartbeat: z.object({}) },
}
/** What the node sends on the voice gateway has no schema: those examples are compared with what it sends. */
const VOICE_MESSAGES: Record<string, z.ZodType> = {
  Identify,
  SelectProtocol,
  // The nonce is echoed from the source text; the schema leaves it out.
  Heartbeat: Heartbeat.extend({ t: z.number() }),
  Speaking,
  Resume,
  Video,
  SessionUpdate,
  MediaSinkWants,
  DaveTransitionReady: DaveTransition,
  DaveInvalidCommitWelcome: DaveTransition,
}

/** Throws what is wrong with an example. */
function validate({ protocol, sender, name, message }: Example): void {
  if (protocol === 'voice') return validateVoice(sender, name, message)
  const code = codeName(name)
  const envelope = LVSP_MESSAGES[sender]?.[code]
  if (envelope === undefined) return validateInfo(sender, code, message)
  assert.deepEqual(Object.keys(message), ['op', 'd'])
  assert.equal(message.op, LvspOp[code as keyof typeof LvspOp])
  fits(envelope, message.d)
}

function validateInfo(sender: string, code: string, message: Json): void {
  const type = LvspInfo[code as keyof typeof LvspInfo]
  const schemas: Record<number, z.ZodType> = sender === 'node' ? LvspEvents : LvspCommands
  const schema = schemas[type]
  assert.ok(schema !== undefined, `no message of a ${sender} has this name`)
  assert.equal(message.op, LvspOp.Info)
  assert.equal('s' in message, sender === 'node', '`s` numbers the messages of a node')
  assert.equal(message.d.type, type)
  fits(schema, message.d.data)
}

function validateVoice(sender: string, name: string, message: Json): void {
  assert.equal(message.op, VoiceOp[name as keyof typeof VoiceOp])
  if (sender === 'node') return assert.equal('seq' in message, NUMBERED_OPS.has(message.op), 'whether it has a `seq`')
  const schema = VOICE_MESSAGES[name]
  assert.ok(schema !== undefined, 'no message of a client has this name')
  fits(schema, message.d)
}

/** The schema takes the data and knows every field of it. */
function fits(schema: z.ZodType, data: Json): void {
  const parsed = schema.parse(data) as Json
  if (schema !== MediaSinkWants) knowsFields(parsed, data, 'd')
}

function knowsFields(parsed: Json, data: Json, path: string): void {
  if (typeof data !== 'object' || data === null || typeof parsed !== 'object') return
  for (const [key, value] of Object.entries(data)) {
    assert.ok(key in parsed, `the schema has no field ${path}.${key}`)
    knowsFields(parsed[key], value, `${path}.${key}`)
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message

test('each message example fits its schema', () => {
  assert.ok(examplesOf('lvsp').length >= 7 && examplesOf('voice').length >= 7, 'found too few examples')
  const wrong = examples.flatMap(example => {
    try {
      validate(example)
      return []
    } catch (error) {
      return [`${example.place}: ${reasonOf(error)}`]
    }
  })
  assert.equal(wrong.join('\n'), '')
})

test('each message example is marked with its protocol, sender and name', () => {
  const unmarked = pages.flatMap(({ path, text }) => {
    const rest = text.replaceAll(MARKED, marked => marked.replaceAll(/[^\n]/g, ''))
    const lines = rest.split('\n')
    return lines.flatMap((line, index) => (MESSAGE_KEY.test(line) ? [`${path}:${index + 1}: mark this message`] : []))
  })
  assert.equal(unmarked.join('\n'), '')
})

/** Fields that differ from node to node or from run to run. */
const VARYING = new Set(['nonce', 'token', 'session', 'session_id', 'endpoint', 'health', 'version'])
const VARYING_VOICE = new Set(['ssrc', 'ip', 'port', 'secret_key', 'media_session_id'])

/** Replaces what varies by its type, and a list by the types of its elements. */
function withoutVarying(value: Json, key = ''): Json {
  if (VARYING.has(key) || VARYING_VOICE.has(key))
    return Array.isArray(value) ? value.map(item => typeof item) : typeof value
  if (Array.isArray(value)) return value.map(item => withoutVarying(item))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, withoutVarying(field, name)]))
}

/** Sends a node what the examples send, and compares what the node sends with the other examples, in order. */
function play(exchange: readonly Example[], socket: BenchSocket, filledIn: (message: Json) => Json): void {
  let read = 0
  for (const { place, sender, message } of exchange) {
    if (sender === 'node') assert.deepEqual(withoutVarying(socket.received[read++]), withoutVarying(message), place)
    else socket.sendText(JSON.stringify(filledIn(message)))
  }
  assert.deepEqual(socket.received.slice(read), [], 'the node sent more than the examples say')
}

const tokenFor = (nonce: string) => createHmac('sha256', SECRET).update(nonce).digest('hex')

test('a node answers the LVSP exchange of the documentation as it is printed there', () => {
  const exchange = examplesOf('lvsp')
  const [hello, identify] = exchange
  assert.equal(
    identify!.message.d.token,
    tokenFor(hello!.message.d.nonce),
    'the token in IDENTIFY is the HMAC of the nonce',
  )
  const socket = new NodeBench().open({ protocol: 'lvsp', remoteAddress: '192.0.2.200' })
  const token = tokenFor(socket.last(LvspOp.Hello).nonce)
  play(exchange, socket, message =>
    message.op === LvspOp.Identify ? { ...message, d: { ...message.d, token } } : message,
  )
})

test('a node answers the voice gateway exchange of the documentation as it is printed there', () => {
  const exchange = examplesOf('voice')
  const { user_id: userId } = exchange.find(({ name }) => name === 'Identify')!.message.d
  const bench = new NodeBench()
  const backend = bench.backend()
  const other = connect(bench, backend.join('8'))
  other.send(VoiceOp.Speaking, { speaking: 1 })
  const { session_id: sessionId, token } = backend.join(userId)
  play(exchange, bench.client('8'), message =>
    message.op === VoiceOp.Identify ? { ...message, d: { ...message.d, session_id: sessionId, token } } : message,
  )
})

// The control API, one row per route: what it takes, what it does. The OpenAPI document is generated from this table.
import { Snowflake } from '@parley/protocol'
import { z } from 'zod'
import { SERVER_LIMITS } from '../../limits.ts'
import type { ControlContext } from '../control-context.ts'
import { EXPECTATIONS, type Expectation } from '../expect/expectations.ts'
import { FAULTS } from '../faults/fault-table.ts'
import { expectation, expectedChannel, memberOf, traceIn, userOf } from './control-subjects.ts'
import { directoryView, memberView } from './control-views.ts'

/** A route of the control API. Its texts are published in the OpenAPI document. */
export interface ControlRow {
  method: 'GET' | 'POST'
  path: string
  summary: string
  /** Body of a POST, query of a GET. */
  input?: z.ZodType
  /** Description of the answer; undefined: none. */
  answer?: string
  /** May throw a `RequestError`, a `FaultError` or a `RangeError`. `input` has passed its schema. */
  // biome-ignore lint/suspicious/noExplicitAny: each row reads the type of its own schema.
  serve(context: ControlContext, input: any): unknown
}

const User = z.string().min(1).max(SERVER_LIMITS.maxTestName).describe('id or name of a user')
const Who = z.object({ user: User, guild: Snowflake.optional().describe('if the user is in several calls') })
/** For a moderator's switches. */
const On = Who.extend({ on: z.boolean().default(true).describe('false reverts it') })
const Channel = z.object({ channel: Snowflake.describe('id of a channel') })
const Faults = Who.extend({
  faults: z.string().max(SERVER_LIMITS.maxFaultText).describe('words such as `drop-ws@3s,udp-loss:10%`'),
})
const expectationNames = Object.keys(EXPECTATIONS) as [Expectation, ...Expectation[]]
/** See `ExpectOptions`. */
const Expect = Who.extend({
  what: z.enum(expectationNames),
  within: z
    .union([z.string().max(20), z.number().min(0)])
    .optional()
    .describe('a time such as `2s`, or milliseconds; default 5s'),
  count: z.int().min(0).max(1_000_000).optional().describe('packets, messages or sessions'),
})
const Trace = z.object({
  user: User.optional(),
  format: z.enum(['jsonl', 'text', 'html', 'pcapng', 'pcapng-sealed', 'stable']).default('jsonl'),
})
type Input<Schema extends z.ZodType> = z.infer<Schema>

/** Every route, in the order of the documentation. */
export const CONTROL: readonly ControlRow[] = [
  {
    method: 'GET',
    path: '/members',
    summary: 'Who is in which voice channel',
    answer: 'a list of members',
    serve: ({ calls }) => calls.members.map(memberView),
  },
  {
    method: 'GET',
    path: '/world',
    summary: 'Guilds, channels and users, without tokens',
    answer: '`guilds` and `users`',
    serve: ({ directory }) => directoryView(directory),
  },
  {
    method: 'GET',
    path: '/faults',
    summary: 'All faults with their meanings',
    answer: 'rows by name',
    serve: () => FAULTS,
  },
  {
    method: 'POST',
    path: '/faults',
    summary: 'Adds faults to a user',
    input: Faults,
    serve: (context, input: Input<typeof Faults>) => context.faultsOf(userOf(context, input).id).add(input.faults),
  },
  {
    method: 'POST',
    path: '/clear-faults',
    summary: 'Ends all faults of a user',
    input: Who,
    serve: (context, input) => context.faultsOf(userOf(context, input).id).clear(),
  },
  {
    method: 'POST',
    path: '/expect',
    summary: 'Waits until a client does something. The answer is a sentence if it does not',
    input: Expect,
    answer: '`met`, and `sentence` if it is false',
    serve: (context, input: Input<typeof Expect>) => expectation(context, input),
  },
  {
    method: 'GET',
    path: '/transcript',
    summary: 'What a client sent, and the rules that it broke',
    input: z.object({ user: User }),
    answer: 'a transcript',
    serve: (context, input) => context.trace.transcript(userOf(context, input).id),
  },
  {
    method: 'GET',
    path: '/trace',
    summary: 'What clients and server said to each other',
    input: Trace,
    answer: 'the trace in the requested format',
    serve: (context, input: Input<typeof Trace>) => traceIn(context, input),
  },
  {
    method: 'POST',
    path: '/clear-trace',
    summary: 'Forgets the trace, and starts transcripts again',
    input: z.object({ user: User.optional() }),
    serve: (context, { user }: { user?: string }) =>
      context.trace.clear(user === undefined ? undefined : userOf(context, { user }).id),
  },
  {
    method: 'POST',
    path: '/move',
    summary: 'Moves a user, as a moderator does',
    input: Who.extend(Channel.shape),
    serve: (context, input) => context.calls.move(memberOf(context, input), expectedChannel(context, input)),
  },
  {
    method: 'POST',
    path: '/kick',
    summary: 'Disconnects a user from voice',
    input: Who,
    serve: (context, input) => context.calls.kick(memberOf(context, input)),
  },
  {
    method: 'POST',
    path: '/mute',
    summary: 'Mutes a user, as a moderator does',
    input: On,
    serve: (context, input: Input<typeof On>) => context.calls.restrict(memberOf(context, input), { mute: input.on }),
  },
  {
    method: 'POST',
    path: '/deafen',
    summary: 'Deafens a user, as a moderator does',
    input: On,
    serve: (context, input: Input<typeof On>) => context.calls.restrict(memberOf(context, input), { deaf: input.on }),
  },
  {
    method: 'POST',
    path: '/destroy-channel',
    summary: 'Deletes a channel',
    input: Channel,
    serve: (context, input) => context.calls.destroyChannel(expectedChannel(context, input)),
  },
  {
    method: 'POST',
    path: '/drop-voice',
    summary: 'Destroys the voice connections of a user without a close frame',
    input: Who,
    answer: '`dropped`, the number of connections',
    serve: (context, input) => ({ dropped: context.dropVoice(userOf(context, input).id) }),
  },
  {
    method: 'POST',
    path: '/drop-gateway',
    summary: 'Destroys the main gateway connections of a user without a close frame',
    input: Who,
    serve: (context, input) => context.dropGateway(userOf(context, input).id),
  },
  { method: 'POST', path: '/node/stop', summary: 'Ends the node as a crash does', serve: ({ stopNode }) => stopNode() },
  { method: 'POST', path: '/node/start', summary: 'Starts a stopped node', serve: ({ startNode }) => startNode() },
  {
    method: 'POST',
    path: '/node/restart',
    summary: 'Stops and starts the node',
    async serve({ stopNode, startNode }) {
      await stopNode()
      await startNode()
    },
  },
]

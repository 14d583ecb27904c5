// Who and what a request of the control API is about. Unknown users and channels are a `RequestError` of one sentence.
import type { Member } from '../calls.ts'
import type { ControlContext } from '../control-context.ts'
import { expectClient } from '../expect/expect-client.ts'
import type { Expectation } from '../expect/expectations.ts'
import { testTrace } from '../test-trace.ts'
import { expectedClient, termsOf } from '../test-user.ts'
import type { TestUser } from '../world.ts'
import { type Answer, RequestError } from './answer.ts'

/** A user by id or name, and the guild where the user may be in several calls. */
export interface Who {
  user: string
  guild?: string | undefined
}

/** Throws a `RequestError` with 404 for an unknown or ambiguous name. */
export function userOf({ directory }: ControlContext, { user }: Who): TestUser {
  const found = directory.find(user)
  if (found === undefined) throw new RequestError(404, `no user, or more than one, is named "${user}"`)
  return found
}

/** The user in a voice channel. Throws a `RequestError` with 409 if the user is in none. */
export function memberOf(context: ControlContext, who: Who): Member {
  const user = userOf(context, who)
  const { guild } = who
  const member = context.calls.members.find(
    each => each.user === user && (guild === undefined || each.guildId === guild),
  )
  if (member === undefined) throw new RequestError(409, `${user.name} is not in a voice channel`)
  return member
}

/** The id of a channel that exists and, if the request is about a member, is in its guild. */
export function expectedChannel(context: ControlContext, input: { channel: string; user?: string }): string {
  const { channel, user } = input
  const place = context.directory.channel(channel)
  if (place === undefined && user === undefined) throw new RequestError(404, `channel ${channel} does not exist`)
  if (user !== undefined && place?.guild.id !== memberOf(context, { ...input, user }).guildId)
    throw new RequestError(404, `channel ${channel} is not in the member’s guild`)
  return channel
}

/**
 * Waits for the client. The answer is given with status 200 in both cases: a client that fails a test is no error of
 * the request.
 */
export async function expectation(
  context: ControlContext,
  input: Who & { what: Expectation; within?: string | number | undefined; count?: number | undefined },
): Promise<{ met: boolean; sentence?: string }> {
  const client = expectedClient(context, userOf(context, input))
  const sentence = await expectClient(client, input.what, termsOf(input))
  return sentence === undefined ? { met: true } : { met: false, sentence }
}

/** `stable` leaves out times and random values; `pcapng-sealed` keeps the transport encryption. */
type Format = 'jsonl' | 'text' | 'html' | 'pcapng' | 'pcapng-sealed' | 'stable'

/** The trace of one user, or of all, as a file of this format. */
export function traceIn(
  context: ControlContext,
  { user, format }: { user?: string | undefined; format: Format },
): Answer {
  const trace = testTrace(context, name => userOf(context, { user: name }).id)
  switch (format) {
    case 'jsonl':
      return { status: 200, text: trace.lines(user), type: 'application/jsonl' }
    case 'stable':
      return { status: 200, text: trace.stableLines(user), type: 'application/jsonl' }
    case 'text':
      return { status: 200, text: trace.text(user), type: 'text/plain; charset=utf-8' }
    case 'html':
      return { status: 200, text: trace.html(user), type: 'text/html; charset=utf-8' }
    case 'pcapng':
    case 'pcapng-sealed':
      return { status: 200, text: trace.pcapng(user, format === 'pcapng-sealed'), type: 'application/octet-stream' }
  }
}

// One user of a test server, as expectations and transcripts see it.
import { Duration } from '../config/values.ts'
import { SERVER_LIMITS } from '../limits.ts'
import type { ControlContext } from './control-context.ts'
import { ExpectationError, type ExpectedClient, expectClient, type Terms } from './expect/expect-client.ts'
import type { Expectation } from './expect/expectations.ts'
import type { ExpectOptions, TestClient } from './test-server-types.ts'
import type { TestUser } from './world.ts'

const USUAL_TIME = 5_000

/** `view` reads the present state at each call. The listener receives the events of this user only. */
export function expectedClient(parts: ControlContext, { id, name }: TestUser): ExpectedClient {
  return {
    name,
    view: () => ({
      transcript: parts.trace.transcript(id),
      isMember: parts.calls.members.some(({ user }) => user.id === id),
      connections: parts.connectionsOf(id),
    }),
    listen: listener =>
      parts.trace.listen(event => {
        if (event.user === id) listener()
      }),
  }
}

/** Throws a `RangeError` for a time that cannot be read. */
export function termsOf({ within, count }: ExpectOptions): Terms {
  const time = typeof within === 'string' ? Duration.safeDecode(within) : { success: true, data: within ?? USUAL_TIME }
  if (!time.success || time.data === undefined || time.data > SERVER_LIMITS.maxExpectation)
    throw new RangeError(`within: expected a time such as 500ms or 2s, at most 10m, found "${within}"`)
  return { within: time.data, count }
}

/** A handle of a user for tests. It stays valid while the user is not in a channel. */
export function testClient(parts: ControlContext, user: TestUser): TestClient {
  return {
    id: user.id,
    name: user.name,
    get isConnected() {
      return parts.connectionsOf(user.id) > 0
    },
    get transcript() {
      return parts.trace.transcript(user.id)
    },
    async expect(what: Expectation, options: ExpectOptions = {}) {
      const sentence = await expectClient(expectedClient(parts, user), what, termsOf(options))
      if (sentence !== undefined) throw new ExpectationError(sentence)
    },
  }
}

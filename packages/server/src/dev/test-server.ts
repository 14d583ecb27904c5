// A small Discord for voice, on loopback: main gateway, REST, control API, and a real node.
import type { NodeInspection } from '@parley/core'
import { memberView } from './http/control-views.ts'
import { TestServerParts } from './test-server-parts.ts'
import type {
  TestClient,
  TestMember,
  TestServer,
  TestServerAddresses,
  TestServerOptions,
  TestTrace,
} from './test-server-types.ts'
import { testTrace } from './test-trace.ts'
import { testClient } from './test-user.ts'

class RunningTestServer implements TestServer {
  readonly addresses: TestServerAddresses
  readonly seed: number
  readonly #parts: TestServerParts

  constructor(parts: TestServerParts) {
    this.#parts = parts
    this.seed = parts.seed
    const { address } = parts.listener
    this.addresses = {
      rest: `http://${address}/api`,
      gateway: `ws://${address}/`,
      voice: parts.first.front.endpoint,
      control: `http://${address}/control`,
      token: parts.token,
      ca: parts.ca,
    }
  }

  get members(): TestMember[] {
    return this.#parts.calls.members.map(memberView)
  }

  get trace(): TestTrace {
    return testTrace(this.#parts, text => this.#user(text))
  }

  user(text: string): TestClient {
    return testClient(this.#parts, this.#parts.directory.users.get(this.#user(text))!)
  }

  inspect(): NodeInspection | undefined {
    return this.#parts.first.inspect()
  }

  move(user: string, channelId: string): void {
    const { calls, directory } = this.#parts
    const member = this.#member(user)
    if (directory.channel(channelId)?.guild.id !== member.guildId)
      throw new RangeError(`channel ${channelId} is not in the member’s guild`)
    calls.move(member, channelId)
  }
  kick(user: string): void {
    this.#parts.calls.kick(this.#member(user))
  }
  mute(user: string, isMuted = true): void {
    this.#parts.calls.restrict(this.#member(user), { mute: isMuted })
  }
  deafen(user: string, isDeafened = true): void {
    this.#parts.calls.restrict(this.#member(user), { deaf: isDeafened })
  }
  destroyChannel(channelId: string): void {
    this.#parts.calls.destroyChannel(channelId)
  }
  dropVoice(user: string): number {
    return this.#parts.dropVoice(this.#user(user))
  }
  dropGateway(user: string): void {
    this.#parts.gateway.drop(this.#user(user))
  }
  fault(user: string, faults: string): void {
    this.#parts.faultsOf(this.#user(user)).add(faults)
  }
  clearFaults(user: string): void {
    this.#parts.faultsOf(this.#user(user)).clear()
  }
  stopNode(): Promise<void> {
    return this.#parts.first.stop()
  }
  startNode(): Promise<void> {
    return this.#parts.first.start()
  }

  close(): Promise<void> {
    return this.#parts.close()
  }

  #user(text: string): string {
    const user = this.#parts.directory.find(text)
    if (user === undefined) throw new RangeError(`no user, or more than one, is named "${text}"`)
    return user.id
  }

  #member(text: string) {
    const userId = this.#user(text)
    const member = this.#parts.calls.members.find(({ user }) => user.id === userId)
    if (member === undefined) throw new RangeError(`${text} is not in a voice channel`)
    return member
  }
}

/**
 * Starts a small Discord for voice on free ports of loopback: unchanged bots log in with any token, join and talk. Throws a
 * `ConfigError` for a wrong world and a `ListenError` for a port that is not free.
 *
 * @example
 * ```ts
 * import { createTestServer } from '@parley/server'
 *
 * const server = await createTestServer()
 * const { rest, gateway, ca } = server.addresses
 * // … point a client there, log in with the token 'ana', join a channel, then:
 * server.fault('ana', 'close-ws:4006@1s')
 * server.kick('ana')
 * await server.close()
 * ```
 */
export async function createTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const parts = new TestServerParts(options)
  try {
    await parts.open()
    return new RunningTestServer(parts)
  } catch (error) {
    await parts.close()
    throw error
  }
}

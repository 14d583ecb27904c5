// The members of a load on Mumble's server: a channel per room, and Opus packets in Mumble's voice packets.
import type { Plan } from '../../load/plan.ts'
import type { PeerMember, PeerServer } from '../peer-load.ts'
import { MumbleClient } from './mumble-client.ts'
import { MumbleServer, SUPERUSER_PASSWORD } from './mumble-server.ts'
import { MUMBLE_HEADER } from './ocb2.ts'

const JOINS_AT_ONCE = 16
/** A ping over UDP: type 1, and a time stamp. */
const PING = Uint8Array.of(1 << 5, 1)
/** Packets that are shorter than a payload are answers to pings. */
const SHORTEST_VOICE = 32
/** Voice packets with Opus to the speaker's channel: type 4, target 0. */
const OPUS_TO_CHANNEL = 4 << 5
/** What each packet counts: frames of 10 ms, so that one with 20 ms counts two. */
const FRAMES = 2

/** Starts a server and joins all members. */
export async function openMumble(program: string, plan: Plan): Promise<PeerServer> {
  const server = await MumbleServer.start(program, plan.channels * plan.members)
  const clients = await joinAll(server.port, plan)
  const members = clients.map(client => new MumbleMember(client, server.port, plan.payload))
  return { process: server, members, stop: () => server.stop() }
}

class MumbleMember implements PeerMember {
  readonly port: number
  readonly #client: MumbleClient
  readonly #payload: number

  constructor(client: MumbleClient, port: number, payload: number) {
    this.#client = client
    this.port = port
    this.#payload = payload
  }

  get id(): number {
    return this.#client.session
  }
  get lost(): number {
    return this.#client.lost
  }

  seal(payload: Uint8Array, counter: number): Uint8Array {
    const packet = [OPUS_TO_CHANNEL, ...varint(counter * FRAMES), ...varint(payload.length), ...payload]
    return this.#client.outgoing!.seal(Uint8Array.from(packet))
  }

  /** One member of a room speaks, its first. */
  senderOf(sealed: Uint8Array): number | undefined {
    this.#client.incoming!.skip(sealed)
    return sealed.length >= MUMBLE_HEADER + SHORTEST_VOICE ? 0 : undefined
  }

  /** A voice packet has a header, the speaker's session, a sequence number and a length before the payload. */
  open(sealed: Uint8Array): Uint8Array | undefined {
    const plain = this.#client.incoming!.open(sealed)
    return plain?.subarray(plain.length - this.#payload)
  }

  start(phase: number, send: (datagram: Uint8Array) => void): void {
    const ping = () => send(this.#client.outgoing!.seal(PING))
    ping()
    this.#client.startPings(phase, ping)
  }

  close(): void {
    this.#client.close()
  }
}

/** A channel per room, and its members in it, in the order of the plan. */
async function joinAll(port: number, { channels, members }: Plan): Promise<MumbleClient[]> {
  const owner = await MumbleClient.connect({ port, user: 'SuperUser', password: SUPERUSER_PASSWORD })
  const ids: number[] = []
  for (let index = 0; index < channels; index++) ids.push(await owner.createChannel(`room ${index}`))
  const clients: MumbleClient[] = []
  for (let first = 0; first < channels * members; first += JOINS_AT_ONCE) {
    const count = Math.min(JOINS_AT_ONCE, channels * members - first)
    const joined = Array.from({ length: count }, async (_, index) => {
      const client = await MumbleClient.connect({ port, user: `member-${first + index}` })
      await client.enter(ids[Math.floor((first + index) / members)]!)
      return client
    })
    clients.push(...(await Promise.all(joined)))
  }
  owner.close()
  return clients
}

/** Mumble's variable-length numbers, up to 28 bits. */
function varint(value: number): number[] {
  if (value < 0x80) return [value]
  if (value < 0x4000) return [0x80 | (value >> 8), value & 0xff]
  if (value < 0x20_0000) return [0xc0 | (value >> 16), (value >> 8) & 0xff, value & 0xff]
  return [0xe0 | (value >> 24), (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff]
}

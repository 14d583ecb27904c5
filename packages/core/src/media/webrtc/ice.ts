// ICE-lite on a lane (RFC 8445 §2.5): answers the checks of clients that control, and knows from where they were genuine.
import { encodeStunResponse, isStunGenuine, readStunRequest, type StunMac } from '@parley/protocol'
import { ADDRESS_WORDS, type Batch, SLOT } from '../../lane/batch.ts'
import type { PeerId } from '../../lane/commands.ts'
import type { PacketIo } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import { AddressRates } from '../address/address-rates.ts'
import { AddressTable } from '../address/address-table.ts'
import type { Peer, Peers } from '../address/peers.ts'
import { copyAddress, isSameAddress } from '../address/socket-address.ts'
import { Drop, type LaneStats } from '../lane-stats.ts'

/** What Select Protocol and its answer agreed on. */
export interface IceCredentials {
  localUfrag: string
  remoteUfrag: string
  /** The node's, as ASCII: the key of both directions' integrity. */
  password: Uint8Array
}

/** An address that a genuine check came from. */
interface Tuple {
  readonly address: Int32Array
  checkedAt: number
}

interface Agent {
  readonly peer: Peer
  readonly localUfrag: string
  readonly username: string
  readonly password: Uint8Array
  /** The latest first. */
  tuples: Tuple[]
  checkedAt: number
  hasConsent: boolean
}

/** No answer is longer than the shortest check it answers by more than a few bytes, and none goes to a stranger. */
export class Ice {
  readonly #io: PacketIo
  readonly #peers: Peers
  readonly #laneStats: LaneStats
  readonly #mac: StunMac
  readonly #byUfrag = new Map<string, Agent>()
  readonly #byPeer = new Map<PeerId, Agent>()
  readonly #addresses = new AddressTable()
  readonly #rates = new AddressRates({ perSecond: LIMITS.checksPerSecond, blockFor: 0, ignoresPort: false })
  /** Peers whose consent went since the owner last looked; the owner empties it. */
  readonly lost: PeerId[] = []
  deadline = Infinity

  constructor(io: PacketIo, peers: Peers, laneStats: LaneStats, mac: StunMac) {
    this.#io = io
    this.#peers = peers
    this.#laneStats = laneStats
    this.#mac = mac
  }

  get size(): number {
    return this.#byPeer.size
  }
  get addresses(): number {
    return this.#addresses.size
  }

  /** Expects checks of the peer. What it had before is forgotten; its address stays until a check moves it. */
  add(peer: Peer, credentials: IceCredentials, now: number): void {
    this.remove(peer.id)
    const { localUfrag, remoteUfrag, password } = credentials
    const username = `${localUfrag}:${remoteUfrag}`
    const agent = { peer, localUfrag, username, password, tuples: [], checkedAt: now, hasConsent: false }
    this.#byUfrag.set(localUfrag, agent)
    this.#byPeer.set(peer.id, agent)
    if (this.deadline === Infinity) this.deadline = now + LIMITS.consentSweep
  }

  remove(peer: PeerId): void {
    const agent = this.#byPeer.get(peer)
    if (agent === undefined) return
    for (const tuple of agent.tuples) this.#addresses.delete(tuple.address, 0, peer)
    this.#byUfrag.delete(agent.localUfrag)
    this.#byPeer.delete(peer)
    if (this.#byPeer.size === 0) this.deadline = Infinity
  }

  /** The peer that proved the address at `offset` of `words`. Per packet: no allocation. */
  at(words: Int32Array, offset: number): Peer | undefined {
    const id = this.#addresses.get(words, offset)
    return id === 0 ? undefined : this.#peers.get(id)
  }

  /** A datagram that looks like STUN. What is not genuine gets no answer. */
  check(batch: Batch, slot: number, now: number): void {
    const at = slot * ADDRESS_WORDS
    if (!this.#rates.count(batch.addresses, at, now)) return this.#laneStats.drop(Drop.rateLimited)
    const bytes = batch.bytes.slice(slot * SLOT, slot * SLOT + batch.lengths[slot]!)
    const request = readStunRequest(bytes)
    if (request === undefined) return this.#laneStats.drop(Drop.malformed)
    const agent = this.#byUfrag.get(request.username.split(':', 1)[0]!)
    if (agent === undefined || agent.username !== request.username) return this.#laneStats.drop(Drop.unknownSender)
    if (!isStunGenuine(bytes, request, agent.password, this.#mac)) return this.#laneStats.drop(Drop.authentication)
    this.#laneStats.check()
    this.#prove(agent, batch.addresses, at, request.useCandidate, now)
    const address = addressBytes(batch.addresses, at)
    const answer = encodeStunResponse(bytes, address, batch.addresses[at + 4]!, agent.password, this.#mac)
    this.#io.sendRaw(batch.addresses, at, answer, answer.length)
  }

  /** Forgets addresses that were not checked for long, and stops sending to who gives no sign (RFC 7675 §5.1). */
  tick(now: number): void {
    if (now < this.deadline) return
    for (const agent of this.#byPeer.values()) this.#sweep(agent, now)
    this.deadline = this.#byPeer.size === 0 ? Infinity : now + LIMITS.consentSweep
  }

  /** The address may be sent to; media goes to the latest that was nominated, or to the first. */
  #prove(agent: Agent, words: Int32Array, offset: number, isNominated: boolean, now: number): void {
    agent.checkedAt = now
    let tuple = agent.tuples.find(({ address }) => isSameAddress(address, 0, words, offset))
    if (tuple === undefined) {
      tuple = { address: new Int32Array(ADDRESS_WORDS), checkedAt: now }
      copyAddress(words, offset, tuple.address, 0)
    }
    tuple.checkedAt = now
    const last = tuple
    agent.tuples = [last, ...agent.tuples.filter(other => other !== last)]
    for (const old of agent.tuples.splice(LIMITS.iceAddresses)) this.#forget(agent, old)
    this.#addresses.set(words, offset, agent.peer.id)
    if (isNominated || !agent.hasConsent) this.#peers.nominate(agent.peer, words, offset)
    agent.hasConsent = true
  }

  #forget(agent: Agent, { address }: Tuple): void {
    this.#addresses.delete(address, 0, agent.peer.id)
  }

  #sweep(agent: Agent, now: number): void {
    const { tuples } = agent
    for (let last = tuples.at(-1); last !== undefined && isOld(last, now); last = tuples.at(-1)) {
      this.#forget(agent, last)
      tuples.pop()
    }
    if (!agent.hasConsent || now - agent.checkedAt <= LIMITS.consentTimeout) return
    agent.hasConsent = false
    this.#peers.unbind(agent.peer)
    this.lost.push(agent.peer.id)
  }
}

const isOld = ({ checkedAt }: Tuple, now: number): boolean => now - checkedAt > LIMITS.iceAddressLife

/** IPv4 as 4 bytes, IPv6 as 16. */
function addressBytes(words: Int32Array, offset: number): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  for (let word = 0; word < 4; word++) view.setInt32(word * 4, words[offset + word]!)
  const isMapped = words[offset] === 0 && words[offset + 1] === 0 && words[offset + 2] === 0xffff
  return isMapped ? bytes.slice(12) : bytes
}

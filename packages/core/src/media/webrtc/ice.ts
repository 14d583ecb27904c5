// ICE-lite (RFC 8445 §2.5): answers the checks of WebRTC clients, which are always controlling, and keeps the addresses that genuine
// checks have proved.
import { encodeStunResponse, isStunGenuine, readStunRequest, type StunMac } from '@parley/protocol'
import { ADDRESS_PORT, ADDRESS_WORDS, type Batch, SLOT } from '../../lane/batch.ts'
import type { PeerId } from '../../lane/commands.ts'
import type { PacketIo } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import { AddressRates } from '../address/address-rates.ts'
import { AddressTable } from '../address/address-table.ts'
import { isAt, type Peer, type Peers } from '../address/peers.ts'
import { copyAddress, isSameAddress } from '../address/socket-address.ts'
import { Drop, type LaneStats } from '../lane-stats.ts'

/** What Select Protocol and its answer negotiated. */
export interface IceCredentials {
  localUfrag: string
  remoteUfrag: string
  /** The node's, in ASCII: the key of message integrity in both directions. */
  password: Uint8Array
}

/** An address that a genuine check was sent from. */
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
  /** Media may be sent to the nominated address. */
  hasConsent: boolean
}

/** No answer is more than a few bytes longer than its check, and checks that are not genuine get none. */
export class Ice {
  readonly #io: PacketIo
  readonly #peers: Peers
  readonly #laneStats: LaneStats
  readonly #mac: StunMac
  /** By the node's ufrag, the first half of a check's username (RFC 8445 §7.2.2). */
  readonly #byUfrag = new Map<string, Agent>()
  readonly #byPeer = new Map<PeerId, Agent>()
  /** Every address that a check has proved and that has not expired. */
  readonly #addresses = new AddressTable()
  readonly #rates = new AddressRates({ perSecond: LIMITS.checksPerSecond, blockFor: 0, ignoresPort: false })
  /** Peers whose consent expired; the owner empties it. */
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

  /** Replaces the credentials of the peer; its address stays until a check moves it. */
  add(peer: Peer, credentials: IceCredentials, now: number): void {
    this.remove(peer.id)
    const { localUfrag, remoteUfrag, password } = credentials
    const username = `${localUfrag}:${remoteUfrag}`
    const agent = { peer, localUfrag, username, password, tuples: [], hasConsent: false }
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

  /** A datagram that looks like STUN. */
  check(batch: Batch, slot: number, now: number): void {
    const at = slot * ADDRESS_WORDS
    const bytes = batch.bytes.subarray(slot * SLOT, slot * SLOT + batch.lengths[slot]!)
    const request = readStunRequest(bytes)
    if (request === undefined) return this.#laneStats.drop(Drop.malformed)
    const agent = this.#byUfrag.get(request.username.split(':', 1)[0]!)
    if (agent === undefined || agent.username !== request.username) return this.#laneStats.drop(Drop.unknownSender)
    // Only now: others can forge a client's address, but do not know its user name, and must not use up its rate.
    if (!this.#rates.count(batch.addresses, at, now)) return this.#laneStats.drop(Drop.rateLimited)
    if (!isStunGenuine(bytes, request, agent.password, this.#mac)) return this.#laneStats.drop(Drop.authentication)
    if (this.#isTaken(agent, batch.addresses, at, now)) return this.#laneStats.drop(Drop.addressInUse)
    this.#laneStats.check()
    this.#prove(agent, batch.addresses, at, request.useCandidate, now)
    const address = addressBytes(batch.addresses, at)
    const port = batch.addresses[at + ADDRESS_PORT]!
    const answer = encodeStunResponse(bytes, address, port, agent.password, this.#mac)
    this.#io.sendRaw(batch.addresses, at, answer, answer.length)
  }

  /** Expires addresses that were not checked for long, and consent (RFC 7675 §5.1). */
  tick(now: number): void {
    if (now < this.deadline) return
    for (const agent of this.#byPeer.values()) this.#sweep(agent, now)
    this.deadline = this.#byPeer.size === 0 ? Infinity : now + LIMITS.consentSweep
  }

  /**
   * Whether another peer uses the address. The source of a check can be forged by a client that has credentials of its own, and
   * datagrams from the address would then be attributed to it.
   */
  #isTaken(agent: Agent, words: Int32Array, offset: number, now: number): boolean {
    const discordPeer = this.#peers.at(words, offset)
    if (discordPeer !== undefined && discordPeer !== agent.peer && !discordPeer.isWebrtc) return true
    const other = this.#byPeer.get(this.#addresses.get(words, offset))
    if (other === undefined || other === agent) return false
    const tuple = tupleAt(other, words, offset)
    return tuple !== undefined && hasConsent(tuple, now)
  }

  /** Media goes to the address that was nominated last; before, to the first one. */
  #prove(agent: Agent, words: Int32Array, offset: number, isNominated: boolean, now: number): void {
    let tuple = tupleAt(agent, words, offset)
    if (tuple === undefined) {
      tuple = { address: new Int32Array(ADDRESS_WORDS), checkedAt: now }
      copyAddress(words, offset, tuple.address, 0)
    }
    tuple.checkedAt = now
    const latest = tuple
    agent.tuples = [latest, ...agent.tuples.filter(other => other !== latest)]
    for (const old of agent.tuples.splice(LIMITS.iceAddresses)) this.#forget(agent, old)
    this.#addresses.set(words, offset, agent.peer.id)
    if (isNominated || !agent.hasConsent) this.#peers.nominate(agent.peer, words, offset, now)
    agent.hasConsent = true
  }

  /** The address is no longer attributed to the agent's peer. */
  #forget(agent: Agent, { address }: Tuple): void {
    this.#addresses.delete(address, 0, agent.peer.id)
  }

  /** Expires the agent's addresses, then its consent. */
  #sweep(agent: Agent, now: number): void {
    const { tuples } = agent
    for (let last = tuples.at(-1); last !== undefined && isOld(last, now); last = tuples.at(-1)) {
      this.#forget(agent, last)
      tuples.pop()
    }
    if (agent.hasConsent) this.#checkConsent(agent, now)
  }

  /**
   * Consent belongs to the nominated address: checks from another one do not keep media flowing there, where a third party may be.
   * Without it media moves to the address that was checked last, if that was recently.
   */
  #checkConsent(agent: Agent, now: number): void {
    const { peer, tuples } = agent
    // Without closures: this runs for each client at each sweep.
    for (let index = 0; index < tuples.length; index++) {
      const tuple = tuples[index]!
      if (hasConsent(tuple, now) && isAt(peer, tuple.address, 0)) return
    }
    const latest = tuples[0]
    if (latest !== undefined && hasConsent(latest, now)) return this.#peers.nominate(peer, latest.address, 0, now)
    agent.hasConsent = false
    this.#peers.unbind(peer)
    this.lost.push(peer.id)
  }
}

const hasConsent = ({ checkedAt }: Tuple, now: number): boolean => now - checkedAt <= LIMITS.consentTimeout

const isOld = ({ checkedAt }: Tuple, now: number): boolean => now - checkedAt > LIMITS.iceAddressLife

const tupleAt = ({ tuples }: Agent, words: Int32Array, offset: number): Tuple | undefined =>
  tuples.find(({ address }) => isSameAddress(address, 0, words, offset))

/** IPv4 as 4 bytes, IPv6 as 16. */
function addressBytes(words: Int32Array, offset: number): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  for (let word = 0; word < 4; word++) view.setInt32(word * 4, words[offset + word]!)
  const isMapped = words[offset] === 0 && words[offset + 1] === 0 && words[offset + 2] === 0xffff
  return isMapped ? bytes.slice(12) : bytes
}

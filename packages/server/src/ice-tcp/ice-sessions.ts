// The WebRTC clients that a TCP connection can belong to, by the ufrag of their ICE checks. Read from the commands to the lanes.
import type { LaneCommand, LaneId, PeerId } from '@parley/core'
import { isSrtpProfile, isStunGenuine, OPUS_PAYLOAD_TYPE, readStunRequest } from '@parley/protocol'
import { stunMac } from '../lane/crypto/stun-mac.ts'

/** What Select Protocol negotiated for one client, and its TCP connections. */
export interface IceSession {
  readonly lane: LaneId
  readonly localUfrag: string
  /** Of its checks: the two ufrags. */
  readonly username: string
  readonly password: Uint8Array
  /** The client's payload type of audio. */
  readonly audioType: number
  /** The oldest first. */
  readonly connections: Set<{ close(): void }>
}

export class IceSessions {
  readonly #byUfrag = new Map<string, IceSession>()
  /** By lane and peer. */
  readonly #byPeer = new Map<string, IceSession>()

  /** A command to a lane: follows the ones by which WebRTC clients come and go. */
  command(lane: LaneId, command: LaneCommand): void {
    if (command.kind === 'addWebrtcPeer') this.#add(lane, command)
    else if (endsWebrtc(command)) this.#remove(keyOf(lane, command.peer))
  }

  /** The lane has forgotten its peers. */
  laneLost(lane: LaneId): void {
    for (const [key, session] of [...this.#byPeer]) if (session.lane === lane) this.#remove(key)
  }

  /** The session that a genuine ICE check belongs to. */
  authenticate(frame: Uint8Array): IceSession | undefined {
    const request = readStunRequest(frame)
    if (request === undefined) return undefined
    const session = this.#byUfrag.get(request.username.slice(0, request.username.indexOf(':')))
    if (session?.username !== request.username) return undefined
    return isStunGenuine(frame, request, session.password, stunMac) ? session : undefined
  }

  /** Another offer replaces the credentials: connections with the old ones end. */
  #add(lane: LaneId, { peer, ice, mapping }: LaneCommand & { kind: 'addWebrtcPeer' }): void {
    this.#remove(keyOf(lane, peer))
    const { localUfrag, remoteUfrag, password } = ice
    const [, audioType = OPUS_PAYLOAD_TYPE] = mapping.payloadTypes.find(([node]) => node === OPUS_PAYLOAD_TYPE) ?? []
    const username = `${localUfrag}:${remoteUfrag}`
    const session = { lane, localUfrag, username, password, audioType, connections: new Set<{ close(): void }>() }
    this.#byUfrag.set(localUfrag, session)
    this.#byPeer.set(keyOf(lane, peer), session)
  }

  #remove(key: string): void {
    const session = this.#byPeer.get(key)
    if (session === undefined) return
    this.#byPeer.delete(key)
    if (this.#byUfrag.get(session.localUfrag) === session) this.#byUfrag.delete(session.localUfrag)
    for (const connection of [...session.connections]) connection.close()
  }
}

type Ending = LaneCommand & { kind: 'removeWebrtcPeer' | 'removePeer' | 'protectPeer' }

/** A client that gets a key of another protection than SRTP has changed to UDP. */
const endsWebrtc = (command: LaneCommand): command is Ending =>
  command.kind === 'removeWebrtcPeer' ||
  command.kind === 'removePeer' ||
  (command.kind === 'protectPeer' && !isSrtpProfile(command.protection))

const keyOf = (lane: LaneId, peer: PeerId): string => `${lane} ${peer}`

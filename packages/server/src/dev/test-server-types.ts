// What a program that starts a test server gives and receives. Free of types of the WebSocket library, which consumers lack.
import type { NodeInspection } from '@parley/core'
import type { ConfigInput } from '../config/schema.ts'
import type { LogSink } from '../monitoring/log.ts'
import type { TlsFiles } from '../net/tls.ts'
import type { Expectation } from './expect/expectations.ts'
import type { TraceEvent } from './trace/trace-record.ts'
import type { Transcript } from './trace/transcript.ts'
import type { WorldInput } from './world.ts'

export interface TestServerOptions {
  /** Guilds, channels and users. Default: one guild with two voice channels and a stage. */
  world?: WorldInput | undefined
  /** TCP port of REST and the main gateway. Default: a free one. */
  port?: number | undefined
  /** Of random faults. The same seed loses the same datagrams. Default: 1. */
  seed?: number | undefined
  /** Certificate and key of the voice endpoint. Default: a new self-signed certificate. */
  tls?: TlsFiles | undefined
  /** Host of the voice endpoint, which is on 127.0.0.1: `localhost` for clients that need a name, such as JDA. Default: 127.0.0.1. */
  voiceHost?: string | undefined
  /** Settings of the node, as in the TOML file of `parley serve`. */
  voice?: ConfigInput['voice']
  /** Log of the node; silent by default. */
  log?: ConfigInput['log']
  logSink?: LogSink | undefined
}

/** A member of a call. */
export interface TestMember {
  /** Ids. */
  user: string
  guild: string
  channel: string
  /** Name of the user. */
  name: string
  /** By a moderator. */
  mute: boolean
  deaf: boolean
  /** By the user. */
  self_mute: boolean
  self_deaf: boolean
  /** In the audience of a stage. */
  suppress: boolean
}

/** Addresses, as `parley dev --json` prints them. */
export interface TestServerAddresses {
  /** Base URL of REST, without version: `http://127.0.0.1:40001/api`. */
  rest: string
  /** URL of the main gateway. */
  gateway: string
  /** `host:port` of the voice endpoint, as in VOICE_SERVER_UPDATE. */
  voice: string
  /** Base URL of the control API. */
  control: string
  /** Token of the control API. */
  token: string
  /** Path of the certificate to trust. */
  ca: string
}

/** What clients and server said to each other. `user` is an id or a name; without it the trace is that of all users. */
export interface TestTrace {
  /** In order of time. The newest 20,000 of each user are kept. */
  events(user?: string): TraceEvent[]
  /** One line of text per event; runs of audio packets are one line. */
  text(user?: string): string
  /** A page without scripts. */
  html(user?: string): string
  /** JSON, one event per line, with the bytes of datagrams: the input of `parley trace`. */
  lines(user?: string): string
  /** JSON lines without times and random values: the same seed and the same client yield the same bytes. */
  stableLines(user?: string): string
  /** For Wireshark, with transport encryption removed; `isSealed`: as on the wire. */
  pcapng(user?: string, isSealed?: boolean): Uint8Array
  /** Returns a function that removes the listener. */
  listen(listener: (event: TraceEvent) => void): () => void
  /** Forgets events, and starts transcripts again. */
  clear(user?: string): void
}

export interface ExpectOptions {
  /** How long to wait: milliseconds, or a time such as `2s`. Default: 5 seconds. */
  within?: number | string | undefined
  /** How many packets, messages or sessions are expected. */
  count?: number | undefined
}

/** A user's client. */
export interface TestClient {
  readonly id: string
  readonly name: string
  /** Whether it has an open voice connection. */
  readonly isConnected: boolean
  /** What the client sent, and the rules that it broke. */
  readonly transcript: Transcript
  /**
   * Resolves when the client does it. Rejects with an `ExpectationError`, whose message says in one sentence what the client did,
   * what it should have done, and where that is documented.
   */
  expect(what: Expectation, options?: ExpectOptions): Promise<void>
}

/** A running test server. Its methods throw a `RangeError` of one sentence for an unknown user or channel. `user` is an id or a name. */
export interface TestServer {
  readonly addresses: TestServerAddresses
  /** The seed of its faults. */
  readonly seed: number
  /** Who is in which voice channel. */
  readonly members: readonly TestMember[]
  readonly trace: TestTrace
  /** The node's state, without secrets; undefined while it is stopped. */
  inspect(): NodeInspection | undefined
  /** A user by id or name. A user exists from its first login on, or from the world's file. */
  user(user: string): TestClient
  /** Moves a user, as a moderator does. */
  move(user: string, channelId: string): void
  /** Disconnects a user from voice: close code 4014. */
  kick(user: string): void
  mute(user: string, isMuted?: boolean): void
  deafen(user: string, isDeafened?: boolean): void
  destroyChannel(channelId: string): void
  /** Destroys the user's voice WebSockets without a close frame. Returns how many. */
  dropVoice(user: string): number
  /** The same for connections to the main gateway. */
  dropGateway(user: string): void
  /** Adds faults such as `drop-ws@3s,udp-loss:10%`. Throws an error of one sentence if the text is not valid. */
  fault(user: string, faults: string): void
  clearFaults(user: string): void
  /** Ends the node as a crash does. */
  stopNode(): Promise<void>
  /** Starts a stopped node again. Its members receive a VOICE_SERVER_UPDATE. */
  startNode(): Promise<void>
  /** Closes every socket and timer, and removes the certificate's file. */
  close(): Promise<void>
}

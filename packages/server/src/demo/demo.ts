// The demo in one process: a node with TLS, a backend, a call, and a control port that issues credentials.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createServer, type Server, type ServerOptions } from '../index.ts'
import type { LogSink } from '../monitoring/log.ts'
import { writeCertificate } from '../net/certificate-file.ts'
import { ListenError } from '../net/listen-error.ts'
import { selfSignedCertificate } from '../net/self-signed.ts'
import type { Credentials } from '../talk/credentials.ts'
import { createDemoBackend, type DemoBackend } from './demo-backend.ts'
import { type CallEvent, DemoCall } from './demo-call.ts'
import { DemoControl } from './demo-control.ts'
import { Guests } from './guests/guests.ts'
import { DemoPlaygroundApi } from './guests/playground-api.ts'
import { announceDemo } from './running-demo.ts'
import { readSpeech } from './speech.ts'

export interface DemoOptions {
  /** TCP port of the gateway. Default: 8443, or a free one. With 0 all ports are free ones. */
  port?: number | undefined
  /** Address of this machine for voice packets; 127.0.0.1 by default. */
  media?: string | undefined
  /** Receives the node's warnings and errors. */
  logSink: LogSink
  onEvent: (event: CallEvent) => void
}

const HOST = '127.0.0.1'
/** The ports that the documentation uses, tried first. */
const PREFERRED = { gateway: 8443, media: 50_000, page: 8442 } as const

/** Ports of one attempt; 0 selects a free one. */
interface Ports {
  gateway: number
  media: number
  page: number
}

/** Everything that it opened is closed in the reverse order, also if opening fails midway. */
export class Demo {
  readonly server: Server
  readonly call: DemoCall
  /** Path of the certificate to trust. */
  readonly ca: string
  readonly #backend: DemoBackend
  readonly #closers: readonly (() => unknown)[]

  private constructor(parts: Pick<Demo, 'server' | 'call' | 'ca'>, backend: DemoBackend, closers: (() => unknown)[]) {
    this.server = parts.server
    this.call = parts.call
    this.ca = parts.ca
    this.#backend = backend
    this.#closers = closers
  }

  /** Opens everything or nothing; resolves before the bots join. */
  static async open({ port, media = HOST, logSink, onEvent }: DemoOptions): Promise<Demo> {
    const closers: (() => unknown)[] = []
    try {
      const tls = selfSignedCertificate()
      const ca = writeCertificate(tls.cert)
      closers.unshift(() => rmSync(join(ca, '..'), { recursive: true, force: true }))
      const api = new DemoPlaygroundApi()
      const server = await openServer(attempts(port), api, { tls, logSink, media: { listen: media } })
      closers.unshift(() => server.close())
      const backend = await createDemoBackend({ lvspUrl: server.lvspUrl, secret: server.secret, ca: tls.cert })
      closers.unshift(() => backend.close())
      // Before Guests: the call needs the name of a user who left, and Guests removes it.
      const call = new DemoCall(backend, tls.cert, readSpeech(), onEvent, userId => guests.nameOf(userId))
      const guests = new Guests(backend, call)
      api.open(guests)
      closers.unshift(() => call.close())
      const demo = new Demo({ server, call, ca }, backend, closers)
      const control = await DemoControl.open(() => demo.invite())
      closers.unshift(announceDemo(control.address), () => control.close())
      return demo
    } catch (error) {
      await closeAll(closers)
      throw error
    }
  }

  /** Credentials for another user. */
  async invite(): Promise<Credentials> {
    return { ...(await this.#backend.join()), ca: this.ca }
  }

  /** Resolves when all sockets, timers and files are closed and removed. */
  close(): Promise<void> {
    return closeAll(this.#closers)
  }
}

/** Last opened, first closed. */
async function closeAll(closers: readonly (() => unknown)[]): Promise<void> {
  for (const close of closers) await close()
}

/** A server on the first attempt whose ports are free. */
async function openServer(
  [ports, ...others]: readonly Ports[],
  api: DemoPlaygroundApi,
  common: ServerOptions,
): Promise<Server> {
  try {
    return await createServer({
      ...common,
      http: { listen: `${HOST}:${ports?.gateway ?? 0}` },
      media: { ...common.media, port: ports?.media ?? 0 },
      log: { level: 'warn', format: 'pretty' },
      playground: { port: ports?.page ?? 0, api },
    })
  } catch (error) {
    if (!isBusy(error) || others.length === 0) throw error
    return openServer(others, api, common)
  }
}

/** Combinations to try, the documented ports first. */
function attempts(port: number | undefined): Ports[] {
  const gateways = port === undefined ? [PREFERRED.gateway, 0] : [port]
  const medias = port === 0 ? [0] : [PREFERRED.media, 0]
  const pages = port === 0 ? [0] : [PREFERRED.page, 0]
  return gateways.flatMap(gateway => medias.flatMap(media => pages.map(page => ({ gateway, media, page }))))
}

const isBusy = (error: unknown) =>
  error instanceof ListenError && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE'

// OpenSSL's DTLS client as a process, connected to one association through a UDP socket that can lose, repeat or delay datagrams.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { DtlsAssociation, Fingerprint } from '@parley/core'
import type { OpensslDtls } from '../../packages/server/src/dtls/openssl-dtls.ts'

/** Calls `deliver` for each copy of a datagram that arrives: not at all, several times, or later than the next one. */
export type Wire = (datagram: Uint8Array, deliver: (datagram: Uint8Array) => void) => void
export const goodWire: Wire = (datagram, deliver) => deliver(datagram)

/** A client certificate and its files. */
export class ClientCertificate {
  readonly #folder = mkdtempSync(join(tmpdir(), 'dtls-'))
  readonly fingerprint: Fingerprint

  constructor(context: TestContext, kind: 'ec' | 'rsa' = 'ec') {
    context.after(() => rmSync(this.#folder, { recursive: true }))
    const key = kind === 'ec' ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['-newkey', 'rsa:2048']
    const files = ['-keyout', this.key, '-out', this.cert]
    execFileSync('openssl', ['req', '-x509', ...key, '-nodes', '-subj', '/CN=c', '-days', '2', ...files], {
      stdio: 'ignore',
    })
    const { raw } = new X509Certificate(readFileSync(this.cert))
    this.fingerprint = { algorithm: 'sha-256', bytes: new Uint8Array(createHash('sha256').update(raw).digest()) }
  }

  get cert(): string {
    return join(this.#folder, 'cert.pem')
  }
  get key(): string {
    return join(this.#folder, 'key.pem')
  }
}

export interface DtlsScene {
  dtls: OpensslDtls
  expected: Fingerprint
  /** The client's certificate; undefined if it has none. */
  certificate: ClientCertificate | undefined
  toNode?: Wire
  toClient?: Wire
  arguments?: readonly string[]
}

/** One handshake between the client and an association. */
export class DtlsRun {
  readonly association: DtlsAssociation
  readonly #scene: DtlsScene
  readonly #socket: Socket
  readonly #client: ChildProcess
  #output = ''
  #clientPort = 0
  #isClosed = false
  #timer: NodeJS.Timeout | undefined
  /** All datagrams from the client, as received. */
  readonly fromClient: Uint8Array[] = []
  readonly fromNode: Uint8Array[] = []

  static async start(context: TestContext, scene: DtlsScene): Promise<DtlsRun> {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new DtlsRun(context, scene, socket)
  }

  private constructor(context: TestContext, scene: DtlsScene, socket: Socket) {
    const association = scene.dtls.accept(scene.expected, performance.now())
    this.association = association
    this.#scene = scene
    this.#socket = socket
    socket.on('message', (bytes, from) => this.#received(bytes, from.port))
    const shown = scene.certificate && ['-cert', scene.certificate.cert, '-key', scene.certificate.key]
    const to = ['-connect', `127.0.0.1:${socket.address().port}`]
    const rest = scene.arguments ?? ['-use_srtp', 'SRTP_AEAD_AES_128_GCM']
    const exported = ['-keymatexport', 'EXTRACTOR-dtls_srtp', '-keymatexportlen', '56']
    this.#client = spawn('openssl', ['s_client', '-dtls1_2', ...to, ...(shown ?? []), ...exported, ...rest])
    this.#client.stdout!.on('data', data => {
      this.#output += data
    })
    this.#client.stderr!.on('data', data => {
      this.#output += data
    })
    context.after(() => this.#close())
  }

  /** Resolves with the client's exported keys when it is connected. */
  async clientKeys(): Promise<string> {
    await this.until(() => /Keying material: ([0-9A-F]+)/.test(this.#output), 'the client’s keys')
    return /Keying material: ([0-9A-F]+)/.exec(this.#output)![1]!.toLowerCase()
  }

  /** Ends the client with a close_notify, as `pc.close()` does. */
  hangUp(): void {
    this.#client.stdin!.end('Q\n')
  }

  /** Ends the association, as the node does when the client's session ends. */
  close(): void {
    this.association.close()
    this.#flush()
  }

  /** The client's process has ended, which a close_notify causes. */
  get hasClientEnded(): boolean {
    return this.#client.exitCode !== null
  }

  async settled(): Promise<DtlsAssociation['state']> {
    await this.until(() => this.association.state.kind !== 'handshaking', 'the end of the handshake')
    return this.association.state
  }

  async until(isTrue: () => boolean, what: string): Promise<void> {
    const end = performance.now() + 60_000
    while (!isTrue()) {
      if (performance.now() > end) throw new Error(`waited for ${what}; the client said:\n${this.#output}`)
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  /** Passes a datagram to the association. */
  feed(datagram: Uint8Array): void {
    this.association.receive(datagram, performance.now())
    this.#flush()
  }

  #received(bytes: Buffer, port: number): void {
    this.#clientPort = port
    const datagram = new Uint8Array(bytes)
    this.fromClient.push(datagram)
    const wire = this.#scene.toNode ?? goodWire
    wire(datagram, delivered => this.feed(delivered))
  }

  #flush(): void {
    const wire = this.#scene.toClient ?? goodWire
    for (const datagram of this.association.takeDatagrams()) {
      this.fromNode.push(datagram)
      wire(datagram, delivered => this.#send(delivered))
    }
    clearTimeout(this.#timer)
    const { deadline } = this.association
    if (deadline !== Infinity) this.#timer = setTimeout(() => this.#tick(), deadline - performance.now())
  }

  /** A delayed datagram may be delivered after the test has ended. */
  #send(datagram: Uint8Array): void {
    if (!this.#isClosed) this.#socket.send(datagram, this.#clientPort, '127.0.0.1')
  }

  #tick(): void {
    this.association.tick(performance.now())
    this.#flush()
  }

  #close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.association.close()
    this.#client.kill()
    this.#socket.close()
  }
}

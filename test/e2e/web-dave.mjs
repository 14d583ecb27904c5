// End-to-end encryption of a web voice client of the tests: passes the DAVE messages of its gateway connection to the worker of
// `@parley/client/browser`, and gives its senders and receivers to it.

/** `@parley/client/browser`, as the test serves it. */
const LIBRARY = new URL('/browser.js', import.meta.url).href
const TEXT = new Set([21, 22, 24])

export class WebDave {
  static async open(client) {
    const { DaveWorker } = await import(LIBRARY)
    const thread = new Worker('/dave-worker.js', { type: 'module' })
    return new WebDave(client, await DaveWorker.open(thread, { wasm: '/davey.wasm' }))
  }

  constructor(client, worker) {
    this.client = client
    this.worker = worker
    this.version = worker.version
    /** Undefined while frames are not encrypted. */
    this.privacyCode = undefined
    this.generation = 0
    worker.onEvent = ({ output }) => this.take(output)
  }

  take(output) {
    if (output.kind === 'send') this.client.ws.send(output.data)
    else if (output.kind === 'encryption') this.privacyCode = output.privacyCode
    else if (output.kind === 'undecodable') this.client.errors.push(output.reason)
  }

  /** Session Description. */
  described(version) {
    const { user_id: userId, channel_id: channelId } = this.client.options
    this.worker.command({ kind: 'described', generation: ++this.generation, version, userId, channelId })
  }

  text(op, data) {
    if (TEXT.has(op)) this.worker.command({ kind: 'text', op, data })
  }

  /** Sequence (2), opcode (1), payload. Returns the sequence. */
  binary(bytes) {
    const view = new DataView(bytes)
    const userIds = [...this.client.users]
    const payload = new Uint8Array(bytes.slice(3))
    this.worker.command({ kind: 'binary', op: view.getUint8(2), payload, userIds })
    return view.getUint16(0)
  }

  /** Before the first negotiation. */
  attach({ sender, receiver }, kind) {
    if (sender.track !== null) this.worker.sealSender(sender, kind)
    this.worker.openReceiver(receiver, kind)
  }

  setCodecs(codecs) {
    this.worker.setCodecs(codecs.map(({ name, payload_type: type }) => [type, name]))
  }
  setSources(remotes) {
    this.worker.setSources(remotes.map(({ ssrc, user }) => [ssrc, user]))
  }
}

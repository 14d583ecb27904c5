// A program that is controlled by lines of JSON (test/e2e/python/lines.py): a bot on a library of another language.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { until } from './until.ts'

type Message = { event: string } & Record<string, unknown>

export class LineProcess {
  readonly #process: ChildProcess
  /** All messages of the process, in order. */
  readonly messages: Message[] = []
  /** Called with each message. */
  onMessage: (message: Message) => void = () => {}

  /** `certificate` is the path of the certificate to trust. */
  constructor([program, ...args]: readonly [string, ...string[]], certificate: string) {
    this.#process = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, SSL_CERT_FILE: certificate },
    })
    createInterface({ input: this.#process.stdout! }).on('line', line => {
      const message = JSON.parse(line) as Message
      this.messages.push(message)
      this.onMessage(message)
    })
  }

  /** Sends a command. */
  send(command: string, fields: object): void {
    this.#process.stdin!.write(`${JSON.stringify({ do: command, ...fields })}\n`)
  }

  /** Sends a command; resolves with the event that answers it. */
  async call(command: string, fields: object, event: string): Promise<Message> {
    const from = this.messages.length
    this.send(command, fields)
    const found = () => this.messages.slice(from).find(message => message.event === event || message.event === 'failed')
    await until(`"${event}" of ${this.#process.spawnfile}`, () => found() !== undefined)
    const message = found()!
    if (message.event === 'failed') throw new Error(`the bot: ${JSON.stringify(message)}`)
    return message
  }

  /** Frames received from a user, in order; a frame that could not be decrypted is empty. */
  heardOf(userId: string): Buffer[] {
    const heard = this.messages.filter(({ event, user_id }) => event === 'heard' && user_id === userId)
    return heard.map(({ frame }) => Buffer.from(frame === null ? '' : String(frame), 'base64'))
  }

  end(): void {
    this.#process.kill()
  }
}

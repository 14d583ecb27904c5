// A session with a certificate authority (RFC 8555): its directory, nonces, signed requests, the account.
import type { z } from 'zod'
import { SERVER_LIMITS } from '../../limits.ts'
import type { AccountKey, ExternalAccount } from './account-key.ts'
import { AcmeError } from './acme-error.ts'
import { Directory, decodeAcme, Problem, RenewalInfo } from './messages.ts'
import { type AcmeAnswer, send } from './requests.ts'

export interface SessionOptions {
  /** URL of the directory. */
  readonly directory: string
  /** Authorities that are trusted for requests, as PEM; undefined: those of Node.js. */
  readonly ca: string | undefined
  readonly key: AccountKey
  readonly signal: AbortSignal
  /** Resolves after that many milliseconds; rejects when the node stops. */
  sleep(time: number): Promise<void>
}

export interface Account {
  readonly email: string | undefined
  readonly external: ExternalAccount | undefined
}

export class AcmeSession {
  readonly directory: Directory
  readonly #options: SessionOptions
  #nonce: string | undefined
  #account: string | undefined

  private constructor(directory: Directory, options: SessionOptions) {
    this.directory = directory
    this.#options = options
  }

  /** Rejects with an `AcmeError`, as every method does. */
  static async open(options: SessionOptions): Promise<AcmeSession> {
    const { ca, signal, directory: url } = options
    const { status, text, retryAfter } = await send(url, { method: 'GET', ca, signal })
    const directory = status === 200 ? decodeAcme(Directory, text) : undefined
    if (directory === undefined)
      throw new AcmeError(`${url} is not the directory of a certificate authority (status ${status})`, { retryAfter })
    return new AcmeSession(directory, options)
  }

  /** What signs for this session's account. */
  get key(): AccountKey {
    return this.#options.key
  }
  sleep(time: number): Promise<void> {
    return this.#options.sleep(time)
  }

  /** Creates the account, or finds it by its key; the operator agreed to the terms in the configuration. */
  async openAccount({ email, external }: Account): Promise<void> {
    const { newAccount, meta } = this.directory
    if (meta?.externalAccountRequired === true && external === undefined)
      throw new AcmeError(
        'the certificate authority requires an external account: set acme.eab_key_id and acme.eab_hmac_file',
      )
    const { location } = await this.#post(newAccount, {
      termsOfServiceAgreed: true,
      ...(email !== undefined && { contact: [`mailto:${email}`] }),
      ...(external !== undefined && { externalAccountBinding: this.key.bound(newAccount, external) }),
    })
    if (location === undefined) throw new AcmeError(`${newAccount}: expected the URL of the account, found none`)
    this.#account = location
  }

  /** The object at a URL; with a payload it changes first. */
  async object<Schema extends z.ZodType>(
    url: string,
    schema: Schema,
    payload?: object,
  ): Promise<{ value: z.output<Schema>; answer: AcmeAnswer }> {
    const answer = await this.#post(url, payload)
    const value = decodeAcme(schema, answer.text)
    if (value === undefined) throw new AcmeError(`${url}: the response does not conform to RFC 8555`)
    return { value, answer }
  }

  /** The text at a URL. */
  async text(url: string): Promise<string> {
    return (await this.#post(url, undefined)).text
  }

  /** When the authority wants the certificate of that identifier renewed; undefined if it does not say. */
  async renewalInfo(certificateId: string): Promise<RenewalInfo | undefined> {
    const { renewalInfo } = this.directory
    if (renewalInfo === undefined) return undefined
    const { ca, signal } = this.#options
    const { status, text } = await send(`${renewalInfo}/${certificateId}`, { method: 'GET', ca, signal })
    return status === 200 ? decodeAcme(RenewalInfo, text) : undefined
  }

  /** A nonce may be refused at any time (RFC 8555 §6.5); the answer then carries a new one. */
  async #post(url: string, payload: object | undefined): Promise<AcmeAnswer> {
    const { ca, signal, key } = this.#options
    for (let tries = 1; ; tries++) {
      const nonce = this.#nonce ?? (await this.#newNonce())
      const body = JSON.stringify(key.sign(url, nonce, this.#account, payload))
      const answer = await send(url, { method: 'POST', body, ca, signal })
      this.#nonce = answer.nonce
      if (answer.status >= 200 && answer.status < 300) return answer
      const problem = decodeAcme(Problem, answer.text)
      if (problem?.type !== 'badNonce' || tries >= SERVER_LIMITS.acmeNonceTries)
        throw AcmeError.ofProblem(`status ${answer.status} of ${new URL(url).host}`, problem, answer.retryAfter)
    }
  }

  async #newNonce(): Promise<string> {
    const { ca, signal } = this.#options
    const { nonce } = await send(this.directory.newNonce, { method: 'HEAD', ca, signal })
    if (nonce === undefined) throw new AcmeError(`${this.directory.newNonce}: expected a nonce, found none`)
    return nonce
  }
}

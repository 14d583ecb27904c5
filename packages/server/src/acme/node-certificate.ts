// The certificate of a node's listeners: given by the embedding program, read from files, or obtained by ACME.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Config, usesAcme } from '../config/config.ts'
import { ConfigError } from '../config/config-error.ts'
import { SERVER_LIMITS } from '../limits.ts'
import { type CertificateFacts, certificateFacts, dayOf, invalidity } from '../net/certificate.ts'
import { selfSignedCertificate } from '../net/self-signed.ts'
import { readTls, type TlsFiles } from '../net/tls.ts'
import { authorityOf } from './authority.ts'
import { CertificateKeeper, type KeeperClock } from './certificate-keeper.ts'
import { HttpResponder } from './http-responder.ts'
import { TlsResponder } from './tls-responder.ts'

/** The state of a certificate that ACME keeps valid. Times as in ISO 8601. */
export interface CertificateState {
  /** The end of its validity; undefined before the first one. */
  readonly until: string | undefined
  readonly next_attempt: string | undefined
  /** Attempts that failed since the last success. */
  readonly failures: number
  readonly error: string | undefined
}

/** What a certificate reports. */
export interface CertificateEvents {
  /** Listeners present it from now on. */
  obtained(files: TlsFiles, facts: CertificateFacts): void
  /** `delay` in milliseconds, until the next attempt. */
  failed(reason: string, failures: number, delay: number): void
}

const REAL_TIME: KeeperClock = {
  now: () => Date.now(),
  sleep: (time, signal) => sleep(Math.min(time, SERVER_LIMITS.maxTimeout), undefined, { signal, ref: false }),
  random: () => Math.random(),
}

export class NodeCertificate {
  readonly #config: Config
  readonly #given: TlsFiles | undefined
  readonly #challenges = new TlsResponder(() => Date.now())
  readonly #renewals = { ok: 0, failed: 0 }
  #files: TlsFiles | undefined
  /** Facts of the certificate in use; undefined without one, and while a placeholder is in use. */
  #facts: CertificateFacts | undefined
  #keeper: CertificateKeeper | undefined

  private constructor(config: Config, given: TlsFiles | undefined) {
    this.#config = config
    this.#given = given
    this.reload(config)
  }

  /** Throws a `ConfigError`. `given`: used instead of the files that the configuration names. */
  static open(config: Config, given: TlsFiles | undefined): NodeCertificate {
    if (given !== undefined && usesAcme(config))
      throw new ConfigError('acme.names: expected none, because the program has a certificate of its own')
    return new NodeCertificate(config, given)
  }

  /** What listeners present; undefined without TLS. Until ACME has obtained the first certificate it is a placeholder. */
  get files(): TlsFiles | undefined {
    return this.#files
  }
  /** The period for which it is valid; undefined without a certificate. */
  get validity(): Pick<CertificateFacts, 'validFrom' | 'validTo'> | undefined {
    return this.#facts
  }
  /**
   * Why clients cannot connect at `now`, in milliseconds since 1970; undefined if they can. Behind a proxy they verify the
   * certificate of the proxy.
   */
  unreadyAt(now: number): string | undefined {
    if (this.#files === undefined || this.#config.http.behind_proxy) return undefined
    return this.#facts === undefined ? 'no certificate yet' : invalidity(this.#facts, now)
  }
  /** Finished attempts by result; undefined without ACME. */
  get renewals(): { readonly ok: number; readonly failed: number } | undefined {
    return usesAcme(this.#config) ? this.#renewals : undefined
  }
  /** Undefined without ACME. */
  get state(): CertificateState | undefined {
    if (this.#keeper === undefined) return undefined
    const { next, failures, error } = this.#keeper.status
    return { until: isoOf(this.#facts?.validTo), next_attempt: isoOf(next), failures, error }
  }

  /** The certificate for a challenge of ACME, by the server name of the TLS client. */
  readonly challengeFor = (serverName: string): TlsFiles | undefined => this.#challenges.certificateFor(serverName)

  /** Reads the files again. Throws a `ConfigError`, and keeps what it has. */
  reload(config: Config): CertificateFacts | undefined {
    const files = this.#given ?? readTls(config)
    // What ACME obtained stays in use where its file is missing or damaged: the disk was full, or the folder was emptied.
    if (files === undefined && this.#files !== undefined && usesAcme(config)) return this.#facts
    this.#facts = files && certificateFacts(files.cert)
    this.#files = files ?? (usesAcme(config) ? selfSignedCertificate() : undefined)
    return this.#facts
  }

  /** Once the listeners are open: obtains and renews the certificate, if the configuration says so. */
  keep(events: CertificateEvents): void {
    const { acme } = this.#config
    if (!usesAcme(this.#config)) return
    const responder = acme.challenge === 'http-01' ? new HttpResponder(acme.http_listen) : this.#challenges
    this.#keeper = new CertificateKeeper({
      names: acme.names,
      authority: authorityOf(acme, responder, REAL_TIME),
      clock: REAL_TIME,
      stored: this.#facts === undefined ? undefined : this.#files?.cert,
      events: {
        obtained: files => {
          this.#renewals.ok++
          this.#files = files
          this.#facts = certificateFacts(files.cert)
          events.obtained(files, this.#facts)
        },
        failed: (reason, failures, delay) => {
          this.#renewals.failed++
          events.failed(reason, failures, delay)
        },
      },
    })
  }

  /** Ends a request to the certificate authority that is under way. */
  async close(): Promise<void> {
    await this.#keeper?.close()
  }
}

/** The certificate of new connections, for the log and the admin API. */
export function describeCertificate({ names, issuer, validFrom, validTo }: CertificateFacts): {
  names: string[]
  issuer: string
  from: string
  until: string
} {
  return { names: [...names], issuer, from: dayOf(validFrom), until: dayOf(validTo) }
}

const isoOf = (time: number | undefined) => (time === undefined ? undefined : new Date(time).toISOString())

// From names to a certificate (RFC 8555 §7.4): order, challenges, signing request, download.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { SERVER_LIMITS } from '../../limits.ts'
import { keyText, newKey, signingRequest } from '../../x509/certificates.ts'
import { AcmeError } from './acme-error.ts'
import type { ChallengeResponder } from './challenge-responder.ts'
import { Authorization, Challenge, Order } from './messages.ts'
import type { AcmeSession } from './session.ts'

/** The profile of certificates for addresses, where the authority has it (Let's Encrypt issues them in no other). */
const SHORT_LIVED = 'shortlived'

export interface Wanted {
  /** DNS names in ASCII, and IP addresses. */
  readonly names: readonly string[]
  /** Undefined: the authority's default, but the short-lived one for addresses. */
  readonly profile: string | undefined
  /** The identifier of the certificate that the new one replaces (RFC 9773 §5). */
  readonly replaces: string | undefined
}

/** Key and chain, both PEM. */
export interface Issued {
  readonly cert: string
  readonly key: string
}

/** Rejects with an `AcmeError`. The session has an account. */
export async function issue(session: AcmeSession, wanted: Wanted, responder: ChallengeResponder): Promise<Issued> {
  const { newOrder } = session.directory
  const { value: order, answer } = await session.object(newOrder, Order, requestOf(session, wanted))
  const { location } = answer
  if (location === undefined) throw new AcmeError(`${newOrder}: expected the URL of the order, found none`)
  for (const url of order.authorizations) await authorize(session, url, responder)
  const ready = await settled(session, location, 'pending')
  if (ready.status === 'invalid') throw AcmeError.ofProblem('the order became invalid', ready.error)
  const key = newKey()
  const csr = signingRequest(wanted.names, key).toString('base64url')
  if (ready.status === 'ready') await session.object(ready.finalize, Order, { csr })
  const finished = await settled(session, location, 'ready', 'processing')
  if (finished.status !== 'valid' || finished.certificate === undefined)
    throw AcmeError.ofProblem('the order was not fulfilled', finished.error)
  const issued = { cert: await session.text(finished.certificate), key: keyText(key.privateKey) }
  checkIssued(issued, wanted.names)
  return issued
}

function requestOf({ directory }: AcmeSession, { names, profile, replaces }: Wanted): object {
  const isShort = names.some(name => isIP(name) !== 0) && directory.meta?.profiles?.[SHORT_LIVED] !== undefined
  const chosen = profile ?? (isShort ? SHORT_LIVED : undefined)
  return {
    identifiers: names.map(value => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
    ...(chosen !== undefined && { profile: chosen }),
    ...(replaces !== undefined && directory.renewalInfo !== undefined && { replaces }),
  }
}

/** Proves control of one name, unless the authority still knows of an earlier proof. */
async function authorize(session: AcmeSession, url: string, responder: ChallengeResponder): Promise<void> {
  const { value: authorization } = await session.object(url, Authorization)
  if (authorization.status === 'valid') return
  const name = authorization.identifier.value
  const challenge = authorization.challenges.find(({ type }) => type === responder.type)
  if (challenge?.token === undefined)
    throw new AcmeError(`the certificate authority offers no ${responder.type} challenge for ${name}`)
  const { token } = challenge
  const end = await responder.publish({ name, token, keyAuthorization: session.key.authorization(token) })
  try {
    await session.object(challenge.url, Challenge, {})
    const { status, challenges } = await poll(session, url, Authorization, ({ status }) => status === 'pending')
    if (status === 'valid') return
    const failed = challenges.find(({ error }) => error !== undefined)
    throw AcmeError.ofProblem(`${name} was not validated by ${responder.type}`, failed?.error)
  } finally {
    await end()
  }
}

const settled = (session: AcmeSession, url: string, ...passing: readonly Order['status'][]) =>
  poll(session, url, Order, ({ status }) => passing.includes(status))

/** Asks again as often as the authority says, until the state is another one or the time is up. */
async function poll<Schema extends typeof Order | typeof Authorization>(
  session: AcmeSession,
  url: string,
  schema: Schema,
  isPassing: (value: ReturnType<Schema['parse']>) => boolean,
): Promise<ReturnType<Schema['parse']>> {
  const { acmePollInterval: least, acmePollIntervalMax: most, acmePollTimeout: longest } = SERVER_LIMITS
  for (let waited = 0; ; ) {
    const { value, answer } = await session.object(url, schema)
    const current = value as ReturnType<Schema['parse']>
    if (!isPassing(current)) return current
    if (waited >= longest) throw new AcmeError(`the certificate authority did not finish within ${longest / 1_000} s`)
    const time = Math.min(most, Math.max(least, answer.retryAfter ?? least))
    await session.sleep(time)
    waited += time
  }
}

/** A certificate that would not serve is a failure now, not at the first client. */
function checkIssued({ cert, key }: Issued, names: readonly string[]): void {
  const leaf = certificateOf(cert)
  if (leaf === undefined || !leaf.checkPrivateKey(createPrivateKey(key)))
    throw new AcmeError('the certificate authority sent a certificate that does not match the key')
  const missing = names.find(name => (isIP(name) === 0 ? leaf.checkHost(name) : leaf.checkIP(name)) === undefined)
  if (missing !== undefined) throw new AcmeError(`the certificate authority sent a certificate without ${missing}`)
}

function certificateOf(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

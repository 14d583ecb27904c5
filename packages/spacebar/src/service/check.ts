// `parley bridge spacebar --check`: what has to be right before the first call, one finding per line.
import { X509Certificate } from 'node:crypto'
import { access, constants } from 'node:fs/promises'
import { connect as connectTls } from 'node:tls'
import { LvspClient } from '@parley/client'
import { folderOf } from '../bus/open-bus.ts'
import { RabbitBus } from '../bus/rabbit-bus.ts'
import { spacebarSockets } from '../bus/unix-writers.ts'
import { normalEndpoint } from '../core/nodes.ts'
import { Database, OtherBridgeError } from '../database/database.ts'
import { REGION_ENDPOINTS, SELF_VIDEO_DEFAULT, SET_SELF_VIDEO_DEFAULT } from '../database/queries.ts'
import { LIMITS } from '../limits.ts'
import { type BridgeSettings, type NodeTarget, targetsOf } from './options.ts'

export interface CheckResult {
  kind: 'ok' | 'warning' | 'failed'
  /** What was checked, and what to do. One sentence or two. */
  text: string
}

const ok = (text: string): CheckResult => ({ kind: 'ok', text })
const warning = (text: string): CheckResult => ({ kind: 'warning', text })
const failed = (text: string): CheckResult => ({ kind: 'failed', text })

/** Checks the bus, the database and every node. */
export async function checkBridge(settings: BridgeSettings): Promise<CheckResult[]> {
  const targets = targetsOf(settings)
  const nodes = await Promise.all(targets.flatMap(target => [checkLvsp(target), checkCertificate(target)]))
  return [...(await checkBus(settings.bus)), ...nodes, ...(await checkDatabase(settings.database, targets))]
}

/** The folder must be usable, and have sockets of Spacebar in it. */
async function checkBus(url: string): Promise<CheckResult[]> {
  const folder = folderOf(url)
  if (folder === undefined) return checkRabbit(url)
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    const { length } = await spacebarSockets(folder)
    if (length > 0) return [ok(`bus: ${folder} is used by ${length} processes of Spacebar`)]
    return [
      failed(`bus: ${folder} has no socket of Spacebar. Set EVENT_TRANSMISSION=unix and EVENT_SOCKET_PATH=${folder}.`),
    ]
  } catch (error) {
    return [failed(`bus: ${folder} cannot be used (${(error as NodeJS.ErrnoException).code}).`)]
  }
}

/** Opens it as the bridge would, with the same rights. */
async function checkRabbit(url: string): Promise<CheckResult[]> {
  let reason: string | undefined
  const listener = {
    event: () => {},
    opened: () => {},
    lost: (why: string) => {
      reason ??= why
    },
  }
  try {
    const bus = await RabbitBus.open(url, listener)
    await bus.close()
  } catch (error) {
    reason = (error as Error).message
  }
  if (reason !== undefined) return [failed(`bus: RabbitMQ cannot be used: ${reason}`)]
  return [
    warning(
      'bus: RabbitMQ works only with a Spacebar of one process (EVENT_TRANSMISSION=rabbitmq-single): several share one queue and lose events. Prefer EVENT_TRANSMISSION=unix.',
    ),
  ]
}

/** Connects and identifies, then leaves: the node must accept the secret and the capability `adopt_token`. */
async function checkLvsp({ name, lvsp, secret, ca }: NodeTarget): Promise<CheckResult> {
  const client = new LvspClient({ url: lvsp, secret, tls: ca === undefined ? undefined : { ca } })
  let reason = 'no answer'
  client.on('disconnected', event => {
    reason = event.reason
  })
  try {
    await withTimeout(client.connect())
    if (client.capabilities.some(each => each === 'adopt_token')) return ok(`node ${name}: LVSP accepts the secret`)
    return failed(`node ${name}: set adopts_tokens = true for this backend in the configuration of the node`)
  } catch (error) {
    return failed(`node ${name}: LVSP at ${lvsp} cannot be used: ${(error as Error).message || reason}`)
  } finally {
    await client.close()
  }
}

/** Clients of Spacebar dial the endpoint as `wss://`: its certificate has to name the host. */
async function checkCertificate({ name, endpoint, ca }: NodeTarget): Promise<CheckResult> {
  const normal = normalEndpoint(endpoint)
  const host = normal.slice(0, normal.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  const port = Number(normal.slice(normal.lastIndexOf(':') + 1))
  try {
    const certificate = await withTimeout(peerCertificate(host, port, ca))
    const named = /^[\d.]+$|:/.test(host) ? certificate.checkIP(host) : certificate.checkHost(host)
    if (named === undefined) return failed(`node ${name}: the certificate at ${endpoint} does not name ${host}`)
    return ok(`node ${name}: the certificate at ${endpoint} names ${host}`)
  } catch (error) {
    return failed(`node ${name}: no TLS connection to ${endpoint}: ${(error as Error).message}`)
  }
}

/** The certificate that the endpoint presents, verified except for its name, which the caller checks. */
function peerCertificate(host: string, port: number, ca: string | undefined): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host }
    const checked = { ...servername, checkServerIdentity: () => undefined, ...(ca === undefined ? {} : { ca }) }
    const socket = connectTls({ host, port, ...checked }, () => {
      const { raw } = socket.getPeerCertificate()
      socket.destroy()
      resolve(new X509Certificate(raw))
    })
    socket.setTimeout(LIMITS.connectTimeout, () => socket.destroy(new Error('no answer')))
    socket.once('error', reject)
  })
}

/** Opens it as the bridge would, read-only and with the lock. */
async function checkDatabase(url: string | undefined, targets: readonly NodeTarget[]): Promise<CheckResult[]> {
  if (url === undefined)
    return [
      warning('database: none. The bridge then cannot check who may join, and cannot reconcile after its restart.'),
    ]
  let database: Database
  try {
    database = await Database.open(url)
  } catch (error) {
    const isRunning = error instanceof OtherBridgeError
    return [isRunning ? warning(`database: ${error.message}`) : failed(`database: ${(error as Error).message}`)]
  }
  try {
    return [
      ok('database: the tables of voice can be read'),
      database.canCheckPermissions
        ? ok('database: the tables of roles and channels can be read')
        : warning('database: guilds, channels, roles and member_roles cannot all be read: permissions are not checked'),
      await checkSelfVideo(database),
      ...(await checkRegions(database, targets)),
    ]
  } finally {
    await database.close()
  }
}

/** See `SELF_VIDEO_DEFAULT`. */
async function checkSelfVideo(database: Database): Promise<CheckResult> {
  const [row] = (await database.read(SELF_VIDEO_DEFAULT)) as { column_default?: unknown }[]
  if (row === undefined || typeof row.column_default === 'string') return ok('database: bots can join')
  return failed(`database: bots cannot join until this line is run: ${SET_SELF_VIDEO_DEFAULT}`)
}

/** Where Spacebar's configuration is in a file, there are no rows. */
async function checkRegions(database: Database, targets: readonly NodeTarget[]): Promise<CheckResult[]> {
  const known = new Set(targets.map(({ endpoint }) => normalEndpoint(endpoint)))
  const rows = (await database.read(REGION_ENDPOINTS).catch(() => [])) as { value?: unknown }[]
  if (rows.length === 0)
    return [warning('regions: not in the database. The endpoint of each region has to equal the endpoint of a node.')]
  return rows.map(({ value }) => {
    const endpoint = String(value).replace(/^"|"$/g, '')
    return known.has(normalEndpoint(endpoint))
      ? ok(`regions: ${endpoint} is a node`)
      : failed(`regions: ${endpoint} is the endpoint of no node`)
  })
}

/** Rejects with "no answer" after `LIMITS.connectTimeout`. */
async function withTimeout<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), LIMITS.connectTimeout)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

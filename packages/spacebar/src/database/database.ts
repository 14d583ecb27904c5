// Spacebar's PostgreSQL database: read-only queries, and a lock so that one bridge runs at a time.
// A connection of its own, named after the bridge, holds the advisory lock and listens to the triggers; queries use a pool.
import { randomUUID } from 'node:crypto'
import type { Place } from '../core/place.ts'
import type { Snapshot, StoredVoiceState, Verdict } from '../core/snapshot.ts'
import { LIMITS } from '../limits.ts'
import { missingPackage } from '../missing-package.ts'
import { PermanentError } from '../permanent-error.ts'
import { verdictOn } from './permissions.ts'
import {
  END_OWN_LOCK,
  IS_RECIPIENT,
  LOCK,
  NAME,
  PERMISSIONS,
  READABLE_TABLES,
  STREAM_SESSIONS,
  TABLES,
  type Table,
  voiceStatesQuery,
} from './queries.ts'
import { streamSessionOf, voiceStateOf } from './rows.ts'
import { LISTEN } from './triggers.ts'
import { Turns } from './turns.ts'

interface QueryResult {
  rows: unknown[]
}
interface Client {
  connect(): Promise<unknown>
  query(text: string, values?: unknown[]): Promise<QueryResult>
  end(): Promise<void>
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown
  on(event: 'notification', listener: (message: { payload?: string | undefined }) => void): unknown
}
interface Pool {
  query(text: string, values?: unknown[]): Promise<QueryResult>
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
}
/** What is used of pg, which is installed only where a database is configured. */
interface Pg {
  Pool: new (options: object) => Pool
  Client: new (options: object) => Client
}

/** Throws an error that names the package, if it is not installed. */
async function loadPg(): Promise<Pg> {
  const name = 'pg'
  try {
    const loaded = (await import(name)) as { default?: Pg } & Pg
    return loaded.default ?? loaded
  } catch {
    throw new PermanentError(missingPackage('PostgreSQL', name))
  }
}

/** Another bridge holds the lock of this database. */
export class OtherBridgeError extends PermanentError {
  constructor() {
    super('another bridge uses this database')
    this.name = 'OtherBridgeError'
  }
}

/** The bridge needs a table that it cannot read. */
export class DatabaseRightsError extends PermanentError {
  constructor(table: string) {
    super(`expected a table ${table} that the bridge may read`)
    this.name = 'DatabaseRightsError'
  }
}

/**
 * Every query has a timeout, and their number is bounded: a slow database delays joins, it does not fill the memory.
 */
export class Database {
  readonly #pg: Pg
  readonly #url: string
  readonly #owner: string
  readonly #pool: Pool
  readonly #tables = new Set<Table>()
  readonly #turns = new Turns(TURNS, () => performance.now())
  #lock: Client | undefined
  #isClosed = false
  /** Called when the connection that holds the lock is lost. */
  onLost: (reason: string) => void = () => {}
  /** Called where the triggers are installed and the row of a user changed. */
  onRowChanged: (userId: string) => void = () => {}

  private constructor(pg: Pg, url: string, owner: string) {
    this.#pg = pg
    this.#url = url
    this.#owner = owner
    this.#pool = new pg.Pool({ ...settings(url), max: LIMITS.queries })
    // A connection that waits in the pool was lost: the next query opens another one.
    this.#pool.on('error', () => {})
  }

  /**
   * `owner` names the bridge: a lost connection of the same owner does not keep the lock. Throws an OtherBridgeError, a
   * DatabaseRightsError, or an error of the database.
   */
  static async open(url: string, owner: string = randomUUID()): Promise<Database> {
    const database = new Database(await loadPg(), url, owner)
    try {
      await database.lock()
      await database.#findTables()
    } catch (error) {
      await database.close()
      throw error
    }
    return database
  }

  /** Whether the table exists and may be read. */
  has(table: Table): boolean {
    return this.#tables.has(table)
  }
  /** Whether all tables exist that decide who may join. */
  get canCheckPermissions(): boolean {
    return (['guilds', 'channels', 'roles', 'member_roles'] as const).every(table => this.#tables.has(table))
  }

  /**
   * Takes the lock, again if its connection was lost. Throws an OtherBridgeError if another bridge has it. A failure leaves
   * no connection behind, to which PostgreSQL would later grant the lock.
   */
  async lock(): Promise<void> {
    if (this.#lock !== undefined || this.#isClosed) return
    const client = clientOf(this.#pg, settings(this.#url))
    let isHeld = false
    client.on('end', () => {
      if (this.#lock !== client) return
      this.#lock = undefined
      if (isHeld && !this.#isClosed) this.onLost('the connection was lost')
    })
    this.#lock = client
    try {
      await client.connect()
      await takeLock(client, `parley-bridge ${this.#owner}`)
      client.on('notification', ({ payload = '' }) => USER_ID.test(payload) && this.onRowChanged(payload))
      await client.query(LISTEN)
    } catch (error) {
      if (this.#lock === client) this.#lock = undefined
      // Not awaited: a database that is stalled does not answer.
      void client.end()
      throw error
    }
    isHeld = true
  }

  /** All voice states and stream parts. Rows of another shape are left out. */
  async snapshot(): Promise<Snapshot> {
    const hasStreams = this.has('streams') && this.has('stream_sessions')
    const [voiceStates, streams] = await Promise.all([
      this.#query(voiceStatesQuery(this.#tables, false)),
      hasStreams ? this.#query(STREAM_SESSIONS) : [],
    ])
    return {
      voiceStates: voiceStates.flatMap(row => voiceStateOf(row) ?? []),
      streamSessions: streams.flatMap(row => streamSessionOf(row) ?? []),
    }
  }

  /** The voice state of one user; undefined without a channel. */
  async voiceState(userId: string): Promise<StoredVoiceState | undefined> {
    const [row] = await this.#query(voiceStatesQuery(this.#tables, true), [userId])
    return voiceStateOf(row)
  }

  /** Whether the user may join, by Discord's rules. An error is the verdict `unknown`. */
  async mayJoin(userId: string, { guildId, channelId }: Place): Promise<Verdict> {
    try {
      if (guildId !== undefined) {
        const [row] = await this.#query(PERMISSIONS, [userId, channelId, guildId])
        return verdictOn(row, userId, guildId)
      }
      if (!this.has('recipients')) return { kind: 'allowed' }
      const rows = await this.#query(IS_RECIPIENT, [userId, channelId])
      return rows.length > 0 ? { kind: 'allowed' } : { kind: 'denied', reason: 'not a recipient of the call' }
    } catch {
      return { kind: 'unknown' }
    }
  }

  /** A query of the operator's checks. */
  read(text: string): Promise<unknown[]> {
    return this.#query(text)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled([this.#lock?.end(), this.#pool.end()])
  }

  /** Which tables can be used: asked once, when the bridge starts. */
  async #findTables(): Promise<void> {
    const names = [...TABLES.needed, ...TABLES.optional]
    for (const row of await this.#query(READABLE_TABLES, [names])) this.#tables.add((row as { name: Table }).name)
    for (const name of TABLES.needed) if (!this.#tables.has(name)) throw new DatabaseRightsError(name)
  }

  /** Throws if too many queries wait, and the error of the database. */
  #query(text: string, values: unknown[] = []): Promise<unknown[]> {
    return this.#turns.run(async () => (await this.#pool.query(text, values)).rows)
  }
}

const TURNS = { concurrent: LIMITS.queries, backlog: LIMITS.queryBacklog, wait: LIMITS.queryTimeout }

const USER_ID = /^\d{1,20}$/

/** pg reads the URL, and the files that it names, before it connects. Throws a PermanentError if it cannot. */
function clientOf({ Client }: Pg, options: object): Client {
  let client: Client
  try {
    client = new Client(options)
  } catch (error) {
    throw new PermanentError((error as Error).message)
  }
  client.on('error', () => {})
  return client
}

/** Throws an OtherBridgeError if another bridge has the lock, and another error if the next attempt may get it. */
async function takeLock(client: Client, name: string): Promise<void> {
  await client.query(NAME, [name])
  const [row] = (await client.query(LOCK)).rows as { locked?: unknown }[]
  if (row?.locked === true) return
  const holders = (await client.query(END_OWN_LOCK, [name])).rows as { ended?: unknown }[]
  if (holders.some(({ ended }) => ended !== true)) throw new OtherBridgeError()
  throw new Error('the lock belonged to a lost connection of this bridge')
}

/** Runs the SQL of the operator, with the rights that the URL has. */
export async function runSql(url: string, text: string): Promise<void> {
  const client = clientOf(await loadPg(), { connectionString: url })
  try {
    await client.connect()
    await client.query(text)
  } finally {
    await client.end()
  }
}

/** Every transaction is read-only, whatever rights the user of the URL has. */
const settings = (url: string) => ({
  connectionString: url,
  application_name: 'parley-bridge',
  options: '-c default_transaction_read_only=on',
  connectionTimeoutMillis: LIMITS.connectTimeout,
  query_timeout: LIMITS.queryTimeout,
  keepAlive: true,
})

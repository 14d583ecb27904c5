// A PostgreSQL server in a folder of its own, reachable through a Unix socket, with the tables of Spacebar that concern voice.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import type { Tool } from './foreign-tools.ts'
import { until } from './until.ts'

/** PostgreSQL refuses to run as root. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}

/** The columns that the bridge reads. `ID` stands for the type of the ids. */
const SCHEMA = `
CREATE TABLE guilds (id ID PRIMARY KEY, owner_id ID, region varchar);
CREATE TABLE channels (id ID PRIMARY KEY, guild_id ID, type int NOT NULL, user_limit int, permission_overwrites text);
CREATE TABLE members (index serial PRIMARY KEY, id ID NOT NULL, guild_id ID NOT NULL);
CREATE TABLE roles (id ID PRIMARY KEY, guild_id ID, permissions varchar NOT NULL);
CREATE TABLE member_roles (index int NOT NULL, role_id ID NOT NULL);
CREATE TABLE recipients (id serial PRIMARY KEY, channel_id ID, user_id ID);
CREATE TABLE config (key varchar PRIMARY KEY, value text);
CREATE TABLE voice_states (user_id ID PRIMARY KEY, guild_id ID, channel_id ID, session_id varchar NOT NULL,
  token varchar, mute boolean, deaf boolean, suppress boolean, self_video boolean NOT NULL);
CREATE TABLE streams (id ID PRIMARY KEY, owner_id ID, channel_id ID, endpoint varchar);
CREATE TABLE stream_sessions (id serial PRIMARY KEY, stream_id ID, user_id ID, session_id varchar, token varchar);
INSERT INTO guilds VALUES ('100', '1', 'main');
INSERT INTO channels VALUES ('500', '100', 2, 0, '[]'), ('501', '100', 2, 1, '[]'), ('502', '100', 0, 0, '[]');
INSERT INTO roles VALUES ('100', '100', '1049600');
INSERT INTO members (id, guild_id) VALUES ('1', '100'), ('7', '100'), ('8', '100');
INSERT INTO recipients (channel_id, user_id) VALUES ('900', '7');
`

/** The folder of PostgreSQL's programs; undefined if it is not installed. */
function programs(): string | undefined {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  return versions.map(version => join(root, version, 'bin')).find(folder => existsSync(join(folder, 'initdb')))
}

export function postgres(): Tool {
  const folder = programs()
  return folder === undefined ? { missing: 'PostgreSQL is not installed' } : { command: [join(folder, 'postgres')] }
}

/** A test, or what else ends. */
interface Scope {
  after(end: () => unknown): void
}

export class Postgres {
  readonly url: string
  /** For temporary files. */
  readonly folder: string
  readonly #client: Client

  private constructor(url: string, folder: string, client: Client) {
    this.url = url
    this.folder = folder
    this.#client = client
  }

  /** With Spacebar's tables. Ends with the test. */
  static async open(t: Scope, ids: 'varchar' | 'bigint' = 'varchar'): Promise<Postgres> {
    const postgres = await Postgres.empty(t)
    await postgres.run(SCHEMA.replaceAll(' ID', ` ${ids}`))
    return postgres
  }

  /** Without tables. Ends with the test. */
  static async empty(t: Scope): Promise<Postgres> {
    const folder = mkdtempSync(join(tmpdir(), 'parley-postgres-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    if (NOBODY.uid !== undefined) chownSync(folder, NOBODY.uid, NOBODY.gid)
    const bin = programs()!
    const data = join(folder, 'data')
    execFileSync(join(bin, 'initdb'), ['-A', 'trust', '-U', 'spacebar', '--no-sync', data], {
      ...NOBODY,
      cwd: folder,
      stdio: 'ignore',
    })
    const settings = ['-c', 'listen_addresses=', '-c', `unix_socket_directories=${folder}`, '-c', 'fsync=off']
    const server = spawn(join(bin, 'postgres'), ['-D', data, ...settings], { ...NOBODY, cwd: folder, stdio: 'ignore' })
    t.after(async () => {
      if (server.exitCode !== null) return
      const ended = once(server, 'exit')
      server.kill('SIGINT')
      await ended
    })
    const url = `postgres://spacebar@localhost/postgres?host=${encodeURIComponent(folder)}`
    await until('PostgreSQL to open its socket', () => existsSync(join(folder, '.s.PGSQL.5432')))
    const client = await connected(url)
    // It is ended by the server's end, which is no failure.
    client.on('error', () => {})
    t.after(() => client.end())
    return new Postgres(url, folder, client)
  }

  async run(text: string): Promise<void> {
    await this.#client.query(text)
  }

  /** A row of Spacebar's table. */
  async voiceState(userId: string, guildId: string | null, channelId: string | null): Promise<void> {
    const values = [userId, guildId, channelId, `SESSION${userId}`, `token${userId}`]
    await this.#client.query(
      `INSERT INTO voice_states VALUES ($1, $2, $3, $4, $5, false, false, false, false)
       ON CONFLICT (user_id) DO UPDATE SET guild_id = $2, channel_id = $3`,
      values,
    )
  }
}

/** The socket exists before the server accepts connections. */
async function connected(url: string): Promise<Client> {
  for (let attempt = 0; ; attempt++) {
    const client = new Client({ connectionString: url })
    client.on('error', () => {})
    try {
      await client.connect()
      return client
    } catch (error) {
      if (attempt >= 200) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

// A PostgreSQL database with the members and channels of the bench, where PostgreSQL is installed.
import { Postgres, postgres } from '../../test/e2e/postgres.ts'

export class JoinDatabase {
  static readonly isAvailable = 'command' in postgres()
  readonly url: string
  readonly #ends: (() => unknown)[]

  private constructor(url: string, ends: (() => unknown)[]) {
    this.url = url
    this.#ends = ends
  }

  static async open(users: number): Promise<JoinDatabase> {
    const ends: (() => unknown)[] = []
    const database = await Postgres.open({ after: end => ends.unshift(end) })
    await database.run(`INSERT INTO members (id, guild_id) SELECT i::text, '100' FROM generate_series(10000, ${10_000 + users}) i;
      INSERT INTO channels SELECT i::text, '100', 2, 0, '[]' FROM generate_series(100000, ${100_000 + users}) i;
      CREATE UNIQUE INDEX ON members (id, guild_id); ANALYZE`)
    return new JoinDatabase(database.url, ends)
  }

  async close(): Promise<void> {
    for (const end of this.#ends) await end()
  }
}

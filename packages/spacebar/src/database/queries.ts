// The SQL of the bridge: it only reads, and ends connections of its own. Ids do not fit a JavaScript number and are cast to text.

/** Tables of Spacebar that the bridge can use. Without one of the optional tables a check is left out. */
export const TABLES = {
  needed: ['voice_states', 'members'],
  optional: ['streams', 'stream_sessions', 'guilds', 'channels', 'roles', 'member_roles', 'recipients'],
} as const

export type Table = (typeof TABLES)['needed' | 'optional'][number]

/** `$1` is a list of table names; the result has the names of those that exist and may be read. */
export const READABLE_TABLES =
  "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL AND has_table_privilege(name, 'SELECT')"

/** `$1`, if it is used, is the id of one user. */
export function voiceStatesQuery(has: ReadonlySet<Table>, isForOneUser: boolean): string {
  const isRecipient = has.has('recipients')
    ? 'EXISTS (SELECT 1 FROM recipients r WHERE r.channel_id = v.channel_id AND r.user_id = v.user_id)'
    : 'true'
  const guilds = has.has('guilds') ? 'LEFT JOIN guilds g ON g.id = v.guild_id' : ''
  return `SELECT v.user_id::text, v.guild_id::text, v.channel_id::text, v.session_id, v.token, v.mute, v.deaf, v.suppress,
    ${guilds === '' ? 'NULL' : 'g.region'} AS region,
    CASE WHEN v.guild_id IS NULL THEN ${isRecipient}
      ELSE EXISTS (SELECT 1 FROM members m WHERE m.id = v.user_id AND m.guild_id = v.guild_id) END AS is_member
    FROM voice_states v ${guilds}
    WHERE v.channel_id IS NOT NULL ${isForOneUser ? 'AND v.user_id = $1' : ''}`
}

/** Only streams whose owner is in the channel: the others are left over. */
export const STREAM_SESSIONS = `SELECT s.id::text AS server_id, s.owner_id::text, s.channel_id::text, s.endpoint,
    v.guild_id::text, t.user_id::text, t.token
  FROM stream_sessions t
    JOIN streams s ON s.id = t.stream_id
    JOIN voice_states v ON v.user_id = s.owner_id AND v.channel_id = s.channel_id`

/** `$1` user, `$2` channel, `$3` guild: what decides whether a member may join. */
export const PERMISSIONS = `SELECT c.type, c.user_limit, c.permission_overwrites::text AS overwrites,
    (SELECT g.owner_id::text FROM guilds g WHERE g.id = c.guild_id) AS owner_id,
    EXISTS (SELECT 1 FROM members m WHERE m.id = $1 AND m.guild_id = c.guild_id) AS is_member,
    ARRAY(SELECT r.id::text || ' ' || r.permissions FROM roles r WHERE r.guild_id = c.guild_id AND (r.id = c.guild_id
      OR r.id IN (SELECT x.role_id FROM member_roles x JOIN members m ON m.index = x.index
        WHERE m.id = $1 AND m.guild_id = c.guild_id))) AS roles
  FROM channels c WHERE c.id = $2 AND c.guild_id = $3`

/** `$1` user, `$2` channel. */
export const IS_RECIPIENT = 'SELECT 1 FROM recipients WHERE user_id = $1 AND channel_id = $2'

/** One bridge at a time: the lock ends with the connection that holds it. The numbers are ours. */
export const LOCK = 'SELECT pg_try_advisory_lock(1346458188, 1) AS locked'

/** `$1` names the connection, whatever name the URL has. */
export const NAME = "SELECT set_config('application_name', $1, false)"

/**
 * The connections that hold the lock. Those of the name `$1`, which are lost connections of the same bridge, are ended:
 * PostgreSQL may notice their loss hours later.
 */
export const END_OWN_LOCK = `SELECT CASE WHEN a.application_name = $1
    THEN pg_terminate_backend(l.pid) ELSE false END AS ended
  FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE l.locktype = 'advisory' AND l.classid = 1346458188 AND l.objid = 1 AND l.objsubid = 2 AND l.granted
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`

/** Without a default, the main gateway of Spacebar closes the connections of bots that join. */
export const SELF_VIDEO_DEFAULT = `SELECT column_default FROM information_schema.columns
  WHERE table_name = 'voice_states' AND column_name = 'self_video'`
export const SET_SELF_VIDEO_DEFAULT = 'ALTER TABLE voice_states ALTER COLUMN self_video SET DEFAULT false;'

/** The endpoints of Spacebar's regions, where its configuration is in the database: JSON texts. */
export const REGION_ENDPOINTS = "SELECT value::text FROM config WHERE key LIKE 'regions\\_available\\_%\\_endpoint'"

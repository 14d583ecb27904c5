// Optional triggers in Spacebar's database: they notify the bridge of changes that have no event on the bus. An error in a trigger
// would fail Spacebar's own write, so that each function is the simplest possible and catches everything.

const CHANNEL = 'parley_voice'

export const LISTEN = `LISTEN ${CHANNEL}`

/** The function is for the table alone: it names its columns. */
const install = (table: string, column: string, events: string, row: string) => `
CREATE OR REPLACE FUNCTION parley_${table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('${CHANNEL}', ${row}.${column}::text);
  RETURN NULL;
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS parley_${table} ON ${table.replace(/_gone$/, '')};
CREATE TRIGGER parley_${table} AFTER ${events} ON ${table.replace(/_gone$/, '')} FOR EACH ROW EXECUTE FUNCTION parley_${table}();`

/** Each trigger, with its own function: no function decides by operation which row it reads. */
export const INSTALL_TRIGGERS = `BEGIN;${[
  install('voice_states', 'user_id', 'INSERT OR UPDATE', 'NEW'),
  install('voice_states_gone', 'user_id', 'DELETE', 'OLD'),
  install('members_gone', 'id', 'DELETE', 'OLD'),
].join('')}
COMMIT;
`

export const REMOVE_TRIGGERS = `BEGIN;
DROP FUNCTION IF EXISTS parley_voice_states() CASCADE;
DROP FUNCTION IF EXISTS parley_voice_states_gone() CASCADE;
DROP FUNCTION IF EXISTS parley_members_gone() CASCADE;
COMMIT;
`

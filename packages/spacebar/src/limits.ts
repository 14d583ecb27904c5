// Every bound of the bridge in one place: name, value, reason. Times are in milliseconds, sizes in bytes unless named otherwise.

export const LIMITS = {
  /** A frame of Spacebar's bus that is parsed. A voice state with its member has a few KiB; longer frames are skipped unread. */
  frame: 1024 * 1024,
  /** A length above this is not one of Spacebar, whose messages have at most a few MiB: the connection is closed. */
  frameClaim: 64 * 1024 * 1024,
  /** Connections to the bridge's socket: one per Spacebar process. */
  busConnections: 256,
  /** Bytes that wait for one Spacebar process that does not read. Above this its events are dropped. */
  busBacklog: 4 * 1024 * 1024,
  /** Bytes that wait in the bridge's queue of RabbitMQ: some seconds of a busy Spacebar. */
  brokerQueue: 64 * 1024 * 1024,
  /** Bytes of the path of the bridge's socket: the longest address of a Unix socket on Linux. */
  socketPath: 107,
  /** How often the bridge looks whether its socket file still exists: Spacebar removes sockets that refuse connections. */
  socketCheck: 5_000,
  /** How long the list of Spacebar's sockets is used before the folder is read again. */
  socketList: 500,

  /** Characters of a voice token. Spacebar's have 16; a node accepts up to 512. */
  token: 512,
  /** Characters of a session id, as a node accepts them. */
  sessionId: 128,
  /** Characters of an endpoint: the longest DNS name, a port, a scheme. */
  endpoint: 280,
  /** Characters of a stream key: three snowflakes and a word. */
  streamKey: 80,

  /** Users with a voice state. The smallest database of that size takes minutes to read. */
  users: 200_000,
  /** Users who have left and are remembered until the next reconciliation: more than leave within its interval. */
  usersLeft: 20_000,
  /** Streams at once. */
  streams: 20_000,
  /** Names of unknown endpoints that are noted: each once. */
  notedEndpoints: 100,

  /** How long a SYNC or a missing row waits: after a restart of Spacebar's gateway its users come back within this time. */
  absenceGrace: 45_000,
  /** Users with an event within this time before a reconciliation are left as they are: the row may be written after the event. */
  settleTime: 2_000,
  /** Between two reconciliations with the database. */
  reconcileInterval: 30_000,
  /** How long a voice state waits for its VOICE_SERVER_UPDATE, which follows within 90 ms, before the database is asked. */
  tokenWait: 3_000,
  /** How long a moved or restored user may take to connect by itself before the bridge sends it a VOICE_SERVER_UPDATE. */
  publishDelay: 3_000,
  /** How long after a node refused a voice state it is asked again: it was draining, or it was full, or it did not answer. */
  refusedRetry: 10_000,
  /** Published events per step, and the time between steps: 500 a second, so that a restarted node is not flooded. */
  publishBatch: 25,
  publishStep: 50,
  /** The longest delay before a reconnect to a node: the node is near, and calls wait for it. */
  reconnectDelay: 2_000,
  /** Between two log lines about internal errors, and between two ticks that fail. */
  failureInterval: 1_000,
  /** From an internal error to the reconciliation that repairs what it left behind. */
  repairDelay: 5_000,
  /** Between two attempts to reach the bus or the database. */
  retryDelay: 2_000,
  /** How long a connection to the database may take, and a query: the largest one reads every voice state. */
  connectTimeout: 5_000,
  queryTimeout: 15_000,
  /** A join that waited longer than this for the database is sent a VOICE_SERVER_UPDATE: the node may have refused its Identify. */
  slowAdmission: 2_000,
  /** Queries that run at once. */
  queries: 8,
  /** Queries that wait. Above this, users are refused as if the database were away. */
  queryBacklog: 20_000,
} as const

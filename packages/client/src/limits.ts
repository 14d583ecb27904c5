// Every bound of the client in one place: name, value, reason. Times are in milliseconds, sizes in bytes unless named otherwise.

export const LIMITS = {
  /** How long connecting, entering and selecting may take, each. A node may delay HELLO for 5 s; the official client waits 20 s. */
  stepTimeout: 20_000,
  /** A session that was established for this long is stable: the next outage starts with the shortest delay. */
  stableAfter: 30_000,
  /** Delay before the first reconnect of an outage, doubled for each further one … */
  reconnectDelay: 500,
  /** … up to this: a node that restarts is found again within half a minute. */
  reconnectDelayMax: 30_000,
  /** How often in a row a live session may be replaced by another client with the same credentials before it gives up: one must win. */
  replacements: 10,
  /** A gateway heartbeat interval outside this range is not that of a voice node. */
  heartbeatIntervalMin: 100,
  heartbeatIntervalMax: 3_600_000,
  /** How long the other side may take to answer a close frame before the TCP connection is destroyed. */
  closeTimeout: 1_000,
  /** A timer that is late by this much shows that the process did not run: a paused VM, a suspended laptop, a hidden tab … */
  stall: 1_000,
  /** … so messages that arrived are read for this long before deadlines apply … */
  stallPause: 250,
  /** … and this often in a row while timers are still late. */
  stallPauses: 10,
  /** A received WebSocket message: the DAVE commit of a group of a thousand has room. */
  message: 1024 * 1024,

  /** Users in the member table. A channel of a node holds 5,000; a faulty node must not exhaust memory. */
  members: 10_000,
  /** Encryption modes or experiments in Ready, and the length of each name in characters. */
  names: 64,
  nameLength: 64,
  /** Host name or address in Ready, in characters: the longest DNS name. */
  hostLength: 255,
  /** Codec name, in characters. */
  codecLength: 32,
  /** Media session id, in characters. Discord's has 32. */
  mediaSessionIdLength: 128,
  /** SDP fragment of a node, in characters. It has eight lines. */
  sdpLength: 4_096,

  /** SSRCs whose receive statistics are kept; the oldest is dropped first. A channel forwards fewer. */
  sources: 1_024,
  /** An Opus frame (RFC 6716 §3.2.1: 1275 bytes). Sealed it fits every library's receive buffer of 1400 bytes. */
  opusFrame: 1_275,
  /** Packets behind the newest one whose sequence numbers are remembered. */
  replayWindow: 64,
  /** A sequence number further from the newest than this starts a new sequence (RFC 3550 appendix A.1: MAX_DROPOUT). */
  maxDropout: 3_000,
  /** How long a frame waits for its key or for the user of its SSRC: media and gateway differ by less. */
  earlyFrameWait: 1_000,
  /** Frames that wait at once: four speakers for a second. The oldest is dropped first. */
  earlyFrames: 200,

  /** How long the DAVE worker of a page may take to load its library: one megabyte over a slow connection. */
  daveLoadTimeout: 20_000,
  /** Between two keyframe requests of one receiver or sender. A node passes them on at most twice a second. */
  keyframeInterval: 500,

  /** Period of UDP pings, that of the official client. It also keeps the NAT binding. */
  pingInterval: 5_000,
  /** IP discovery requests may be lost: one per interval, and after five seconds there is no route. */
  discoveryInterval: 500,
  discoveryAttempts: 10,

  /** How long `play` waits for the encryption of a call that is being set up … */
  settleTimeout: 5_000,
  /** … and for the announcement of other members, where there are none. */
  aloneTimeout: 200,
  /** How long `play` pauses while the keys of a call change: below what a pacer treats as a stall. */
  keyChangeTimeout: 150,
  /** How far a frame source may fall behind before its schedule restarts instead of catching up in a burst. */
  paceLag: 200,

  /** Seconds for which unencrypted frames are accepted after a call has changed between encrypted and unencrypted. */
  clearOverlapSeconds: 10,
  /** The same for a prepared downgrade, which may be executed much later. */
  downgradeOverlapSeconds: 24,
  /** Consecutive frames that do not decrypt before the client resets its group. The tolerance of discord.js. */
  decryptFailures: 36,

  /** How long an LVSP request waits for its answer. */
  requestTimeout: 10_000,
  /** Unsettled LVSP commands. More than a node lets a backend have. */
  outboxCommands: 200_000,
  /** Channels and users in one part of a SYNC: at some 40 bytes each, a part stays below 64 KiB. */
  syncEntries: 500,
  /** How much healthier another node must be before new channels are placed there: smaller differences are noise. */
  placementMargin: 0.1,
  /** How long a node of a fleet may be away before its channels move. */
  lossGrace: 15_000,
  /** Between two attempts to place the channels that no node accepts … */
  strandedPause: 1_000,
  /** … of which so many are requested at a time. */
  strandedBatch: 500,
  /** How long a fleet waits until a node has closed the clients of a channel that leaves it. */
  leaveTimeout: 1_000,
  /** From then to the voice server update: what a busy client takes to read the close, and its path may be longer. */
  leavePause: 300,

  /** Header packet of an Ogg Opus file: album art makes it long (RFC 7845 §6 allows 120 MB). */
  oggHeader: 4 * 1024 * 1024,
  /** Audio packet of an Ogg Opus file that readers have to accept (RFC 7845 §6). */
  oggPacket: 61_440,
} as const

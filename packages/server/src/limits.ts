// Every bound of the server, beside those of the core: name, value, reason. Counts and sizes begin with `max`; times are
// milliseconds and sizes bytes, unless named otherwise.
import { LIMITS } from '@parley/core'

export const SERVER_LIMITS = {
  /** Bytes of a secret below which the operator is warned: the length of an HMAC-SHA256. */
  strongSecret: 32,
  /** TCP connections of one listener, upgraded or not; bounds file descriptors. */
  maxConnections: 50_000,
  /** TCP connections that are not a WebSocket yet: above it the oldest is closed, so that a flood locks no client out. */
  maxHalfOpen: 5_000,
  /** Those of one address (of one /64 in IPv6). After a restart all bots of a host connect at once. */
  maxHalfOpenPerAddress: 1_000,
  /** From the first byte to the end of the headers. Slow mobile networks need two or three seconds. */
  headersTimeout: 10_000,
  tlsHandshakeTimeout: 10_000,
  /** Idle keep-alive connections, of probes and of Prometheus. */
  keepAliveTimeout: 5_000,
  /** From the connection to its first byte, which tells ICE-TCP from TLS. */
  firstByteTimeout: 10_000,

  /** ICE-TCP: from the first byte to the end of the first check, which authenticates the connection. */
  iceTcpFirstFrame: 5_000,
  /** Without a byte in either direction. Clients send a check every few seconds; their consent expires after 15 s. */
  iceTcpIdle: 30_000,
  /** A datagram in a frame: a slot of the packet engine. Clients stay below the MTU. */
  maxIceTcpFrame: 2_048,
  /** Connections of one client: one for each of its interfaces, and dead ones of an earlier network. */
  maxIceTcpPerSession: 8,
  /** Unsent bytes above which video is dropped, a quarter of a second of 2 Mbit/s … */
  maxIceTcpVideoBuffered: 64 * 1024,
  /** … and above which everything is. */
  maxIceTcpBuffered: 128 * 1024,
  /** What one client may send in a second before it is read more slowly: several cameras and a screen. */
  iceTcpBytesPerSecond: 4 * 1024 * 1024,
  iceTcpFramesPerSecond: 5_000,
  /** How often Node.js checks the timeouts above. */
  timeoutCheckInterval: 2_000,
  /** HTTP headers: a browser may send cookies of the same host along. */
  maxHeaderBytes: 16 * 1024,
  /** A User-Agent is kept for the log. */
  maxUserAgent: 200,

  /** Unsent bytes for a client that does not read: the whole replay of a resume, and another megabyte. */
  maxGatewayBuffered: LIMITS.replayBytes + 1024 * 1024,
  /** The same for a backend, whose whole state may have to be sent: 100,000 channels are about 25 MB. */
  maxLvspBuffered: 32 * 1024 * 1024,
  /** Bytes of a WebSocket before it authenticates: a few messages of 4 KiB … */
  maxUnidentifiedBytes: 32 * 1024,
  /** … and the time for the messages before that limit to authenticate it. */
  unidentifiedGrace: 1_000,
  /** From the node's close frame to the client's; then the connection is destroyed. */
  closeTimeout: 5_000,
  /** Bytes that arrive in that time: what was on its way, and a message that had begun. */
  maxBytesAfterClose: 512 * 1024,
  /** The same for LVSP, whose backends are near: connections that strangers hold must not accumulate … */
  lvspCloseTimeout: 1_000,
  /** … and how many may wait for it at once; above it the oldest is destroyed. */
  maxClosingLvsp: 256,
  /** Bytes of a backend's message that count as one message of its rate: few messages are longer. */
  lvspMessageUnit: 1_024,
  /** How often a backend is pinged (its own heartbeats may be hours apart) … */
  lvspPingInterval: 15_000,
  /** … and how many pings may stay unanswered. */
  maxMissedPings: 2,
  /** RFC 6455 §5.5: a control frame carries at most 125 bytes, two of them the close code. */
  maxCloseReason: 123,
  /** How long a stopping node waits for the answers to its close frames … */
  closeGrace: 1_000,
  /** … for a lane, before it ends the lane's thread … */
  laneCloseTimeout: 2_000,
  /** … and for everything, before the process exits without it. */
  stopTimeout: 5_000,

  /** Between two heartbeats of a node to its cluster. */
  clusterReportInterval: LIMITS.clusterHeartbeat,
  /** The longest wait for an answer of the cluster's coordinator. No call waits for it; a backend may wait for a placement. */
  coordinatorTimeout: 500,
  /** The longest wait for the answer of a node to an order. Below `coordinatorTimeout`, which bounds every request. */
  nodeOrderTimeout: 450,
  /** Between two attempts to reach the coordinator. */
  coordinatorReconnectDelay: 250,
  /** Between pings to the coordinator. Two unanswered ones end the connection, and another server is tried. */
  coordinatorPingInterval: 5_000,
  /** How often a node's record is written again: a coordinator that was rolled back, or that lost a write, has it soon. */
  coordinatorAnnounceInterval: 10_000,
  /** NATS servers in the configuration. */
  maxNatsServers: 16,
  /** How long a front waits for the answer of a node; then it asks another one. */
  nodeAnswerTimeout: 2_000,
  /** The longest delay of a front before it connects to a node again: nodes are near. */
  nodeReconnectDelay: 2_000,
  /** A node that does not answer a front's probe within this time is silent. */
  nodeProbeTimeout: 1_000,
  /** Attempts of a probe whose connections are reset, at this interval: a process that is killed refuses them a moment later. */
  nodeProbeAttempts: 5,
  nodeProbeInterval: 50,
  /** Unread bytes of one side of a relayed voice connection, above which the other side is not read. */
  maxRelayHeld: 64 * 1024,
  /** How long a side may leave that much unread: less than the silence after which a node ends a session. */
  relayStall: 20_000,
  /** Voice connections that one process relays to their nodes: each holds two sockets. */
  maxRelayed: 20_000,
  /** The share of one backend of them, if there are several. */
  maxRelayedPerBackend: 10_000,
  /** Unsent bytes of all relayed connections, of those of one backend, and of those of one address. Above one, a side is read again only once the other one has read all. */
  maxRelayBytes: 256 * 1024 * 1024,
  maxRelayBytesPerBackend: 128 * 1024 * 1024,
  maxRelayBytesPerAddress: 4 * 1024 * 1024,
  /** Connections to one node that are being opened: few enough that each is open long before `relayDialTimeout`. */
  maxRelayDials: 64,
  /** From the first packet to the owner's Hello. */
  relayDialTimeout: 5_000,
  /** Headers that a relay may sign between one and its arrival at the node: many more than arrive at a relay in `relayDialTimeout`. */
  relayHopWindow: 65_536,
  /** Processes of relays whose headers a node remembers, so that none is used twice. */
  maxRelayRuns: 4_096,
  /** How often nodes are asked for a client that may have arrived before its voice state … */
  relayQuestionInterval: 400,
  /** … and how many times: for as long as a node keeps such an Identify. */
  maxRelayQuestions: 7,
  /** Questions of one address at once: an answer takes a millisecond or two, and none takes half a second. */
  maxRelayQuestionsAtOnce: 32,
  /** Between two log lines about a node to which clients cannot be relayed. */
  relayNoteInterval: 10_000,
  /** Records that cannot be decoded are reported this often … */
  malformedInterval: 60_000,
  /** … so many at a time; the others are counted. */
  malformedNotes: 10,
  /** Bytes of a record that the coordinator accepts. */
  maxCoordinatorValue: 4_096,

  /** Log lines waiting for standard output; above it lines are lost, so that calls never wait for the log. */
  maxLogBuffered: 4 * 1024 * 1024,
  /** Between two attempts to write to a standard output that is full. */
  logRetryInterval: 10,
  /** How long a stopping node waits for the reader of its log. */
  logEndTimeout: 500,
  /** How often load is measured and lanes report. */
  measureInterval: 1_000,
  /** How often the lateness of the event loop is sampled. Voice frames are 20 ms apart; a shorter stall may be missed. */
  loopLagInterval: 250,
  /** A timer that is late by this much shows that the process did not run: input that arrived is read before deadlines. */
  stall: 1_000,
  /** How often the node's clock is read, so that a longer gap shows a stall. */
  pulse: 250,
  /** How long it is read: enough for clients whose connections were waiting to complete TLS and HTTP, and to send Resume. */
  stallPause: 2_000,
  /** The same for a lane, whose datagrams are all in its socket already. */
  laneStallPause: 100,
  /** In a row, if the event loop is still late because of the input; then deadlines are applied. */
  maxStallPauses: 5,
  /** Before the core is called again after a tick that failed, so that a lasting fault is no busy loop. */
  failedTickPause: 1_000,
  /** The longest timeout of Node.js; a longer one fires at once. */
  maxTimeout: 2 ** 31 - 1,

  /** Lanes: more than a machine has cores only cost memory. */
  maxLanes: 64,
  /** One of so many batches of a lane is a sample of its latency: two readings of the clock. */
  latencySample: 8,
  /** Copies that a lane sends before it takes commands again: 3 to 4 ms of work. */
  maxCopiesPerTurn: 1_000,
  /** After a stall a lane reads what its socket holds before deadlines apply: the largest receive buffer takes about a second. */
  maxLaneCatchUp: 2_000,
  /**
   * Megabytes for new objects of a lane. It creates few, and only for commands; the 48 MB of Node.js would fill over time and stay.
   */
  laneYoungGeneration: 6,
  /** The longest wait of a lane's thread, so that it can be stopped from outside. */
  maxLaneWait: 250,
  /** Reports of a lane that may be missing in a row, at `measureInterval`; then its thread hangs, and is ended and replaced. */
  maxMissedReports: 10,
  /** Between two attempts to replace a lost lane. */
  laneRetryInterval: 1_000,
  /** Commands kept for a lost lane. Above it the sessions of its channels end once more when it is replaced. */
  maxLaneCommands: 10_000,
  /** Seconds that a datagram may have waited in the socket. A longer wait is a step of the system's clock. */
  maxDatagramWaitSeconds: 10,

  /** From the first datagram to the end of a handshake; browsers give up earlier. */
  handshakeTimeout: 20_000,
  /** A DTLS datagram that is sent: below the MTU of every path that carries IPv6. */
  dtlsMtu: 1_200,
  /**
   * How long the node keeps the last flight of a handshake for a client that did not receive it, after the client's latest record.
   * Clients repeat theirs 1, 3, 7, 15 and 31 s after the first time (RFC 6347 §4.2.4.1).
   */
  dtlsFlightKept: 35_000,
  /** … and for how long in all, as nothing shows that a record is the client's. A client repeats its flight 63 s after the first time, too. */
  dtlsFlightKeptMost: 70_000,
  /** Encrypted records of a client during its handshake: one per retransmission of its last flight. */
  earlyDtlsRecords: 8,
  /** A message of a client's handshake. The longest is its certificate: a self-signed one takes a kilobyte. */
  maxDtlsMessage: 16 * 1024,
  /** The timers of DTLS associations expire at multiples of this, so that one wake-up serves those of many joins. */
  dtlsTimerStep: 100,
  /** A DTLS datagram that is received; clients send no longer ones. */
  maxDtlsDatagram: 2_048,

  maxBackends: 64,
  /** Characters of a shared secret. */
  maxSecret: 1_024,
  /** Two while a secret is being replaced. */
  maxSecretsPerBackend: 2,
  maxAnnounced: 8,
  maxMetricsSubnets: 64,

  /** Requests to a STUN server, and the delay before the second one, doubled with each further one: 3.5 s in all. */
  stunTries: 3,
  stunRetryDelay: 500,
  /** How often a running node asks: an address that changed costs calls until the next answer. */
  stunInterval: 300_000,
  maxStunServers: 8,

  /** Names of a certificate; Let's Encrypt allows 25 in its short-lived profile. */
  maxAcmeNames: 25,
  /** Characters of a text, such as a URL, of a certificate authority. */
  maxAcmeText: 2_048,
  /** An answer of it: certificate chains are the longest, with about 10 kB. */
  maxAcmeAnswer: 256 * 1024,
  acmeRequestTimeout: 30_000,
  /** Tries with another nonce of a request whose nonce was refused. */
  acmeNonceTries: 10,
  /** How often the state of an order is asked for: bounds on what the authority says … */
  acmePollInterval: 1_000,
  acmePollIntervalMax: 30_000,
  /** … and how long. */
  acmePollTimeout: 300_000,
  /** After a failed attempt, doubled with each further one. Let's Encrypt accepts five failures of a name in an hour. */
  acmeRetryDelay: 120_000,
  acmeRetryDelayMax: 6 * 3_600_000,
  /** The longest delay while there is no valid certificate, and no client can connect. */
  acmeRetryDelayUrgent: 3_600_000,
  /** The longest delay that an authority can ask for. */
  acmeRetryAfterMax: 24 * 3_600_000,
  /** How often the time of the renewal is examined again: a suspended machine is late by this much. */
  acmeCheckInterval: 6 * 3_600_000,
  /** TCP connections to the listener of HTTP-01. */
  maxChallengeConnections: 64,

  /** How long `parley doctor` waits for an answer of a node. */
  probeTimeout: 5_000,

  /** Connections to each admin listener: tools of a few operators … */
  maxAdminConnections: 64,
  /** … of which so many have not shown the token: above it the oldest is closed, so that strangers lock no operator out … */
  maxAdminStrangers: 32,
  /** … of which so many read the log. */
  maxLogReaders: 8,
  /** The body of a request to the admin API. */
  maxAdminBody: 16 * 1024,
  adminTimeout: 10_000,
  /** Unsent bytes for a reader of the log; above it lines are left out. */
  maxLogReaderBuffered: 1024 * 1024,
  /** Items of a list in one answer. */
  maxAdminItems: 10_000,
  /** Characters of a request in the audit log. */
  maxAuditText: 500,
  /** Bytes of the admin token: guesses are bounded by `maxWrongTokens`, but a file of a few characters is a mistake. */
  minAdminToken: 32,
  /** Wrong admin tokens of one address in a window; then its requests are refused unread until the window ends … */
  maxWrongTokens: 10,
  wrongTokenWindow: 60_000,
  /** … and addresses that are counted. */
  maxWrongTokenAddresses: 1_024,
  /** Characters of an answer that a command of the operator reads. */
  maxAdminAnswer: 64 * 1024 * 1024,
  /** How often `parley top` draws. */
  topInterval: 1_000,

  /** Connections to a demo's control, of programs of the same user. */
  maxControlConnections: 16,
  controlTimeout: 5_000,
  maxControlHeaderBytes: 8 * 1024,
  /** The file that names a running demo. */
  maxDemoFile: 4_096,
  /** A request of the playground's page. */
  maxPlaygroundBody: 4_096,
  /** Guests of a demo: browser tabs of one machine. */
  maxGuests: 64,
  maxGuestName: 32,
  /** Packets in flight whose latency is measured: what has not arrived after five seconds is lost. */
  maxPacketsInFlight: 250,
  /** The newest latencies, of which median and maximum are shown. */
  maxLatencySamples: 250,
  /** Building the playground from source, in a checkout. */
  pageBuildTimeout: 60_000,
  maxPageBytes: 32 * 1024 * 1024,

  /** A credentials file has a few hundred bytes. */
  maxCredentials: 64 * 1024,
  /** An Opus frame (RFC 6716 §3.2.1). */
  maxOpusFrame: 1_275,
  /** Recordings open at once; further speakers are not recorded. */
  maxRecordings: 256,
  /** Frames kept of an SSRC until the node says whose it is: two seconds. */
  maxUnnamedFrames: 100,
  maxUnnamedSources: 64,
  /** Earlier recordings of a user in the same folder. */
  maxTakes: 1_000,
  /** Packets that a recording holds back, to put those that overtook each other in order. */
  maxHeldPackets: 5,

  /** The test server: TCP connections of each of its two ports. Hundreds of tests may share one server. */
  maxTestConnections: 2_048,
  /** Connections to the voice port of one user. */
  maxTestConnectionsPerUser: 64,
  /** A request to its REST and control APIs. */
  maxTestBody: 64 * 1024,
  /** A message to its main gateway; Discord's bound. */
  maxTestMessage: 4_096,
  /** Messages of one client to its main gateway in a minute; Discord's bound. */
  maxTestMessagesPerMinute: 120,
  testHeartbeatInterval: 41_250,
  /** From one message of a main gateway client to the next: a heartbeat interval and a half. */
  testSilence: 61_875,
  /** How long a session of the main gateway waits for Resume; then its user leaves the channel. */
  testResumeWindow: 30_000,
  /** Dispatches kept for Resume; a client that missed more receives Invalid Session. */
  maxTestReplay: 1_000,
  /** Sessions of the main gateway, connected or waiting for Resume … */
  maxTestSessions: 1_000,
  /** … and those of one user: shards, and reconnects without Resume. */
  maxTestSessionsPerUser: 16,
  /** Users of a test world, declared or created from tokens. */
  maxTestUsers: 1_000,
  maxTestGuilds: 100,
  maxTestChannels: 200,
  /** Permission overwrites of one channel. */
  maxTestOverwrites: 100,
  maxTestName: 100,
  /** A bot token. */
  maxTestToken: 512,
  maxWorldFile: 1024 * 1024,
  /** After a voice connection ended without Resume; then its user leaves the channel, unless the client joins again first. */
  testAbsence: 5_000,
  /** Unsent bytes of one relayed voice connection, in each direction; above it the connection is destroyed. */
  maxRelayBuffered: 2 * 1024 * 1024,
  /** Faults of one user that are waiting or in effect, and those of one text. */
  maxFaults: 32,
  maxFaultText: 512,
  /** Datagrams, and messages, of one session that are delayed by a fault; later ones are lost. */
  maxDelayedDatagrams: 10_000,
  /** Events in the trace: of one user (an hour of messages, or minutes of audio), and of all. Older ones are dropped. */
  maxTraceEventsPerUser: 20_000,
  maxTraceEvents: 200_000,
  /** A file that `parley trace` reads: hours of audio. It is held in memory. */
  maxTraceFile: 256 * 1024 * 1024,
  /** Broken rules in the transcript of one user. */
  maxViolations: 200,
  /** How long an expectation of the test server may wait. */
  maxExpectation: 600_000,
} as const

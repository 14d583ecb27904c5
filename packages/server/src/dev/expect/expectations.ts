// What a test can expect of a client: when it holds, and in words what the client did and should do.
import type { Transcript } from '../trace/transcript.ts'

/** What is known about a user's client. */
export interface ClientView {
  transcript: Transcript
  /** Whether the user is in a voice channel. */
  isMember: boolean
  /** Open connections to the voice endpoint. */
  connections: number
}

/**
 * A row is complete when its sentence helps: “NAME: expected EXPECTED within 5 s; it DID. Expected behaviour: ADVICE
 * (PAGE)”.
 */
export interface ExpectationRow {
  /** `soon`: before the time is over. `now`: at once. `throughout`: until the time is over. */
  when: 'soon' | 'now' | 'throughout'
  /** What `count` counts, and its default; undefined if it has none. */
  count?: { of: string; usual: number }
  /** Pure: it is called after each event of the trace, and every 20 ms. */
  holds(view: ClientView, count: number): boolean
  /** Completes "expected …". */
  expected: string
  /** Completes "it …". */
  did(view: ClientView): string
  /** What a correct client does. */
  advice: string
  /** The page and section that describe the behaviour. */
  page: string
}

const GATEWAY = 'docs/voice-gateway.md'
/** Speaking messages that the client sent, in its first 1,000 messages. */
const speaking = ({ transcript }: ClientView) => transcript.opcodes.filter(({ op }) => op === 5).length
const sum = ({ transcript }: ClientView, of: 'packets' | 'silenceFrames' | 'dave' | 'plain') =>
  transcript.streams.reduce((total, stream) => total + stream[of], 0)

/** `sent Identify, SelectProtocol, Heartbeat × 3`. */
function sent({ transcript }: ClientView): string {
  const runs: { name: string; count: number }[] = []
  for (const { name } of transcript.opcodes) {
    const last = runs.at(-1)
    if (last?.name === name) last.count++
    else runs.push({ name, count: 1 })
  }
  const words = runs.slice(-8).map(({ name, count }) => (count === 1 ? name : `${name} × ${count}`))
  return words.length === 0 ? 'sent nothing on the voice gateway' : `sent ${words.join(', ')}`
}

const audio = (view: ClientView) =>
  `sent ${sum(view, 'packets')} RTP packets, ${sum(view, 'silenceFrames')} of them silence, ${sum(view, 'dave')} encrypted end to end`

/** By the name that tests, the command line and the control API use. */
export const EXPECTATIONS = {
  joined: {
    when: 'soon',
    count: { of: 'voice sessions', usual: 1 },
    holds: ({ transcript, connections }, count) => transcript.sessions >= count && connections > 0,
    expected: 'a voice session',
    did: sent,
    advice:
      'after VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE a client connects, identifies, discovers its address and selects UDP',
    page: `${GATEWAY}#a-connection-step-by-step`,
  },
  speaking: {
    when: 'soon',
    count: { of: 'messages', usual: 1 },
    holds: (view, count) => speaking(view) >= count,
    expected: 'Speaking (op 5)',
    did: sent,
    advice: 'a client sends Speaking before its first audio',
    page: `${GATEWAY}#speaking`,
  },
  audio: {
    when: 'soon',
    count: { of: 'packets', usual: 1 },
    holds: (view, count) => sum(view, 'packets') - sum(view, 'silenceFrames') >= count,
    expected: 'audio',
    did: audio,
    advice: 'a client that plays sends a packet of 20 ms fifty times a second',
    page: `${GATEWAY}#media-over-udp`,
  },
  silence: {
    when: 'soon',
    count: { of: 'frames', usual: 5 },
    holds: (view, count) => sum(view, 'silenceFrames') >= count,
    expected: 'silence frames',
    did: audio,
    advice: 'five silence frames (F8 FF FE) end a talkspurt',
    page: `${GATEWAY}#media-over-udp`,
  },
  encrypted: {
    when: 'soon',
    count: { of: 'packets', usual: 1 },
    holds: (view, count) => sum(view, 'dave') >= count,
    expected: 'audio that is encrypted end to end',
    did: audio,
    advice: 'with two members that support DAVE a client encrypts after the first transition',
    page: 'docs/dave.md',
  },
  heartbeat: {
    when: 'soon',
    count: { of: 'heartbeats', usual: 1 },
    holds: ({ transcript }, count) => transcript.heartbeats >= count,
    expected: 'heartbeats (op 3)',
    did: sent,
    advice: 'a client sends a heartbeat in each interval that Hello names',
    page: `${GATEWAY}#heartbeats`,
  },
  resumed: {
    when: 'soon',
    count: { of: 'times', usual: 1 },
    holds: ({ transcript }, count) => transcript.resumed >= count,
    expected: 'a resumed session',
    did: sent,
    advice: 'after a lost connection a client connects again and sends Resume (op 7)',
    page: `${GATEWAY}#numbers-and-resume`,
  },
  'identified-again': {
    when: 'soon',
    count: { of: 'Identify messages', usual: 2 },
    holds: ({ transcript }, count) => transcript.identifies >= count,
    expected: 'a new Identify',
    did: sent,
    advice: 'after 4006, or a new VOICE_SERVER_UPDATE, a client starts a new session',
    page: `${GATEWAY}#close-codes`,
  },
  left: {
    when: 'soon',
    holds: ({ isMember }) => !isMember,
    expected: 'the user outside its channel',
    did: ({ connections }) => `is still in the channel, with ${connections} voice connections`,
    advice: 'a client leaves with Voice State Update (op 4 of the main gateway) and channel_id null',
    page: 'docs/testing-your-bot.md',
  },
  disconnected: {
    when: 'soon',
    holds: ({ connections }) => connections === 0,
    expected: 'no voice connection',
    did: ({ connections }) => `has ${connections} voice connections`,
    advice: 'a client closes its voice connection when it leaves, and after close codes such as 4014',
    page: `${GATEWAY}#close-codes`,
  },
  received: {
    when: 'soon',
    count: { of: 'packets', usual: 1 },
    holds: ({ transcript }, count) => transcript.received >= count,
    expected: 'audio for the client',
    did: ({ transcript }) => `was sent ${transcript.received} RTP packets`,
    advice: 'another member of the channel has to talk, and neither may be muted or deafened',
    page: `${GATEWAY}#media-over-udp`,
  },
  stays: {
    when: 'throughout',
    holds: ({ connections, isMember }) => connections > 0 && isMember,
    expected: 'a connected client',
    did: ({ transcript, isMember }) =>
      `${isMember ? 'lost its voice connection' : 'left its channel'} (closes: ${transcript.closes.map(({ code }) => code).join(', ') || 'none'})`,
    advice: 'nothing happened that ends a voice connection',
    page: `${GATEWAY}#close-codes`,
  },
  'stays-out': {
    when: 'throughout',
    holds: ({ isMember }) => !isMember,
    expected: 'the user to stay outside its channel',
    did: ({ connections }) => `is in a channel again, with ${connections} voice connections`,
    advice: 'after a kick (close code 4014) a client waits until its user joins again',
    page: `${GATEWAY}#close-codes`,
  },
  rules: {
    when: 'now',
    holds: ({ transcript }) => transcript.violations.length === 0,
    expected: 'no broken rule',
    did: ({ transcript }) =>
      transcript.violations
        .map(({ sentence }) => sentence)
        .slice(0, 3)
        .join('; it '),
    advice: 'the transcript lists every rule that the client broke',
    page: 'docs/testing-your-bot.md#what-your-client-sent',
  },
} as const satisfies Record<string, ExpectationRow>

export type Expectation = keyof typeof EXPECTATIONS

// Faults that change messages of the voice gateway. Each receives a copy of its message.
import { VoiceMode, VoiceOp } from '@parley/protocol'
import type { FaultName } from '../faults/fault-table.ts'
import type { LinkMessage } from './link-message.ts'

type Fields = Record<string, unknown>
/** Changes the fields of `d`. */
type Change = (d: Fields, value: number) => void

const EXTRA = { parley_test: true, later_extension: { list: [1, 2, 3], text: 'a field of a later version' } }
/** Numbers of messages begin here with `sequence-wrap`. */
const FIRST_SEQ = 65_530
const SEQ_COUNT = 65_536

const JSON_CHANGES: Partial<Record<FaultName, Change>> = {
  'heartbeat-interval': (d, interval) => {
    d.heartbeat_interval = interval
  },
  'wrong-heartbeat-nonce': d => {
    d.t = 1
  },
  'only-gcm': onlyMode(VoiceMode.AeadAes256GcmRtpsize),
  'only-xchacha': onlyMode(VoiceMode.AeadXchacha20Poly1305Rtpsize),
  'only-legacy': onlyMode(VoiceMode.Xsalsa20Poly1305),
  'unknown-mode': d => {
    d.modes = ['aead_unknown_of_a_later_version', ...(Array.isArray(d.modes) ? d.modes : [])]
  },
  'extra-fields': d => void Object.assign(d, EXTRA),
  'no-dave': d => {
    d.max_dave_protocol_version = 0
  },
}

function onlyMode(mode: VoiceMode): Change {
  return d => {
    d.modes = [mode]
  }
}

/** The message as the fault changes it. */
export function changed(message: LinkMessage, name: FaultName, value: number): LinkMessage {
  if (name === 'sequence-wrap') return renumbered(message)
  if (message.format === 'binary') return changedBinary(message, name)
  const change = JSON_CHANGES[name]
  if (message.format !== 'json' || change === undefined) return message
  const body = structuredClone(message.body)
  if (typeof body.d === 'object' && body.d !== null) change(body.d as Fields, value)
  if (name === 'extra-fields') Object.assign(body, EXTRA)
  return { ...message, body, text: undefined }
}

/** Faults of DAVE: a flipped byte in the middle of an MLS message, or transition id 0 in place of the announced one. */
function changedBinary(message: Extract<LinkMessage, { format: 'binary' }>, name: FaultName): LinkMessage {
  const payload = Uint8Array.from(message.payload)
  const middle = payload.length >> 1
  if (name === 'commit-garbage' || name === 'welcome-garbage') payload[middle] = payload[middle]! ^ 0xff
  if (name === 'transition-zero') payload.fill(0, 0, 2)
  return { ...message, payload }
}

/** As if the session had run for long: its first message has number 65,530, and numbers wrap at 65,536. */
function renumbered(message: LinkMessage): LinkMessage {
  if (message.format === 'binary')
    return message.seq === undefined ? message : { ...message, seq: wrapped(message.seq + FIRST_SEQ - 1) }
  if (message.format !== 'json' || typeof message.body.seq !== 'number') return message
  return { ...message, body: { ...message.body, seq: wrapped(message.body.seq + FIRST_SEQ - 1) }, text: undefined }
}

/** A client acknowledges the numbers that it has received: heartbeats and Resume name them to the node as it sent them. */
export function acknowledged(message: LinkMessage): LinkMessage {
  if (message.format !== 'json' || (message.op !== VoiceOp.Heartbeat && message.op !== VoiceOp.Resume)) return message
  const body = structuredClone(message.body)
  const d = body.d as Fields | null | undefined
  for (const field of ['seq_ack', 'seq']) {
    const seq = d?.[field]
    if (typeof seq === 'number' && seq >= 0) Object.assign(d!, { [field]: wrapped(seq - FIRST_SEQ + 1) })
  }
  return { ...message, body, text: undefined }
}

const wrapped = (seq: number) => ((seq % SEQ_COUNT) + SEQ_COUNT) % SEQ_COUNT

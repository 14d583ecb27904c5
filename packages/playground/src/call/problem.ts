// Problems as the page shows them: what happened, and what the user can do.
import { SHUTDOWN_REASON, VoiceClose } from '@parley/protocol'
import type { CallEnd, Interruption } from '../voice/web-voice-client.ts'
import { DemoError } from './demo-api.ts'
import type { NodeState } from './node-state.ts'

/** Two sentences: what happened, what to do. `CRASHED` and `AWAY` are compared by identity. */
export interface Problem {
  readonly title: string
  readonly advice: string
}

/** `wasAway`: the node did not respond at some time since the call was last connected. */
export interface EndContext {
  readonly node: NodeState
  readonly wasAway: boolean
}

/** Whether the node ended the call because it stops. */
export const isShutdown = (end: CallEnd): boolean =>
  end.kind === 'closed' && end.code === VoiceClose.Disconnected && end.reason === SHUTDOWN_REASON

/** Undefined if the user ended the call. */
export function problemOfEnd(end: CallEnd, { node, wasAway }: EndContext): Problem | undefined {
  const isRefused = end.kind === 'closed' && end.code === VoiceClose.AuthenticationFailed
  if (isRefused && wasAway) return RESTARTED
  if (isShutdown(end)) return STOPPED
  if (end.kind === 'closed' && end.code !== NORMAL) {
    if (node === 'draining') return DRAINING
    if (node === 'gone') return GONE
  }
  return problemOf(end)
}

/** Without what is known about the node's state. */
function problemOf(end: CallEnd): Problem | undefined {
  switch (end.kind) {
    case 'closed':
      return problemOfClose(end.code, end.reason)
    case 'noRoute':
      return {
        title: 'No media arrives',
        advice: `The node is reachable, but UDP packets to ${end.address ?? 'it'} are lost. ${reasonFor(end.address)}`,
      }
    case 'failed':
      return { title: 'The call could not be established', advice: `Error of the browser: ${end.reason}` }
  }
}

/** The likely reason why packets to this address are lost. */
const reasonFor = (address = ''): string =>
  /^(127\.|\[?::1\b)/.test(address)
    ? 'Firefox does not send media to loopback: start the demo with “--media” and another address of this machine.'
    : 'A firewall or VPN may block it.'

/** The connection was closed normally (RFC 6455 §7.4.1). */
const NORMAL = 1000
/** The connection was lost without a close frame (RFC 6455 §7.4.1). */
const LOST = 1006
/** The client closed an unusable connection and will resume. */
const CLIENT_CLOSE = 4000

/** The reason of an interruption, shown beside the status. */
export function interruptionText(by: Interruption): string {
  if (by.kind === 'silent') return 'no packets arrive'
  if (by.code === LOST) return by.attempts === 0 ? 'the connection to the node was lost' : 'the node does not respond'
  return by.code === CLIENT_CLOSE ? by.reason : `${by.code} ${by.reason}`.trim()
}

/** The problem to show for an interruption; undefined if the status explains it. */
export function problemOfInterruption(by: Interruption): Problem | undefined {
  if (by.kind === 'silent') return undefined
  if (by.code === VoiceClose.ServerCrashed) return CRASHED
  return by.attempts > 0 ? AWAY : undefined
}

/** A close code of the voice gateway, for a user. */
function problemOfClose(code: number, reason: string): Problem | undefined {
  switch (code) {
    case NORMAL:
      return undefined
    case VoiceClose.Disconnected:
      return {
        title: 'You were removed from the channel',
        advice: 'A moderator or the backend removed you. You can join again.',
      }
    case VoiceClose.ChannelEnded:
      return { title: 'The channel was deleted', advice: 'Joining again creates it again.' }
    case VoiceClose.AuthenticationFailed:
      return {
        title: 'The node rejected these credentials',
        advice: 'They are valid for one session. Request new ones from your backend.',
      }
    case VoiceClose.RateLimited:
      return { title: 'Too many requests', advice: 'The node limits the rate of messages. Join again in a minute.' }
    case VoiceClose.UnknownProtocol:
      return {
        title: 'This node does not support browsers',
        advice: 'It has no WebRTC. Voice clients can join over UDP.',
      }
    case VoiceClose.EncryptionRequired:
      return {
        title: 'This channel is encrypted end to end',
        advice:
          'This page cannot encrypt here, so it cannot join: it needs the DAVE library, and a browser with encoded transforms.',
      }
    case LOST:
      return GONE
    default:
      return { title: 'The call has ended', advice: `The node closed it with code ${code}${reason && `: ${reason}`}.` }
  }
}

export const DRAINING: Problem = {
  title: 'This node is draining',
  advice: 'It finishes its calls and accepts no new ones. Join again after its restart.',
}

export const GONE: Problem = {
  title: 'The node is unreachable',
  advice: 'It has stopped, or the network is down. Join again when it is available.',
}

/** Shown while the page tries to reconnect. */
export const AWAY: Problem = {
  title: 'The node does not respond',
  advice: 'It has stopped, or the network is down. The page tries to reconnect until you leave.',
}

/** A node stores nothing, so it loses its sessions when it restarts. */
const RESTARTED: Problem = {
  title: 'The node has lost this call',
  advice: 'It was restarted while the page was disconnected. Reload the page and join again.',
}

/** Close code 4015. */
export const CRASHED: Problem = {
  title: 'An internal error occurred on the node',
  advice: 'It ended this call. The page tries to reconnect until you leave.',
}

export const STOPPED: Problem = {
  title: 'This node is stopping',
  advice: 'It has ended its calls. Join again after its restart.',
}

export const DEMO_GONE: Problem = {
  title: 'The demo does not respond',
  advice: 'It has stopped. Start it again with “parley demo”, then reload this page.',
}

/** `name` is the name of the DOMException that getUserMedia threw. */
export function problemOfCamera(name: string): Problem {
  const title = name === 'NotAllowedError' ? 'Access to the camera is blocked' : 'No camera is available'
  return { title, advice: 'Allow access in the address bar, or connect a camera that no other program uses.' }
}

/** The camera that was sent was unplugged, or is no longer permitted. */
export const CAMERA_GONE: Problem = {
  title: 'The camera is gone',
  advice: 'The page sends no picture. Connect it or choose another one under Devices, then switch the camera on again.',
}

/** The chosen device is gone. */
export const SPEAKER_GONE: Problem = {
  title: 'This speaker is unavailable',
  advice: 'The page plays on another one. Choose a speaker under Devices.',
}

/** `name` is the name of the DOMException that getDisplayMedia threw. Undefined if the user chose no screen. */
export function problemOfScreen(name: string): Problem | undefined {
  if (name === 'NotAllowedError') return undefined
  return {
    title: 'The screen cannot be shared',
    advice:
      'The browser or the system does not permit it. Browsers share screens on https pages and on localhost only.',
  }
}

/** `name` is the name of the DOMException that getUserMedia threw. */
export function problemOfMicrophone(name: string): Problem {
  const instead = 'The page sends the built-in speech instead.'
  switch (name) {
    case 'NotAllowedError':
      return {
        title: 'Access to the microphone is blocked',
        advice: `Allow access in the address bar, then choose Microphone again. ${instead}`,
      }
    case 'NotFoundError':
      return { title: 'There is no microphone', advice: `Connect one, then choose Microphone again. ${instead}` }
    case 'NotReadableError':
      return { title: 'The microphone is in use', advice: `Another program may be using it. ${instead}` }
    default:
      return {
        title: 'The microphone is unavailable',
        advice: `Browsers allow it on https pages and on localhost only. ${instead}`,
      }
  }
}

/** A DemoError by its reason; any other error means that the demo did not respond. */
export function problemOfDemo(error: unknown): Problem {
  if (!(error instanceof DemoError)) return DEMO_GONE
  switch (error.reason) {
    case 'draining':
      return DRAINING
    case 'full':
      return { title: 'The demo is full', advice: 'Close a tab that has joined, then try again.' }
    case 'malformed':
      return { title: 'This name is invalid', advice: 'Choose a name of 1 to 32 characters.' }
    case 'unknown-user':
      return { title: 'This user has already left', advice: 'The list will be updated in a moment.' }
    default:
      return {
        title: 'The demo refused the request',
        advice: `Reason: ${error.reason}. Reload the page, because the demo may have been restarted.`,
      }
  }
}

export const unplayable = (error: unknown): Problem => ({
  title: 'This sound cannot be played',
  advice: `Choose another one. Error of the browser: ${error instanceof Error ? error.message : String(error)}`,
})

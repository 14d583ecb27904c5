// What went wrong, said so that one knows what to do.
import { VoiceClose } from '@parley/protocol'
import { DemoError } from './demo-api.ts'
import type { NodeState } from './node-state.ts'
import type { CallEnd, Interruption } from './voice/web-voice-client.ts'

export interface Problem {
  readonly title: string
  readonly advice: string
}

/** `wasAway`: the node did not answer at some time since the call was last connected. */
export interface EndContext {
  readonly node: NodeState
  readonly wasAway: boolean
}

/** Undefined for an end that was asked for. */
export function problemOfEnd(end: CallEnd, { node, wasAway }: EndContext): Problem | undefined {
  const isRefused = end.kind === 'closed' && end.code === VoiceClose.AuthenticationFailed
  if (isRefused && wasAway) return RESTARTED
  if (end.kind === 'closed' && end.code !== NORMAL) {
    if (node === 'draining') return DRAINING
    if (node === 'gone') return GONE
  }
  return problemOf(end)
}

function problemOf(end: CallEnd): Problem | undefined {
  switch (end.kind) {
    case 'closed':
      return problemOfClose(end.code, end.reason)
    case 'noRoute':
      return {
        title: 'No sound gets through',
        advice: `The node answers, but UDP to ${end.address ?? 'it'} does not get through. ${reasonFor(end.address)}`,
      }
    case 'failed':
      return { title: 'The call could not be set up', advice: `The browser says: ${end.reason}` }
  }
}

const reasonFor = (address = ''): string =>
  /^(127\.|\[?::1\b)/.test(address)
    ? 'Firefox takes no calls there: start the demo with “--media” and another address of this machine.'
    : 'A firewall or VPN may block it.'

/** RFC 6455 §7.4.1: the connection was closed normally; it was lost without a close. */
const NORMAL = 1000
const LOST = 1006
/** The client itself dropped a connection that did not work, and resumes. */
const CLIENT_CLOSE = 4000

/** Why a call is interrupted, next to the status. */
export function interruptionText(by: Interruption): string {
  if (by.kind === 'silent') return 'no packets arrive'
  if (by.code === LOST) return by.attempts === 0 ? 'the connection to the node was lost' : 'the node does not answer'
  return by.code === CLIENT_CLOSE ? by.reason : `${by.code} ${by.reason}`.trim()
}

/** What else to show for it; undefined while the status says enough. */
export function problemOfInterruption(by: Interruption): Problem | undefined {
  if (by.kind === 'silent') return undefined
  if (by.code === VoiceClose.ServerCrashed) return STOPPING
  return by.attempts > 0 ? AWAY : undefined
}

function problemOfClose(code: number, reason: string): Problem | undefined {
  switch (code) {
    case NORMAL:
      return undefined
    case VoiceClose.Disconnected:
      return {
        title: 'You were removed from the channel',
        advice: 'A moderator or the backend removed you. You may join again.',
      }
    case VoiceClose.ChannelEnded:
      return { title: 'The channel has ended', advice: 'Join again to open it again.' }
    case VoiceClose.AuthenticationFailed:
      return {
        title: 'The node does not take these credentials',
        advice: 'They are good for one session. Ask for new ones.',
      }
    case VoiceClose.RateLimited:
      return { title: 'Too much at once', advice: 'The node asks for patience. Join again in a minute.' }
    case VoiceClose.UnknownProtocol:
      return { title: 'This node takes no browsers', advice: 'It serves calls over UDP alone.' }
    case VoiceClose.EncryptionRequired:
      return {
        title: 'This channel is encrypted end to end',
        advice: 'The playground does not speak DAVE, so that it cannot join.',
      }
    case LOST:
      return GONE
    default:
      return { title: 'The call has ended', advice: `The node closed it with ${code}${reason && `: ${reason}`}.` }
  }
}

export const DRAINING: Problem = {
  title: 'This node is draining',
  advice: 'It finishes the calls it has and takes no new ones. Join again when it was restarted.',
}

export const GONE: Problem = {
  title: 'The node cannot be reached',
  advice: 'It was stopped, or the network is gone. Join again when it is back.',
}

/** While the page tries to reconnect. */
export const AWAY: Problem = {
  title: 'The node does not answer',
  advice: 'It was stopped, or the network is gone. The page tries to reconnect until you leave.',
}

/** A node stores nothing: after a restart it knows no earlier session. */
const RESTARTED: Problem = {
  title: 'The node no longer knows this call',
  advice: 'It was restarted while the page could not reach it. Reload the page and join again.',
}

/** Close code 4015. */
export const STOPPING: Problem = {
  title: 'This node is stopping',
  advice: 'It has ended its calls. The page tries to reconnect until you leave.',
}

export const DEMO_GONE: Problem = {
  title: 'The demo does not answer',
  advice: 'It was stopped. Start it again with “parley demo”, then reload this page.',
}

/** `name` is that of the DOMException of getUserMedia. */
export function problemOfCamera(name: string): Problem {
  const title = name === 'NotAllowedError' ? 'The camera is not allowed' : 'There is no camera to use'
  return { title, advice: 'Allow it in the address bar, or plug one in that no other program uses. The call goes on.' }
}

/** The same. */
export function problemOfMicrophone(name: string): Problem {
  const instead = 'You are sending the built-in speech instead.'
  switch (name) {
    case 'NotAllowedError':
      return {
        title: 'The microphone is not allowed',
        advice: `Allow it in the address bar, then choose it again. ${instead}`,
      }
    case 'NotFoundError':
      return { title: 'There is no microphone', advice: `Plug one in, then choose it again. ${instead}` }
    case 'NotReadableError':
      return { title: 'The microphone is taken', advice: `Another program may be using it. ${instead}` }
    default:
      return {
        title: 'The microphone cannot be used',
        advice: `Browsers give it to https pages and to this machine's own only. ${instead}`,
      }
  }
}

export function problemOfDemo(error: unknown): Problem {
  if (!(error instanceof DemoError)) return DEMO_GONE
  switch (error.reason) {
    case 'draining':
      return DRAINING
    case 'full':
      return { title: 'The demo is full', advice: 'Close a tab that has joined, then try again.' }
    case 'malformed':
      return { title: 'This name cannot be used', advice: 'Choose one of 1 to 32 letters.' }
    case 'unknown-user':
      return { title: 'They have left already', advice: 'The list is brought up to date in a moment.' }
    default:
      return {
        title: 'The demo refused',
        advice: `It says: ${error.reason}. Reload the page; it may have been restarted.`,
      }
  }
}

export const unplayable = (error: unknown): Problem => ({
  title: 'This sound cannot be played',
  advice: `Choose another one. The browser says: ${error instanceof Error ? error.message : String(error)}`,
})

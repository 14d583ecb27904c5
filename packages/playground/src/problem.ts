// What went wrong, said so that one knows what to do.
import { VoiceClose } from '@parley/protocol'
import type { CallEnd } from './voice/web-voice-client.ts'

export interface Problem {
  readonly title: string
  readonly advice: string
}

/** Undefined for an end that was asked for. */
export function problemOfEnd(end: CallEnd): Problem | undefined {
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

function problemOfClose(code: number, reason: string): Problem | undefined {
  switch (code) {
    case 1000:
      return undefined
    case VoiceClose.Disconnected:
      return { title: 'You were removed from the channel', advice: 'Somebody here kicked you. You may join again.' }
    case VoiceClose.ChannelEnded:
      return { title: 'The channel has ended', advice: 'Join again to open it anew.' }
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
    case 1006:
      return {
        title: 'The node cannot be reached',
        advice: 'It was stopped, or the network is gone. Start it, then join again.',
      }
    default:
      return { title: 'The call has ended', advice: `The node closed it with ${code}${reason && `: ${reason}`}.` }
  }
}

export const DRAINING: Problem = {
  title: 'This node is draining',
  advice: 'It finishes the calls it has and takes no new ones. Join again when it was restarted.',
}

/** What its clients are told by 4015. */
export const STOPPING: Problem = {
  title: 'This node is stopping',
  advice: 'It has ended its calls. The page tries to come back until you leave.',
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

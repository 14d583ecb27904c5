// The join form: a name in a demo, credentials on other nodes.
import type { RefObject } from 'preact'
import { useState } from 'preact/hooks'
import type { Call } from '../../call/call.ts'
import type { CallView } from '../../call/call-view.ts'
import { readCredentials } from '../../call/demo-api.ts'
import { encryptionText } from '../../encryption/encryption.ts'
import { DevicePanel } from '../devices/device-panel.tsx'
import { SoundField } from '../devices/sound-choice.tsx'

const NAMES = ['Robin', 'Kim', 'Sasha', 'Noor', 'Jo', 'Mika', 'Lou', 'Ari'] as const
/** A suggestion, so that a click is enough to join. */
const someName = (): string => NAMES[Math.floor(Math.random() * NAMES.length)] ?? NAMES[0]

interface FormProps {
  call: Call
  view: CallView
}

interface DoorProps extends FormProps {
  place: RefObject<HTMLElement>
}

/** `place` receives the focus when the form replaces a call that was left. */
export function Door({ call, view, place }: DoorProps) {
  return (
    <main class="door" ref={place} tabIndex={-1}>
      <div class="card">
        <h2>{call.hasDemo ? 'Join the call' : 'Join with credentials'}</h2>
        <p class="hint">
          {call.hasDemo
            ? 'Talk with the members of the demo’s call, or open this page in a second tab: each tab is another member.'
            : 'Paste the credentials that your backend gives to a user, as JSON in the format of “parley talk”.'}
        </p>
        {call.hasDemo ? <NameForm call={call} view={view} /> : <CredentialsForm call={call} view={view} />}
        <Channels view={view} />
      </div>
    </main>
  )
}

/** What is sent, and on which devices. Unfolding the devices opens the sound, so that its level can be seen. */
function Sound({ call, view }: FormProps) {
  return (
    <>
      <SoundField call={call} view={view} />
      <details class="unfold" onToggle={event => event.currentTarget.open && call.checkSound()}>
        <summary>Devices and input level</summary>
        <DevicePanel call={call} view={view} />
      </details>
    </>
  )
}

/** Current calls of the demo. */
function Channels({ view: { overview } }: { view: CallView }) {
  const calls = overview.channels
    .map(channel => ({ ...channel, users: overview.users.filter(({ channelId }) => channelId === channel.id) }))
    .filter(({ users }) => users.length > 0)
  if (calls.length === 0) return null
  return (
    <ul class="calls" data-testid="calls">
      {calls.map(({ id, name, privacyCode, users }) => (
        <li key={id} class="hint">
          <b>{name}</b>: {users.map(user => user.name).join(', ')}.{' '}
          {encryptionText(
            { version: privacyCode === undefined ? 0 : 1, privacyCode },
            users.map(user => ({ ...user, isMe: false })),
          )}
          .
        </li>
      ))}
    </ul>
  )
}

/** For a demo, which issues credentials under any name. */
function NameForm({ call, view }: FormProps) {
  const [name, setName] = useState(someName)
  const submit = (event: Event) => {
    event.preventDefault()
    void call.join(name)
  }
  return (
    <form onSubmit={submit}>
      <label class="field">
        Your name
        <input
          name="name"
          value={name}
          maxLength={32}
          required
          autocomplete="off"
          onInput={event => setName(event.currentTarget.value)}
        />
      </label>
      <Sound call={call} view={view} />
      <button type="submit" class="primary">
        Join
      </button>
    </form>
  )
}

/** For other nodes: their backend issues credentials. */
function CredentialsForm({ call, view }: FormProps) {
  const [text, setText] = useState('')
  const [isWrong, setWrong] = useState(false)
  const submit = (event: Event) => {
    event.preventDefault()
    const credentials = readCredentials(text)
    setWrong(credentials === undefined)
    if (credentials !== undefined) void call.joinWith(credentials)
  }
  return (
    <form onSubmit={submit}>
      <label class="field">
        Credentials
        <textarea
          name="credentials"
          rows={7}
          required
          spellcheck={false}
          placeholder='{"server_id": "…", "channel_id": "…", "user_id": "…", "session_id": "…", "token": "…"}'
          onInput={event => setText(event.currentTarget.value)}
        />
      </label>
      {isWrong && (
        <p class="wrong" role="alert">
          Expected JSON with server_id, channel_id, user_id, session_id and token.
        </p>
      )}
      <Sound call={call} view={view} />
      <button type="submit" class="primary">
        Join
      </button>
    </form>
  )
}

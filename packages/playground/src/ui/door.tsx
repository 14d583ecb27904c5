// The join form: a name in a demo, credentials on other nodes.
import type { RefObject } from 'preact'
import { useState } from 'preact/hooks'
import type { Call } from '../call.ts'
import type { CallView } from '../call-view.ts'
import { readCredentials } from '../demo-api.ts'
import { encryptionText } from '../encryption.ts'
import { SoundChoice } from './sound-choice.tsx'

const NAMES = ['Robin', 'Kim', 'Sasha', 'Noor', 'Jo', 'Mika', 'Lou', 'Ari'] as const
/** A suggestion, so that a click is enough to join. */
const someName = (): string => NAMES[Math.floor(Math.random() * NAMES.length)] ?? NAMES[0]

interface DoorProps {
  call: Call
  view: CallView
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
            ? 'Two bots are talking on this node. Join them; each tab is another member.'
            : 'Paste the credentials that your backend gives to a user, as JSON in the format of “parley talk”.'}
        </p>
        <div class="field">
          <span aria-hidden="true">You send</span>
          <SoundChoice sound={view.sound} onChoose={sound => void call.setSound(sound)} />
        </div>
        {call.hasDemo ? <NameForm call={call} /> : <CredentialsForm call={call} />}
        <Channels view={view} />
      </div>
    </main>
  )
}

/** Current calls of the demo. */
function Channels({ view: { overview } }: { view: CallView }) {
  const calls = overview.channels.map(channel => ({
    ...channel,
    users: overview.users.filter(({ channelId }) => channelId === channel.id),
  }))
  return (
    <ul class="calls" data-testid="calls">
      {calls
        .filter(({ users }) => users.length > 0)
        .map(({ id, name, privacyCode, users }) => (
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
function NameForm({ call }: { call: Call }) {
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
      <button type="submit" class="primary">
        Join
      </button>
    </form>
  )
}

/** For other nodes: their backend issues credentials. */
function CredentialsForm({ call }: { call: Call }) {
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
      <button type="submit" class="primary">
        Join
      </button>
    </form>
  )
}

// The members of the channel, their state, volume and moderation.
import type { Call } from '../call.ts'
import type { CallView, MemberView } from '../call-view.ts'

const HUES = 360
/** A user has the same colour in every tab. */
const hueOf = (userId: string): number => Number(BigInt.asUintN(32, BigInt(userId) * 2_654_435_761n) % BigInt(HUES))

/** `view.elsewhere` are members of other channels of the demo, by name only. */
export function Members({ call, view }: { call: Call; view: CallView }) {
  return (
    <>
      <ul class="members">
        {view.members.map(member => (
          <MemberRow key={member.userId} call={call} view={view} member={member} />
        ))}
      </ul>
      {view.elsewhere.length > 0 && (
        <p class="hint elsewhere">
          In other channels: {view.elsewhere.map(({ name, channelName }) => `${name} (${channelName})`).join(', ')}
        </p>
      )}
    </>
  )
}

/** A mute by a moderator is shown before the user's own. */
function MemberRow({ call, view, member }: { call: Call; view: CallView; member: MemberView }) {
  const { userId, name, isMe, isBot, isSpeaking, isMuted, isInGroup } = member
  const silence = isMuted ? 'muted by a moderator' : isMe && view.isMuted ? 'muted' : undefined
  return (
    <li class={`member${isSpeaking ? ' speaking' : ''}`} data-testid="member" data-name={name}>
      <span class="avatar" style={{ '--hue': String(hueOf(userId)) }} aria-hidden="true">
        {Array.from(name)[0]?.toUpperCase()}
      </span>
      <span class="who">
        <span class="name">
          {name}
          {isMe && <em class="tag">you</em>}
          {isBot && <em class="tag">bot</em>}
          {isInGroup && (
            <em class="tag keys" title="Has the keys of this encrypted call">
              keys
            </em>
          )}
        </span>
        <span class={`state${silence === undefined ? '' : ' silent'}`}>
          {silence ?? (isSpeaking ? 'speaking' : 'listening')}
        </span>
      </span>
      {isMe ? <span class="volume" /> : <Volume call={call} member={member} />}
      {call.hasDemo && <Moderation call={call} view={view} member={member} />}
    </li>
  )
}

/** For this tab only. */
function Volume({ call, member: { userId, name, volume } }: { call: Call; member: MemberView }) {
  return (
    <label class="volume">
      <span class="unseen">Volume of {name}</span>
      <input
        type="range"
        min="0"
        max="100"
        value={Math.round(volume * 100)}
        title={`Volume ${Math.round(volume * 100)} %`}
        onInput={event => call.setVolume(userId, Number(event.currentTarget.value) / 100)}
      />
    </label>
  )
}

/** Bots cannot be moved or kicked. */
function Moderation({ call, view, member }: { call: Call; view: CallView; member: MemberView }) {
  const { userId, name, isMuted, isBot } = member
  const others = view.overview.channels.filter(({ id }) => id !== view.channelId)
  return (
    <span class="moderation">
      <button
        type="button"
        aria-pressed={isMuted}
        aria-label={`Server mute ${name}`}
        title={`The node stops forwarding audio of ${name}`}
        onClick={() => call.serverMute(userId, !isMuted)}
      >
        Server mute
      </button>
      {!isBot &&
        others.map(({ id, name: channel }) => (
          <button
            type="button"
            key={id}
            aria-label={`Move ${name} to ${channel}`}
            onClick={() => call.move(userId, id)}
          >
            To {channel}
          </button>
        ))}
      {!isBot && (
        <button type="button" class="danger" aria-label={`Kick ${name}`} onClick={() => call.kick(userId)}>
          Kick
        </button>
      )}
    </span>
  )
}

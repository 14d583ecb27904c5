// The members of the channel, their state, volume and moderation.
import type { Call } from '../../call/call.ts'
import type { CallView, MemberView } from '../../call/call-view.ts'
import { Avatar } from '../avatar.tsx'
import { KeyTag, VerifyButton } from './verify.tsx'

/** `view.elsewhere` are members of other channels of the demo, by name only. */
export function Members({ call, view }: { call: Call; view: CallView }) {
  return (
    <>
      <ul class="members">
        {view.members.map(member => (
          <MemberRow key={member.userId} call={call} view={view} member={member} />
        ))}
      </ul>
      <datalist id="volumes">
        <option value="100" />
      </datalist>
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
  const { userId, name, isMe, isBot, isSpeaking, isMuted } = member
  const silence = isMuted ? 'muted by a moderator' : isMe && view.isMuted ? 'muted' : undefined
  return (
    <li class={`member${isSpeaking ? ' speaking' : ''}`} data-testid="member" data-name={name}>
      <Avatar userId={userId} name={name} />
      <span class="who">
        <span class="name">
          {name}
          {isMe && <em class="tag">you</em>}
          {isBot && <em class="tag">bot</em>}
          <KeyTag call={call} member={member} />
        </span>
        <span class={`state${silence === undefined ? '' : ' silent'}`}>
          {silence ?? (isSpeaking ? 'speaking' : 'listening')}
        </span>
      </span>
      <VerifyButton call={call} member={member} />
      {!isMe && <Volume call={call} member={member} />}
      {call.hasDemo && <Moderation call={call} view={view} member={member} />}
    </li>
  )
}

/** For this tab only: from silence over the sound as it is (100) to twice as loud. */
function Volume({ call, member: { userId, name, volume } }: { call: Call; member: MemberView }) {
  const percent = Math.round(volume * 100)
  return (
    <div class="volume">
      <input
        type="range"
        min="0"
        max="200"
        step="5"
        list="volumes"
        value={percent}
        aria-label={`Volume of ${name}`}
        aria-valuetext={`${percent} %`}
        title={`Volume ${percent} %`}
        onInput={event => call.setVolume(userId, Number(event.currentTarget.value) / 100)}
      />
      <span aria-hidden="true">{percent} %</span>
    </div>
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

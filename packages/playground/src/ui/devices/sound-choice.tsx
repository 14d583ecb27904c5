// The choice of sound to send: the microphone, or a sound that the page includes.
import type { Call } from '../../call/call.ts'
import type { CallView } from '../../call/call-view.ts'
import type { SoundKind } from '../../sound/sound-source.ts'

const SOUNDS: readonly { kind: SoundKind; name: string }[] = [
  { kind: 'microphone', name: 'Microphone' },
  { kind: 'speech', name: 'Speech' },
  { kind: 'tone', name: 'Tone' },
]

export function SoundField({ call, view: { sound } }: { call: Call; view: CallView }) {
  return (
    <div class="field">
      <span aria-hidden="true">You send</span>
      <fieldset class="segments">
        <legend>You send</legend>
        {SOUNDS.map(({ kind, name }) => (
          <label key={kind}>
            <input
              type="radio"
              name="sound"
              value={kind}
              checked={kind === sound}
              onChange={() => void call.setSound(kind)}
            />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
    </div>
  )
}

// The choice of sound to send: the microphone, or a sound that the page includes.
import type { SoundKind } from '../sound/sound-source.ts'

const SOUNDS: readonly { kind: SoundKind; name: string }[] = [
  { kind: 'microphone', name: 'Microphone' },
  { kind: 'speech', name: 'Speech' },
  { kind: 'tone', name: 'Tone' },
]

export function SoundChoice({ sound, onChoose }: { sound: SoundKind; onChoose: (sound: SoundKind) => void }) {
  return (
    <fieldset class="segments">
      <legend>You send</legend>
      {SOUNDS.map(({ kind, name }) => (
        <label key={kind}>
          <input type="radio" name="sound" value={kind} checked={kind === sound} onChange={() => onChoose(kind)} />
          <span>{name}</span>
        </label>
      ))}
    </fieldset>
  )
}

// The user's controls: mute, choice of sound, camera, leave. The key M mutes.
import { useEffect } from 'preact/hooks'
import type { Call } from '../call.ts'
import type { CallView } from '../call-view.ts'
import { SoundChoice } from './sound-choice.tsx'

/** Whether a key press enters text. */
const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && target.type === 'text')

/** The key listener is of the whole window, so that M works wherever the focus is, except in text. */
export function Controls({ call, view }: { call: Call; view: CallView }) {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat
      if (isPlain && event.key.toLowerCase() === 'm' && !isTyping(event.target))
        call.setMuted(!call.store.value.isMuted)
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [call])
  return (
    <section class="controls" aria-label="Your controls">
      <SoundChoice sound={view.sound} onChoose={sound => void call.setSound(sound)} />
      <div class="buttons">
        <button
          type="button"
          class={`round${view.isMuted ? ' off' : ''}`}
          aria-keyshortcuts="M"
          title="Mute yourself (M)"
          onClick={() => call.setMuted(!view.isMuted)}
        >
          {view.isMuted ? 'Unmute me' : 'Mute me'}
        </button>
        <button
          type="button"
          class={`round${view.hasCamera ? ' on' : ''}`}
          onClick={() => void call.setCamera(!view.hasCamera)}
        >
          {view.hasCamera ? 'Camera off' : 'Camera'}
        </button>
        <button type="button" class="round leave" onClick={() => call.leave()}>
          Leave
        </button>
      </div>
    </section>
  )
}

// The user's controls: mute, deafen, camera, screen, devices, leave. The key M mutes, D deafens.
import { useEffect, useState } from 'preact/hooks'
import type { Call } from '../../call/call.ts'
import type { CallView } from '../../call/call-view.ts'
import { canShareScreen } from '../../picture/capture.ts'
import { DevicePanel } from '../devices/device-panel.tsx'
import { InputMeter } from '../devices/input-meter.tsx'
import { SoundField } from '../devices/sound-choice.tsx'
import { Dialog } from '../dialog.tsx'
import { Icon, type IconName } from '../icons.tsx'

/** Whether a key press enters text. */
const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLTextAreaElement ||
  target instanceof HTMLSelectElement ||
  (target instanceof HTMLInputElement && target.type === 'text')

interface ControlProps {
  readonly icon: IconName
  readonly text: string
  /** `off`: something does not work because of it; `on`: something is sent. */
  readonly state?: 'on' | 'off' | 'leave' | undefined
  readonly shortcut?: string
  readonly onClick: () => void
}

/** The text is not shown on narrow screens. */
function Control({ icon, text, state, shortcut, onClick }: ControlProps) {
  return (
    <button
      type="button"
      class={`control ${state ?? ''}`}
      aria-keyshortcuts={shortcut}
      title={shortcut === undefined ? text : `${text} (${shortcut})`}
      onClick={onClick}
    >
      <Icon name={icon} />
      <span class="text">{text}</span>
    </button>
  )
}

/** The key listener is of the whole window, so that the keys work wherever the focus is, except in text. */
export function Controls({ call, view }: { call: Call; view: CallView }) {
  const [isOpen, setOpen] = useState(false)
  const { isMuted, isDeafened, hasCamera, hasScreen } = view
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat
      if (!isPlain || isTyping(event.target)) return
      const { value } = call.store
      if (event.key.toLowerCase() === 'm') call.setMuted(!value.isMuted)
      if (event.key.toLowerCase() === 'd') call.setDeafened(!value.isDeafened)
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [call])
  return (
    <section class="controls" aria-label="Your controls">
      <InputMeter call={call} isMuted={isMuted} />
      <Control
        icon={isMuted ? 'muted' : 'microphone'}
        text={isMuted ? 'Unmute me' : 'Mute me'}
        state={isMuted ? 'off' : undefined}
        shortcut="M"
        onClick={() => call.setMuted(!isMuted)}
      />
      <Control
        icon={isDeafened ? 'deafened' : 'headphones'}
        text={isDeafened ? 'Undeafen' : 'Deafen'}
        state={isDeafened ? 'off' : undefined}
        shortcut="D"
        onClick={() => call.setDeafened(!isDeafened)}
      />
      <Control
        icon="camera"
        text={hasCamera ? 'Camera off' : 'Camera'}
        state={hasCamera ? 'on' : undefined}
        onClick={() => call.setCamera(!hasCamera)}
      />
      {canShareScreen() && (
        <Control
          icon="screen"
          text={hasScreen ? 'Stop sharing' : 'Share screen'}
          state={hasScreen ? 'on' : undefined}
          onClick={() => call.setScreen(!hasScreen)}
        />
      )}
      <Control icon="devices" text="Devices" onClick={() => setOpen(true)} />
      <Control icon="leave" text="Leave" state="leave" onClick={() => call.leave()} />
      {isOpen && (
        <Dialog title="Devices" onClose={() => setOpen(false)}>
          <SoundField call={call} view={view} />
          <DevicePanel call={call} view={view} />
        </Dialog>
      )}
    </section>
  )
}

// The user's devices, and the level of what the user sends; before a call and during one.
import type { Call } from '../../call/call.ts'
import type { CallView } from '../../call/call-view.ts'
import type { DeviceKind } from '../../devices/devices.ts'
import { useStore } from '../../store.ts'
import { InputMeter } from './input-meter.tsx'

const NAMES: Readonly<Record<DeviceKind, string>> = { microphone: 'Microphone', camera: 'Camera', speaker: 'Speaker' }

export function DevicePanel({ call, view }: { call: Call; view: CallView }) {
  const { canChooseSpeaker } = useStore(call.devices.store)
  return (
    <div class="devices">
      <div class="field">
        <span aria-hidden="true">Input level</span>
        <InputMeter call={call} isMuted={view.isMuted} />
      </div>
      <DeviceChoice call={call} kind="microphone" />
      <DeviceChoice call={call} kind="camera" />
      {canChooseSpeaker && <DeviceChoice call={call} kind="speaker" />}
    </div>
  )
}

/** Browsers name the devices once the user has allowed the use of one. */
function DeviceChoice({ call, kind }: { call: Call; kind: DeviceKind }) {
  const { devices, chosen } = useStore(call.devices.store)
  return (
    <label class="field">
      {NAMES[kind]}
      <select value={chosen[kind] ?? ''} onChange={event => call.chooseDevice(kind, event.currentTarget.value)}>
        <option value="">Default</option>
        {devices[kind].map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}

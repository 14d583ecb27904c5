// The level of what the user sends. It is drawn without rendering, because it changes 20 times a second.
import { useEffect, useRef } from 'preact/hooks'
import type { Call } from '../../call/call.ts'

const INTERVAL = 50
const PARTS = 100

export function InputMeter({ call, isMuted }: { call: Call; isMuted: boolean }) {
  const element = useRef<HTMLMeterElement>(null)
  useEffect(() => {
    const show = () => {
      if (element.current !== null) element.current.value = Math.round(call.level * PARTS)
    }
    const timer = window.setInterval(show, INTERVAL)
    return () => window.clearInterval(timer)
  }, [call])
  return (
    <meter
      ref={element}
      class={`input-meter${isMuted ? ' muted' : ''}`}
      aria-label="Input level"
      min={0}
      max={PARTS}
      title={isMuted ? 'Input level; you are muted' : 'Input level'}
    />
  )
}

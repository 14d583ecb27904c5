// One tile: a picture or an avatar, the member's name, and what the user can do with it.
import { useEffect, useRef } from 'preact/hooks'
import type { Call } from '../../call/call.ts'
import type { CallView } from '../../call/call-view.ts'
import { layerRows } from '../../call/layer-rows.ts'
import type { Tile } from '../../call/tiles.ts'
import { QUALITIES, type Quality } from '../../call/wants.ts'
import { Avatar } from '../avatar.tsx'
import { Icon } from '../icons.tsx'
import { NamesAndValues } from '../names-and-values.tsx'

const QUALITY_NAMES: Readonly<Record<Quality, string>> = { auto: 'Auto', high: 'High', low: 'Low', off: 'Off' }

interface TileProps {
  readonly call: Call
  readonly view: CallView
  readonly tile: Tile
}

/** A click anywhere on the tile pins it; the button that does so covers the picture, below the other controls. */
export function PictureTile({ call, view, tile }: TileProps) {
  const { key, userId, name, role, isMe, isSpeaking, isSilenced, isPinned, track, quality } = tile
  const isScreen = role === 'screen'
  const what = isScreen ? `the screen of ${name}` : name
  const classes = ['tile', role, isMe && 'mine', isSpeaking && !isScreen && 'speaking', isPinned && 'pinned']
  return (
    <figure class={classes.filter(Boolean).join(' ')} data-testid="tile" data-name={name} data-role={role}>
      {track === undefined ? <Avatar userId={userId} name={name} /> : <Picture call={call} tile={tile} track={track} />}
      <button
        type="button"
        class="pin"
        aria-pressed={isPinned}
        aria-label={isPinned ? `Unpin ${what}` : `Pin ${what}`}
        title={isPinned ? 'Show all at the same size' : 'Show large'}
        onClick={() => call.pin(isPinned ? undefined : key)}
      >
        <Icon name="pin" />
      </button>
      <figcaption>
        {isSilenced && !isScreen && <Icon name="muted" />}
        <span class="name">{isMe ? 'You' : name}</span>
        {isScreen && <span class="what">screen</span>}
        {quality === 'off' && <span class="what">picture off</span>}
      </figcaption>
      {quality !== undefined && (
        <label class="quality">
          <span class="unseen">Quality of {what}</span>
          <select
            value={quality}
            title="Quality of this picture"
            onChange={event => call.setQuality(key, event.currentTarget.value as Quality)}
          >
            {QUALITIES.map(each => (
              <option key={each} value={each}>
                {QUALITY_NAMES[each]}
              </option>
            ))}
          </select>
        </label>
      )}
      {view.showsLayers && <Layers view={view} tile={tile} />}
    </figure>
  )
}

/** Reports its size, which decides how much of the source is wanted. */
function Picture({
  call,
  tile: { key, role, name, isMe },
  track,
}: Omit<TileProps, 'view'> & { track: MediaStreamTrack }) {
  const element = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    if (element.current !== null) element.current.srcObject = new MediaStream([track])
  }, [track])
  useEffect(() => {
    const video = element.current
    if (video === null || isMe) return
    const observer = new ResizeObserver(() =>
      call.setPixels(key, video.clientWidth * video.clientHeight * window.devicePixelRatio ** 2),
    )
    observer.observe(video)
    return () => {
      observer.disconnect()
      call.setPixels(key, undefined)
    }
  }, [call, key, isMe])
  const label = role === 'screen' ? `Screen of ${name}` : `Camera of ${name}`
  return <video ref={element} autoplay playsInline muted aria-label={label} />
}

/** Layers and bit rates. */
function Layers({ view, tile: { key, track } }: Omit<TileProps, 'call'>) {
  const readings = track === undefined ? [] : (view.videoReadings.get(track.id) ?? [])
  const rows = layerRows(view.layers.get(key), readings)
  if (rows.length === 0) return null
  return <NamesAndValues rows={rows} class="layers" testId="layers" />
}

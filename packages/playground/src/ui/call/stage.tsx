// The grid of all members' cameras and screens, or one of them large with the others beside it.
import type { Call } from '../../call/call.ts'
import type { CallView } from '../../call/call-view.ts'
import { tilesOf } from '../../call/tiles.ts'
import { Icon } from '../icons.tsx'
import { PictureTile } from './picture-tile.tsx'

/** `name` is that of the channel. A tile that is pinned stays where it is in the document: a video that is moved stops. */
export function Stage({ call, view, name }: { call: Call; view: CallView; name: string }) {
  const tiles = tilesOf(view)
  const hasPinned = tiles.some(({ isPinned }) => isPinned)
  return (
    <section class="stage" aria-label="Cameras and screens">
      <header class="stage-head">
        <h2>
          {name} <span class="count">{view.members.length}</span>
        </h2>
        <Encryption view={view} />
        <button
          type="button"
          class="toggle"
          aria-pressed={view.showsLayers}
          title="Show the layer and the bit rate of each picture"
          onClick={() => call.showLayers(!view.showsLayers)}
        >
          <Icon name="layers" />
          Layers
        </button>
      </header>
      <div class={`tiles ${hasPinned ? 'focused' : 'even'}`} style={shapeOf(tiles.length)}>
        {tiles.map(tile => (
          <PictureTile key={tile.key} call={call} view={view} tile={tile} />
        ))}
      </div>
    </section>
  )
}

/** Columns and rows for a number of tiles: `wide` on a desktop, `narrow` on a phone. */
function shapeOf(count: number) {
  const wide = Math.ceil(Math.sqrt(count))
  const narrow = count <= 2 ? 1 : 2
  const shape = { '--wide': wide, '--wide-rows': Math.ceil(count / wide), '--narrow': narrow }
  return Object.fromEntries(Object.entries(shape).map(([name, value]) => [name, String(value)]))
}

const LOCKS = { closed: 'Encrypted', opening: 'Encrypting …', open: 'Not encrypted' } as const

/** Whether the call is encrypted end to end; unfolded, with the privacy code, or why it is not. */
function Encryption({ view: { encryption, lock } }: { view: CallView }) {
  return (
    <details class={`lock ${lock}`}>
      <summary>
        <Icon name={lock === 'closed' ? 'lock' : 'unlocked'} />
        {LOCKS[lock]}
      </summary>
      <p class="card">{encryption}</p>
    </details>
  )
}
